// SPDX-License-Identifier: BSL-1.0
/// \file
/// Options on the command line.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include "texts.hpp"

namespace program {

/// Visitor that gives a CLI11 command one option for each one that it is shown. The values must outlive the command.
class command_line {
 public:
  explicit command_line(CLI::App& command) : command_{command} {}

  void group(const std::string& title) { group_ = title; }

  template <class Value>
  void text(const std::string& name, Value& value, const std::string& type, text_check check, const std::string& help) {
    add(name, type, std::move(check), help, [&value](const std::string& written) { value = written; });
    if constexpr (std::is_same_v<Value, std::string>) show_default(name, value);
  }

  void count(const std::string& name, std::uint64_t& value, count_range range, const std::string& help) {
    add(
        name, "N", [range](const std::string& written) { return outside(written, range); }, help,
        [&value](const std::string& written) { value = *to_count(written); });
    show_default(name, std::to_string(value));
  }

  template <class Value>
  void number(const std::string& name, Value& value, number_range range, const std::string& help) {
    add(
        name, "X", [range](const std::string& written) { return outside(written, range); }, help,
        [&value](const std::string& written) { value = *to_number(written); });
    if constexpr (std::is_same_v<Value, double>) show_default(name, to_text(value));
  }

  void flag(const std::string& name, bool& value, const std::string& help) {
    command_.add_flag("--" + name, value, help)->group(group_);
  }

 private:
  void add(const std::string& name, const std::string& type, text_check check, const std::string& help,
           const std::function<void(const std::string&)>& assign) {
    command_.add_option_function("--" + name, assign, help)
        ->group(group_)
        ->type_name(type)
        ->take_last()
        ->check(CLI::Validator{[check = std::move(check)](std::string& written) { return check(written); }, ""});
  }

  /// An empty default says nothing: the help text tells what happens then.
  void show_default(const std::string& name, const std::string& value) {
    if (CLI::Option* const option = command_.get_option("--" + name); !value.empty())
      option->description(option->get_description() + " [default: " + value + "]");
  }

  CLI::App& command_;
  std::string group_ = "Options";
};

}  // namespace program
