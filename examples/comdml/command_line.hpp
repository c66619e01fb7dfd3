// SPDX-License-Identifier: BSL-1.0
/// \file
/// The command line: commands and their options. CLI11 stays behind it, in one file.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "texts.hpp"

namespace CLI {
class App;
}

namespace program {

/// A command that options are given to; also the visitor that gives it those of a table. Values must outlive it.
class command {
 public:
  /// \param typed  the whole command line, quoted for a shell
  command(CLI::App& app, std::string typed) : app_{app}, typed_{std::move(typed)} {}

  /// The options that follow stand under this title in --help.
  void group(const std::string& title) { group_ = title; }

  void text(const std::string& name, std::string& value, const std::string& type, text_check check,
            const std::string& help);
  void text(const std::string& name, std::optional<std::string>& value, const std::string& type, text_check check,
            const std::string& help);
  void count(const std::string& name, std::uint64_t& value, count_range range, const std::string& help);
  void count(const std::string& name, std::optional<std::uint64_t>& value, count_range range, const std::string& help);
  void number(const std::string& name, double& value, number_range range, const std::string& help);
  void number(const std::string& name, std::optional<double>& value, number_range range, const std::string& help);
  void flag(const std::string& name, bool& value, const std::string& help);

  /// At least one word that belongs to no option.
  void words(const std::string& name, std::vector<std::string>& value, const std::string& type,
             const std::string& help);

  /// Any number of them, also none.
  void some_words(const std::string& name, std::vector<std::string>& value, const std::string& type,
                  const std::string& help);

  /// The command will not do without this option.
  void require(const std::string& name);
  /// What --help ends with, before the exit codes.
  void footer(const std::string& text);

  [[nodiscard]] bool is_given(const std::string& name) const;
  /// What was typed to get here.
  [[nodiscard]] const std::string& typed() const noexcept { return typed_; }

 private:
  void add(const std::string& name, const std::string& type, text_check check, const std::string& help,
           const std::string& standard, std::function<void(const std::string&)> assign);

  CLI::App& app_;
  std::string typed_;
  std::string group_ = "Options";
};

}  // namespace program
