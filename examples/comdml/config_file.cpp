// SPDX-License-Identifier: BSL-1.0
/// \file
/// Configuration files.
#include "config_file.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <sstream>
#include <system_error>

#include <toml++/toml.h>

#include "comdml/core/errors.hpp"

namespace program {

using comdml::input_error;

namespace {

[[nodiscard]] std::string place(const std::filesystem::path& file, const toml::source_position& at) {
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

  void require_no_other_keys(const char* command) const {
    for (const auto& [key, node] : table_)
      if (!known_.contains(std::string{key.str()}))
        throw input_error{
            place(file_, key.source().begin), comdml::text("unknown key \"", key.str(), '"'),
            comdml::text("keys are the names of the options of comdml ", command, ": see comdml ", command, " --help")};
  }

 private:
  const toml::node* find(const std::string& name) {
    known_.insert(name);
    return table_.get(name);
  }

  [[noreturn]] void refuse(const std::string& name, const toml::node& node, const std::string& what,
                           const std::string& remedy) const {
    throw input_error{place(file_, node.source().begin), name + ' ' + what, remedy};
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

toml::table parse(const std::filesystem::path& file, const char* remedy) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored))
    throw input_error{file.string(), "there is no such file", remedy};
  if (std::filesystem::file_size(file, ignored) > 1 << 20)
    throw input_error{file.string(), "too large for a configuration", remedy};
  try {
    return toml::parse_file(file.string());
  } catch (const toml::parse_error& error) {
    throw input_error{place(file, error.source().begin), std::string{error.description()}, "mend the TOML there"};
  }
}

template <class Options, class Output>
void read(const char* command, const std::filesystem::path& file,
          const std::function<bool(const std::string&)>& is_given, Options& options, Output& output) {
  const toml::table table = parse(file, "give a TOML file with --config");
  config_reader reader{file, table, is_given};
  visit_options(options, reader);
  visit_options(output, reader);
  reader.require_no_other_keys(command);
}

template <class Options>
std::string write(const char* command, const Options& options) {
  config_writer writer;
  visit_options(options, writer);
  return comdml::text("# What `comdml ", command, "` was told, complete. The same again: comdml ", command,
                      " --config THIS_FILE\n\n", writer.written());
}

}  // namespace

std::vector<std::pair<std::string, std::string>> list_options(const std::filesystem::path& file) {
  const toml::table table = parse(file, "give a folder that comdml train --out has written");
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
      throw input_error{place(file, node.source().begin), comdml::text("\"", key.str(), "\" is not a single value"),
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
