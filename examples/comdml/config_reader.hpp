// SPDX-License-Identifier: BSL-1.0
/// \file
/// Takes options from a table of a configuration file. The door to toml++.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <toml++/toml.h>

#include "comdml/core/errors.hpp"
#include "texts.hpp"

namespace program {

[[nodiscard]] inline std::string place_in(const std::filesystem::path& file, const toml::source_position& at) {
  return comdml::text(file.string(), ", line ", at.line, ", column ", at.column);
}

/// Visitor that takes each option that it is shown from a table.
class config_reader {
 public:
  config_reader(const std::filesystem::path& file, const toml::table& table,
                const std::function<bool(const std::string&)>& is_given)
      : file_{file}, table_{table}, is_given_{is_given} {}

  void group(const std::string&) {}

  template <class Value>
  void text(const std::string& name, Value& value, const std::string&, const text_check& check, const std::string&) {
    if (const toml::node* const node = find(name)) {
      const auto written = node->value_exact<std::string>();
      if (!written) refuse(name, *node, "is not a string", "write " + name + " = \"...\"");
      require(name, *node, check(*written));
      if (!is_given_(name)) value = *written;
    }
  }

  template <class Value>
  void count(const std::string& name, Value& value, count_range range, const std::string&) {
    if (const toml::node* const node = find(name)) {
      const auto written = node->value_exact<std::int64_t>();
      if (!written) refuse(name, *node, "is not a whole number", "write " + name + " = 1, say");
      require(name, *node, outside(std::to_string(*written), range));
      if (!is_given_(name)) value = static_cast<std::uint64_t>(*written);
    }
  }

  template <class Value>
  void number(const std::string& name, Value& value, number_range range, const std::string&) {
    if (const toml::node* const node = find(name)) {
      const auto written = node->is_number() ? node->value<double>() : std::nullopt;
      if (!written) refuse(name, *node, "is not a number", "write " + name + " = 0.5, say");
      require(name, *node, outside(to_text(*written), range));
      if (!is_given_(name)) value = *written;
    }
  }

  void flag(const std::string& name, bool& value, const std::string&) {
    if (const toml::node* const node = find(name)) {
      const auto written = node->value_exact<bool>();
      if (!written) refuse(name, *node, "is neither true nor false", "write " + name + " = true");
      if (!is_given_(name)) value = *written;
    }
  }

  /// A list of strings.
  void list(const std::string& name, std::vector<std::string>& values, const text_check& check) {
    const toml::node* const node = find(name);
    if (node == nullptr) return;
    const auto* const words = node->as_array();
    if (words == nullptr) refuse(name, *node, "is not a list of strings", "write " + name + " = [\"...\"]");
    for (const toml::node& one : *words) {
      const auto word = one.value_exact<std::string>();
      if (!word) refuse(name, one, "holds something else than strings", "write " + name + " = [\"...\"]");
      require(name, one, check(*word));
      values.push_back(*word);
    }
  }

  /// The table under this name; nullptr if there is none.
  const toml::table* table(const std::string& name) {
    const toml::node* const node = find(name);
    if (node == nullptr) return nullptr;
    if (node->as_table() == nullptr) refuse(name, *node, "is not a table", "begin it by [" + name + "]");
    return node->as_table();
  }
  /// The tables under this name.
  std::vector<const toml::table*> tables(const std::string& name) {
    std::vector<const toml::table*> found;
    const toml::node* const node = find(name);
    if (node == nullptr) return found;
    const std::string remedy = "begin each of them by [[" + name + "]]";
    if (node->as_array() == nullptr) refuse(name, *node, "is not a list of tables", remedy);
    for (const toml::node& one : *node->as_array()) {
      if (one.as_table() == nullptr) refuse(name, one, "is not a list of tables", remedy);
      found.push_back(one.as_table());
    }
    return found;
  }

  /// Where a key stands; where its table does if there is none.
  [[nodiscard]] std::string place(const std::string& name) const {
    const toml::node* const node = table_.get(name);
    return place_in(file_, (node == nullptr ? table_.source() : node->source()).begin);
  }

  /// Names of the keys that were asked for.
  [[nodiscard]] std::string known_keys() const {
    std::string names;
    for (const std::string& name : known_) names += (names.empty() ? "" : ", ") + name;
    return names;
  }
  void require_no_other_keys(const std::string& remedy) const {
    for (const auto& [key, node] : table_)
      if (!known_.contains(std::string{key.str()}))
        throw comdml::input_error{place_in(file_, key.source().begin), comdml::text("unknown key \"", key.str(), '"'),
                                  remedy};
  }

 private:
  const toml::node* find(const std::string& name) {
    known_.insert(name);
    return table_.get(name);
  }

  [[noreturn]] void refuse(const std::string& name, const toml::node& node, const std::string& what,
                           const std::string& remedy) const {
    throw comdml::input_error{place_in(file_, node.source().begin), name + ' ' + what, remedy};
  }

  /// `problem` is empty, or says what is wrong and the remedy.
  void require(const std::string& name, const toml::node& node, const std::string& problem) const {
    if (problem.empty()) return;
    const std::string remedy = "\n  remedy: ";
    const std::size_t split = problem.find(remedy);
    refuse(name, node, "= " + problem.substr(0, split), problem.substr(split + remedy.size()));
  }

  const std::filesystem::path& file_;
  const toml::table& table_;
  const std::function<bool(const std::string&)>& is_given_;
  std::set<std::string> known_;
};

/// Reads a file. \throws comdml::input_error with line and column where it is no TOML
[[nodiscard]] toml::table parse_config(const std::filesystem::path& file, const char* remedy);

}  // namespace program
