// SPDX-License-Identifier: BSL-1.0
/// \file
/// The program's commands, one file each. To add one: write its file, declare it here, and list it in main.cpp.
#pragma once

#include <functional>

#include <CLI/CLI.hpp>

namespace program {

/// What the program ends with.
enum exit_code : int {
  done = 0,
  bad_input = 2,
  run_failed = 3,
  interrupted = 130,
};

/// What runs if the command was given; returns an exit_code. Bad input is a comdml::input_error.
using action = std::function<int()>;

// Each adds its command to the program.
action add_train(CLI::App& program);
action add_evaluate(CLI::App& program);
action add_predict(CLI::App& program);

}  // namespace program
