// SPDX-License-Identifier: BSL-1.0
/// \file
/// The job under a virtual clock.
#include "run_job.hpp"

namespace program {

comdml::learn::history run_virtual(const train_task& task, any_observer observer, const comdml::learn::control& hold) {
  return run_job<virtual_job>(task, std::move(observer), hold);
}

}  // namespace program
