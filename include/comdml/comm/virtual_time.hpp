// SPDX-License-Identifier: BSL-1.0
/// \file
/// Virtual time for agents that are threads of one process: a conservative, deterministic scheduler.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comdml/comm/waiting.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// Every agent has its own time. What one agent can see of another happens in the total order (time, agent id,
/// sequence): an agent acts only when no other agent can still act before it. For that each agent is known to do
/// nothing before
/// - its own time, while its code runs; a computation moves that to the booked end before the work starts;
/// - the earliest time at which its call can end, while it waits (never, if nothing is under way to it);
/// - its kill time: a crash is an event like any other.
/// So results depend neither on the operating system's schedule nor on how long the work really takes.
class virtual_time {
 public:
  static constexpr bool real = false;

  virtual_time(std::size_t agents, std::span<const seconds> kill_times) : agents_(agents) {
    for (std::size_t i = 0; i < agents; ++i) agents_[i].kill = kill_times[i];
  }

  [[nodiscard]] seconds now(agent_id id) const { return agents_[id.value].time; }
  [[nodiscard]] seconds end_time(agent_id id) const { return agents_[id.value].end; }
  [[nodiscard]] const std::string& deadlock() const noexcept { return deadlock_; }

  void enter(std::unique_lock<std::mutex>& lock, agent_id id) { suspend(lock, id, nullptr); }

  void wait(std::unique_lock<std::mutex>& lock, agent_id id, const detail::waiting_call& call) {
    suspend(lock, id, &call);
  }

  void changed(agent_id id) { agents_[id.value].update(horizon_); }

  seconds spend(agent_id id, seconds cost) {
    state& agent = agents_[id.value];
    stop_if_over(agent);
    agent.time += cost;
    if (agent.time >= agent.kill) throw detail::agent_killed{};  // in the middle of it
    dispatch();
    return agent.time;
  }

  bool leave(std::unique_lock<std::mutex>& lock, agent_id id) {
    state& agent = agents_[id.value];
    if (!over(agent)) await_turn(lock, agent, nullptr);
    if (over(agent)) return false;
    end(agent, agent.time);
    dispatch();
    return true;
  }

 private:
  struct state {
    seconds time{};
    seconds kill = seconds::infinity();
    seconds end = seconds::infinity();
    bool waiting = false;
    seconds wake{};                              ///< while waiting: nothing before that
    const detail::waiting_call* call = nullptr;  ///< while waiting: null if only for its turn
    std::condition_variable turn;

    [[nodiscard]] bool ended() const { return end < seconds::infinity(); }
    [[nodiscard]] seconds bound() const { return std::min(waiting ? wake : time, kill); }
    /// What changed, changed at the horizon: nothing can be noticed earlier.
    void update(seconds horizon) {
      if (waiting) wake = call == nullptr ? time : std::max({time, horizon, call->next()});
    }
  };

  [[nodiscard]] bool over(const state& agent) const { return agent.ended() || !deadlock_.empty(); }
  void stop_if_over(const state& agent) const {
    if (agent.ended()) throw detail::agent_killed{};
    if (!deadlock_.empty()) throw run_error{deadlock_};
  }

  void suspend(std::unique_lock<std::mutex>& lock, agent_id id, const detail::waiting_call* call) {
    state& agent = agents_[id.value];
    stop_if_over(agent);
    await_turn(lock, agent, call);
    stop_if_over(agent);
  }

  void await_turn(std::unique_lock<std::mutex>& lock, state& agent, const detail::waiting_call* call) {
    agent.waiting = true;
    agent.call = call;
    agent.update(horizon_);
    dispatch();
    agent.turn.wait(lock, [&] { return !agent.waiting; });
  }

  void end(state& agent, seconds when) {
    agent.end = when;
    for (state& other : agents_) other.update(when);
  }

  static void resume(state& agent) {
    agent.waiting = false;
    agent.call = nullptr;
    agent.turn.notify_one();
  }

  /// Lets the next agent act, if it is certain which one that is.
  void dispatch() {
    while (deadlock_.empty()) {
      state* next = nullptr;
      for (state& agent : agents_)
        if (!agent.ended() && (next == nullptr || agent.bound() < next->bound())) next = &agent;
      if (next == nullptr) return;
      const seconds when = next->bound();
      if (when == seconds::infinity()) return report_deadlock();
      if (when == next->kill) {
        horizon_ = when;
        end(*next, when);
        if (next->waiting) resume(*next);
      } else {
        if (next->waiting) {
          horizon_ = next->time = when;
          resume(*next);
        }
        return;
      }
    }
  }

  void report_deadlock() {
    deadlock_ = "deadlock: no agent can go on";
    for (std::size_t i = 0; i < agents_.size(); ++i)
      if (!agents_[i].ended())
        deadlock_ +=
            text("\n  agent ", i, " at ", agents_[i].time.value(), " s waits for ", agents_[i].call->describe());
    for (state& agent : agents_)
      if (agent.waiting) resume(agent);
  }

  std::vector<state> agents_;
  seconds horizon_{};
  std::string deadlock_;
};

}  // namespace comdml::comm
