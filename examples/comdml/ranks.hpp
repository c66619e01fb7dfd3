// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml train --transport mpi: this process is one agent, a rank of an MPI program.
#pragma once

#include <string>

#include "options.hpp"

namespace program {

/// Every rank is told the same. Rank 0 speaks for all: progress, files, the result; what is wrong with one rank is told
/// by that rank, and all end with the same exit code.
/// \returns an exit_code \throws comdml::input_error, comdml::run_error
int train_as_rank(train_options wanted, const output_options& output, const std::string& typed);

}  // namespace program
