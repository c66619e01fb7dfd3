// SPDX-License-Identifier: BSL-1.0
/// \file
/// Configuration files.
#include "config_file.hpp"

#include <cstdint>
#include <map>
#include <sstream>
#include <system_error>

#include "comdml/core/errors.hpp"
#include "config_reader.hpp"

namespace program {

using comdml::input_error;

namespace {

/// Visitor that writes each option that it is shown.
class config_writer {
 public:
  void group(const std::string& title) { out_ << (out_.view().empty() ? "" : "\n") << "# " << title << '\n'; }

  template <class Value>
  void text(const std::string& name, const Value& value, const std::string& type, const text_check&,
            const std::string&) {
    if constexpr (requires { value.has_value(); }) {
      if (value) write(name, *value);
    } else if (!value.empty()) {
      write(name, from_anywhere(type, value));
    }
  }

  template <class Value>
  void count(const std::string& name, const Value& value, count_range, const std::string&) {
    if constexpr (requires { value.has_value(); }) {
      if (value) out_ << name << " = " << *value << '\n';
    } else {
      out_ << name << " = " << value << '\n';
    }
  }

  template <class Value>
  void number(const std::string& name, const Value& value, number_range, const std::string&) {
    if constexpr (requires { value.has_value(); }) {
      if (value) out_ << name << " = " << to_text(*value) << '\n';
    } else {
      out_ << name << " = " << to_text(value) << '\n';
    }
  }

  [[nodiscard]] std::string written() const { return out_.str(); }

 private:
  void write(const std::string& name, const std::string& value) {
    out_ << name << " = " << toml::value<std::string>{value} << '\n';
  }

  std::ostringstream out_;
};

template <class Options, class Output>
void read(const char* command, const std::filesystem::path& file,
          const std::function<bool(const std::string&)>& is_given, Options& options, Output& output) {
  const toml::table table = parse_config(file, "give a TOML file with --config");
  config_reader reader{file, table, is_given};
  visit_options(options, reader);
  visit_options(output, reader);
  reader.require_no_other_keys(
      comdml::text("keys are the names of the options of comdml ", command, ": see comdml ", command, " --help"));
}

template <class Options>
std::string write(const char* command, const Options& options) {
  config_writer writer;
  visit_options(options, writer);
  return comdml::text("# What `comdml ", command, "` was told, complete. The same again: comdml ", command,
                      " --config THIS_FILE\n\n", writer.written());
}

}  // namespace

toml::table parse_config(const std::filesystem::path& file, const char* remedy) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored))
    throw input_error{file.string(), "there is no such file", remedy};
  if (std::filesystem::file_size(file, ignored) > 1 << 20)
    throw input_error{file.string(), "too large for a configuration", remedy};
  try {
    return toml::parse_file(file.string());
  } catch (const toml::parse_error& error) {
    throw input_error{place_in(file, error.source().begin), std::string{error.description()}, "mend the TOML there"};
  }
}

std::vector<std::pair<std::string, std::string>> list_options(const std::filesystem::path& file) {
  const toml::table table = parse_config(file, "give a folder that comdml train --out has written");
  // In the order of the file, which a table does not keep.
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::pair<std::string, std::string>> found;
  for (const auto& [key, node] : table) {
    std::ostringstream value;
    if (const auto* const words = node.as_string())
      value << words->get();
    else if (node.is_value())
      node.visit([&](const auto& one) {
        if constexpr (toml::is_value<decltype(one)>) value << one;
      });
    else
      throw input_error{place_in(file, node.source().begin), comdml::text("\"", key.str(), "\" is not a single value"),
                        "give a folder that comdml train --out has written"};
    found[{key.source().begin.line, key.source().begin.column}] = {std::string{key.str()}, value.str()};
  }
  std::vector<std::pair<std::string, std::string>> options;
  for (auto& [at, option] : found) options.push_back(std::move(option));
  return options;
}

void read_config(const std::filesystem::path& file, const std::function<bool(const std::string&)>& is_given,
                 train_options& options, output_options& output) {
  read("train", file, is_given, options, output);
}
void read_config(const std::filesystem::path& file, const std::function<bool(const std::string&)>& is_given,
                 simulate_options& options, simulate_output& output) {
  read("simulate", file, is_given, options, output);
}

std::string write_config(const train_options& options) { return write("train", options); }
std::string write_config(const simulate_options& options) { return write("simulate", options); }

}  // namespace program
