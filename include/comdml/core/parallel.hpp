// SPDX-License-Identifier: BSL-1.0
/// \file
/// Parallel loops whose results do not depend on the number of threads: sums run over a fixed number of blocks, and
/// the blocks are joined in their order.
#pragma once

#include <cstddef>
#include <exception>
#include <utility>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace comdml {

/// How many threads one computation may use.
struct execution {
  int threads = 1;
};

/// Calls f(i) for every i in 0 .. count-1, statically scheduled. If calls throw, one of the exceptions is rethrown
/// after all threads have ended.
template <class Function>
void parallel_for(execution exec, std::size_t count, Function&& f) {
  if (exec.threads <= 1 || count <= 1) {
    for (std::size_t i = 0; i < count; ++i) f(i);
    return;
  }
  std::exception_ptr failure;
#ifdef _OPENMP
#pragma omp parallel for schedule(static) num_threads(exec.threads)
#endif
  for (std::size_t i = 0; i < count; ++i) {
    try {
      f(i);
    } catch (...) {
#ifdef _OPENMP
#pragma omp critical(comdml_parallel_for)
#endif
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

/// Number of lanes that parallel_lanes uses for `count` calls.
[[nodiscard]] constexpr std::size_t lanes(execution exec, std::size_t count) noexcept {
  const std::size_t threads = exec.threads > 1 ? static_cast<std::size_t>(exec.threads) : 1;
  return threads < count ? threads : count;
}

/// Calls f(lane, i) for every i in 0 .. count-1. Calls of one lane follow each other, and there are at most
/// lanes(exec, count) of them: a lane is for scratch memory, a result must never depend on it.
template <class Function>
void parallel_lanes(execution exec, std::size_t count, Function&& f) {
  const std::size_t used = lanes(exec, count);
  parallel_for(exec, used, [&](std::size_t lane) {
    for (std::size_t i = count * lane / used; i < count * (lane + 1) / used; ++i) f(lane, i);
  });
}

/// Number of blocks that a deterministic sum is cut into, whatever the number of threads.
inline constexpr std::size_t reduction_blocks = 16;

/// Cuts 0 .. count-1 into at most reduction_blocks runs of nearly equal length and calls f(block, begin, end) for each
/// run that is not empty. The runs depend on `count` alone. Returns the number of runs.
template <class Function>
std::size_t parallel_blocks(execution exec, std::size_t count, Function&& f) {
  const std::size_t blocks = count < reduction_blocks ? count : reduction_blocks;
  parallel_for(exec, blocks,
               [&](std::size_t block) { f(block, count * block / blocks, count * (block + 1) / blocks); });
  return blocks;
}

/// Threads that run the same function side by side, in steps that they end together.
class team {
 public:
  team(std::size_t lane, std::size_t lanes) : lane_{lane}, lanes_{lanes} {}

  /// This thread's number, 0 .. lanes() - 1.
  [[nodiscard]] std::size_t lane() const noexcept { return lane_; }
  [[nodiscard]] std::size_t lanes() const noexcept { return lanes_; }

  /// This thread's share of 0 .. count-1: contiguous, and the same for the same count.
  template <class Function>
  void share(std::size_t count, Function&& f) const {
    for (std::size_t i = count * lane_ / lanes_; i < count * (lane_ + 1) / lanes_; ++i) f(i);
  }

  /// Waits for all threads. All must call it.
  void barrier() const {
    if (lanes_ < 2) return;
#ifdef _OPENMP
#pragma omp barrier
#endif
  }

  /// Calls f on the first thread while the others wait.
  template <class Function>
  void alone(Function&& f) const {
    barrier();
    if (lane_ == 0) f();
    barrier();
  }

 private:
  std::size_t lane_;
  std::size_t lanes_;
};

/// Calls f(team) on up to exec.threads threads, in one parallel region. f must not throw.
template <class Function>
void parallel_team([[maybe_unused]] execution exec, Function&& f) {
#ifdef _OPENMP
  if (exec.threads > 1) {
#pragma omp parallel num_threads(exec.threads)
    f(team{static_cast<std::size_t>(omp_get_thread_num()), static_cast<std::size_t>(omp_get_num_threads())});
    return;
  }
#endif
  f(team{0, 1});
}

}  // namespace comdml
