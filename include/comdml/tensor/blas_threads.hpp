// SPDX-License-Identifier: BSL-1.0
/// \file
/// A scoped guard that keeps OpenBLAS on one thread, since the library is parallel over images, and one product must
/// have the same bits whatever the number of threads.
#pragma once

#include <cstddef>
#include <mutex>

#ifdef _OPENMP
#include <omp.h>
#endif

extern "C" {
void openblas_set_num_threads(int threads);
int openblas_get_num_threads(void);
}

namespace comdml {

/// While one lives, OpenBLAS called from this thread, or from a parallel_for that this thread starts, uses one thread.
/// Guards nest, and may live on several threads at once; the last to end restores the user's setting.
///
/// OpenBLAS built on pthreads has one setting per process, so guards are counted. Built on OpenMP it follows the
/// calling thread's omp_get_max_threads() instead (and openblas_set_num_threads changes that too), so each guard also
/// sets and restores its own thread's. parallel_for states its number of threads and is not touched by this.
class blas_single_thread {
 public:
  blas_single_thread() {
#ifdef _OPENMP
    openmp_threads_ = omp_get_max_threads();
#endif
    {
      count& guards = shared();
      const std::lock_guard lock{guards.mutex};
      if (guards.alive++ == 0) {
        guards.user_setting = openblas_get_num_threads();
        if (guards.user_setting != 1) openblas_set_num_threads(1);
      }
    }
    set_openmp_threads(1);
  }

  ~blas_single_thread() {
    {
      count& guards = shared();
      const std::lock_guard lock{guards.mutex};
      if (--guards.alive == 0 && openblas_get_num_threads() != guards.user_setting)
        openblas_set_num_threads(guards.user_setting);
    }
    set_openmp_threads(openmp_threads_);
  }

  blas_single_thread(const blas_single_thread&) = delete;
  blas_single_thread& operator=(const blas_single_thread&) = delete;

 private:
  /// The setting belongs to the process, and so must the count of those who changed it.
  struct count {
    std::mutex mutex;
    std::size_t alive = 0;
    int user_setting = 1;
  };
  static count& shared() {
    static count instance;
    return instance;
  }

  static void set_openmp_threads([[maybe_unused]] int threads) noexcept {
#ifdef _OPENMP
    omp_set_num_threads(threads);
#endif
  }

  int openmp_threads_ = 1;
};

}  // namespace comdml
