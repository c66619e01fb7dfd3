// SPDX-License-Identifier: BSL-1.0
/// \file
/// Which options mean something to which algorithm, and on which fleets it works.
#pragma once

#include "train_task.hpp"

namespace program {

/// Refuses options that were set to something else than their standard value and that the algorithm knows nothing of.
/// \throws comdml::input_error
void require_meaning(const train_options& options);

/// Refuses fleets that the algorithm cannot work on. \throws comdml::input_error
void require_suitable(const train_options& options, const comdml::fleet::description& fleet);

}  // namespace program
