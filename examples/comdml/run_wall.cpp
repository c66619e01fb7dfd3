// SPDX-License-Identifier: BSL-1.0
/// \file
/// The job under the wall clock.
#include "run_job.hpp"

namespace program {

comdml::learn::history run_wall(const train_task& task, any_observer observer, const comdml::learn::control& hold) {
  return run_job<wall_job>(task, std::move(observer), hold);
}

}  // namespace program
