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

struct told_options {
  /// Is told of every round, instead of a line on standard error.
  std::function<void(const comdml::learn::round_report&)> told{};
  /// Whether it is the run whose results lie in output.out.
  bool going_on = false;
};

/// \param typed  the command line
/// \returns an exit_code \throws comdml::run_error if the run could not go on
int run_told(const train_task& task, const output_options& output, const std::string& typed, const job_runner& run,
             const told_options& how = {});

}  // namespace program
