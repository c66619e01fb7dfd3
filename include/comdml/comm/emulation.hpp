// SPDX-License-Identifier: BSL-1.0
/// \file
/// Slow agents and slow links on one fast machine, in real time: processors by duty cycle, links by token bucket.
#pragma once

#include <time.h>

#include <chrono>
#include <cmath>
#include <numeric>
#include <thread>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// What an in_process network under the wall clock emulates; by default nothing.
struct emulation {
  /// Of a core, that each agent computes on, by its id; empty: as fast as it can. To be kept they must leave some of
  /// the machine free, in sum.
  std::vector<double> shares{};
  /// Whether messages arrive as the rates and latencies of their links say.
  bool links = false;

  /// Requires no shares, or one in (0, 1] for each agent.
  void require_for(std::size_t agents) const {
    COMDML_REQUIRE(shares.empty() || shares.size() == agents, shares.size(), " shares for ", agents, " agents");
    for (const double share : shares) COMDML_REQUIRE(share > 0 && share <= 1, "a share of ", share, " of a core");
  }
};

/// Processor time of the calling thread.
[[nodiscard]] inline seconds thread_time() {
  timespec now{};
  COMDML_REQUIRE(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0, "no clock of the thread's processor time");
  return seconds{static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec)};
}

/// Runs work of one thread, then rests until that took 1 / share of its processor time: what a core that is so much
/// slower would have needed, whatever else the machine does meanwhile.
template <class Work>
void at_share(double share, Work&& work) {
  const auto begin = std::chrono::steady_clock::now();
  const seconds before = thread_time();
  std::forward<Work>(work)();
  const std::chrono::duration<double> lasts{(thread_time() - before).value() / share};
  std::this_thread::sleep_until(begin + std::chrono::duration_cast<std::chrono::steady_clock::duration>(lasts));
}

}  // namespace comdml::comm
