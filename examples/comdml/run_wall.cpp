// SPDX-License-Identifier: BSL-1.0
/// \file
/// The job under the wall clock: a whole fleet in this process, or one agent over any engine. Compiled once for both.
#include "run_job.hpp"

namespace program {

comdml::learn::history run_wall(const train_task& task, any_observer observer, const comdml::learn::control& hold) {
  return run_job<wall_job>(task, std::move(observer), hold);
}

void run_agent(const train_task& task, any_transport& line, const seat& place, comdml::learn::history& past,
               any_observer observer, const comdml::learn::control& hold) {
  run_agent_job<wall_job>(task, line, place, past, std::move(observer), hold);
}

}  // namespace program
