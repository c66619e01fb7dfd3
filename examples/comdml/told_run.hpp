// SPDX-License-Identifier: BSL-1.0
/// \file
/// A run before people's eyes: progress while it lasts, files in its folder, what came of it at the end.
#pragma once

#include <functional>
#include <string>

#include "comdml/learn/control.hpp"
#include "comdml/learn/history.hpp"
#include "comdml/learn/round_report.hpp"
#include "options.hpp"
#include "train_task.hpp"

namespace program {

/// Trains. \throws comdml::learn::incomplete_run with what was reached
using job_runner = std::function<comdml::learn::history(const any_observer&, const comdml::learn::control&)>;

/// \param typed  the command line
/// \param told   is told of every round, instead of a line on standard error
/// \returns an exit_code \throws comdml::run_error if the run could not go on
int run_told(const train_task& task, const output_options& output, const std::string& typed, const job_runner& run,
             const std::function<void(const comdml::learn::round_report&)>& told = {});

}  // namespace program
