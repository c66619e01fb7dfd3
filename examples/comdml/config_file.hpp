// SPDX-License-Identifier: BSL-1.0
/// \file
/// Configuration files: TOML with the options' names as keys.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "options.hpp"
#include "simulate_options.hpp"

namespace program {

/// Reads options from a file; those that `is_given` on the command line are checked, and stay as they are.
/// \throws comdml::input_error with line and column for anything but known keys with good values
void read_config(const std::filesystem::path& file, const std::function<bool(const std::string&)>& is_given,
                 train_options& options, output_options& output);
void read_config(const std::filesystem::path& file, const std::function<bool(const std::string&)>& is_given,
                 simulate_options& options, simulate_output& output);

/// The keys of such a file with their values, as text, whatever they are: the file may be another version's.
/// \throws comdml::input_error with line and column unless it is TOML without tables
[[nodiscard]] std::vector<std::pair<std::string, std::string>> list_options(const std::filesystem::path& file);

/// The options as such a file, none left out that has a value. Names of files are made absolute.
[[nodiscard]] std::string write_config(const train_options& options);
[[nodiscard]] std::string write_config(const simulate_options& options);

}  // namespace program
