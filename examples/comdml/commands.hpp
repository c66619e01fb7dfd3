// SPDX-License-Identifier: BSL-1.0
/// \file
/// The program's commands, one file each. To add one: write its file, declare it here, and list it in main.cpp.
#pragma once

#include <functional>
#include <vector>

#include "command_line.hpp"

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

struct command_entry {
  const char* name;
  const char* help;
  /// Gives the command its options.
  action (*add)(command);
};

[[nodiscard]] action add_train(command options);
[[nodiscard]] action add_simulate(command options);
[[nodiscard]] action add_compare(command options);
[[nodiscard]] action add_plan(command options);
[[nodiscard]] action add_report(command options);
[[nodiscard]] action add_profile(command options);
[[nodiscard]] action add_emulate(command options);
[[nodiscard]] action add_evaluate(command options);
[[nodiscard]] action add_predict(command options);
[[nodiscard]] action add_keygen(command options);
[[nodiscard]] action add_agent(command options);
[[nodiscard]] action add_status(command options);

/// Reads the command line and runs the command that it names. Returns an exit_code.
[[nodiscard]] int run_command_line(int argc, char** argv, const std::vector<command_entry>& entries);

}  // namespace program
