// SPDX-License-Identifier: BSL-1.0
/// \file
/// What a time policy of `in_process` (virtual_time, wall_time) and the network share: a call that waits, and the end
/// of an agent that was killed.
///
/// A time policy `Time` decides when an agent may act. Every call of an agent is made with the network's lock held:
///
/// | expression                                 | meaning                                                           |
/// |--------------------------------------------|-------------------------------------------------------------------|
/// | `Time(agents, kill_times)`                 | infinity: the agent is not killed                                 |
/// | `time.now(agent)`                          | the agent's own time                                              |
/// | `time.end_time(agent)`                     | when the agent is known to end or to have ended, else infinity    |
/// | `time.enter(lock, agent)`                  | returns when it is the agent's turn to act                        |
/// | `time.wait(lock, agent, call)`             | returns when the call may be able to end                          |
/// | `time.changed(agent)`                      | what the agent's waiting call told about itself may have changed  |
/// | `time.spend(agent, cost)`                  | books a computation, returns its end; does not wait               |
/// | `time.leave(lock, agent)`                  | the agent ends; false if it was killed or stranded before         |
/// | `time.deadlock()`                          | what all agents waited for if none could go on, else empty        |
/// | `Time::real`                               | whether it is the time that passes                                |
///
/// `enter`, `wait` and `spend` throw agent_killed in an agent that has been killed, run_error in a deadlock.
#pragma once

#include <functional>
#include <string>

#include "comdml/core/units.hpp"

namespace comdml::comm::detail {

/// A call that cannot end yet.
struct waiting_call {
  /// Earliest time at which it can end, as far as is known now: an arrival, a deadline, the end of a peer.
  std::function<seconds()> next;
  /// What it waits for, to be read by people.
  std::function<std::string()> describe;
};

/// Unwinds the thread of a killed agent. No std::exception, so that a handler for errors does not stop it.
struct agent_killed {};

}  // namespace comdml::comm::detail
