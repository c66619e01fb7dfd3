// SPDX-License-Identifier: BSL-1.0
/// \file
/// Real time for agents that are threads of one process: messages arrive at once, and computing takes what it takes,
/// unless slower ones are emulated.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "comdml/comm/waiting.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// Time is what has passed since the run began. Slow processors and links are emulated if asked for
/// (comm/emulation.hpp). A deadlock is not found: set deadlines.
class wall_time {
 public:
  static constexpr bool real = true;

  wall_time(std::size_t agents, std::span<const seconds> kill_times) : agents_(agents) {
    for (std::size_t i = 0; i < agents; ++i) agents_[i].kill = kill_times[i];
  }

  [[nodiscard]] seconds now(agent_id) const { return now(); }
  [[nodiscard]] seconds end_time(agent_id id) const { return std::min(agents_[id.value].kill, agents_[id.value].end); }
  [[nodiscard]] const std::string& deadlock() const noexcept { return no_deadlock_; }

  void enter(std::unique_lock<std::mutex>&, agent_id id) { stop_if_killed(agents_[id.value]); }

  void wait(std::unique_lock<std::mutex>& lock, agent_id id, const detail::waiting_call& call) {
    state& agent = agents_[id.value];
    const seconds until = std::min(call.next(), agent.kill);
    if (until < horizon)
      agent.changed.wait_until(
          lock, start_ + std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>{until.value()}));
    else
      agent.changed.wait(lock);
    stop_if_killed(agent);
  }

  void changed(agent_id id) { agents_[id.value].changed.notify_one(); }

  seconds spend(agent_id id, seconds) {
    stop_if_killed(agents_[id.value]);
    return now();
  }

  bool leave(std::unique_lock<std::mutex>&, agent_id id) {
    agents_[id.value].end = now();
    for (state& other : agents_) other.changed.notify_one();
    return now() < agents_[id.value].kill;
  }

 private:
  using clock = std::chrono::steady_clock;

  struct state {
    seconds kill = seconds::infinity();
    seconds end = seconds::infinity();
    std::condition_variable changed;
  };

  /// About 30 years. What lies behind that is no time to wait for, and could overflow the clock's integers.
  static constexpr seconds horizon{1e9};

  [[nodiscard]] seconds now() const { return seconds{std::chrono::duration<double>{clock::now() - start_}.count()}; }
  void stop_if_killed(const state& agent) const {
    if (agent.kill <= now()) throw detail::agent_killed{};
  }

  clock::time_point start_ = clock::now();
  std::vector<state> agents_;
  std::string no_deadlock_;
};

}  // namespace comdml::comm
