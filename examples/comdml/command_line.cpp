// SPDX-License-Identifier: BSL-1.0
/// \file
/// The command line, by CLI11.
#include "command_line.hpp"

#include <algorithm>
#include <exception>
#include <iostream>
#include <utility>

#include <CLI/CLI.hpp>

#include "commands.hpp"
#include "comdml/core/errors.hpp"
#include "pairings.hpp"

namespace program {

using comdml::text;

namespace {

constexpr const char* exit_codes =
    "Exit codes: 0 done, 2 bad input or usage, 3 the run failed, 130 interrupted (Ctrl-C; what was reached is kept).";

/// For --help: the values that an option takes, unless the help names them all.
std::string values_beside(const std::string& help, const text_check& check) {
  const auto* const known = check.target<one_of>();
  const auto named = [&](const std::string& value) { return help.find(value) != std::string::npos; };
  if (known == nullptr || std::ranges::all_of(known->values, named)) return {};
  return " [one of: " + known->list() + "]";
}

/// The words as a shell would read them; the program by its name alone.
std::string quoted(int argc, char** argv) {
  std::string line = "comdml";
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const char* const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+,./:@%";
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) {
      line += ' ' + word;
      continue;
    }
    line += " '";
    for (const char letter : word) line += letter == '\'' ? std::string{"'\\''"} : std::string{letter};
    line += '\'';
  }
  return line;
}

/// \throws comdml::input_error if the first word is neither a command nor an option that does without one
void require_command(int argc, char** argv, const std::vector<command_entry>& entries) {
  const std::string first = argc > 1 ? argv[1] : "";
  if (first == "-h" || first == "--help" || first == "--version") return;
  std::vector<std::string> names;
  for (const command_entry& entry : entries) names.emplace_back(entry.name);
  if (std::ranges::find(names, first) != names.end()) return;
  throw comdml::input_error{"the command line", argc > 1 ? '"' + first + "\" is not a command" : "no command was given",
                            "begin with one of " + one_of{names}.list() + ", or see comdml --help"};
}

}  // namespace

void command::text(const std::string& name, std::string& value, const std::string& type, text_check check,
                   const std::string& help) {
  add(name, type, std::move(check), help, value, [&value](const std::string& written) { value = written; });
}

void command::text(const std::string& name, std::optional<std::string>& value, const std::string& type,
                   text_check check, const std::string& help) {
  add(name, type, std::move(check), help, "", [&value](const std::string& written) { value = written; });
}

void command::count(const std::string& name, std::uint64_t& value, count_range range, const std::string& help) {
  add(
      name, "N", [range](const std::string& written) { return outside(written, range); }, help, std::to_string(value),
      [&value](const std::string& written) { value = *to_count(written); });
}

void command::count(const std::string& name, std::optional<std::uint64_t>& value, count_range range,
                    const std::string& help) {
  add(
      name, "N", [range](const std::string& written) { return outside(written, range); }, help, "",
      [&value](const std::string& written) { value = *to_count(written); });
}

void command::number(const std::string& name, double& value, number_range range, const std::string& help) {
  add(
      name, "X", [range](const std::string& written) { return outside(written, range); }, help, to_text(value),
      [&value](const std::string& written) { value = *to_number(written); });
}

void command::number(const std::string& name, std::optional<double>& value, number_range range,
                     const std::string& help) {
  add(
      name, "X", [range](const std::string& written) { return outside(written, range); }, help, "",
      [&value](const std::string& written) { value = *to_number(written); });
}

void command::flag(const std::string& name, bool& value, const std::string& help) {
  app_.add_flag("--" + name, value, help)->group(group_);
}

void command::words(const std::string& name, std::vector<std::string>& value, const std::string& type,
                    const std::string& help) {
  app_.add_option(name, value, help)->type_name(type)->required();
}

void command::some_words(const std::string& name, std::vector<std::string>& value, const std::string& type,
                         const std::string& help) {
  app_.add_option(name, value, help)->type_name(type);
}

void command::require(const std::string& name) { app_.get_option("--" + name)->required(); }

void command::footer(const std::string& text) { app_.footer(text + "\n\n" + exit_codes); }

bool command::is_given(const std::string& name) const { return app_.get_option("--" + name)->count() > 0; }

/// An empty standard value says nothing: the help text tells what happens then. The last of several values counts.
void command::add(const std::string& name, const std::string& type, text_check check, const std::string& help,
                  const std::string& standard, std::function<void(const std::string&)> assign) {
  app_.add_option_function("--" + name, std::move(assign),
                           help + values_beside(help, check) + (standard.empty() ? "" : " [default: " + standard + "]"))
      ->group(group_)
      ->type_name(type)
      ->take_last()
      ->check(CLI::Validator{[check = std::move(check)](std::string& written) { return check(written); }, ""});
}

int run_command_line(int argc, char** argv, const std::vector<command_entry>& entries) {
  CLI::App app{"Decentralized training that does not wait for its slowest machine (ComDML).", "comdml"};
  app.set_version_flag("--version", "comdml " COMDML_VERSION "\nlicence: " + license());
  app.require_subcommand(1);
  app.footer(std::string{"Each command has its own --help.\n"} + exit_codes);

  std::vector<std::pair<CLI::App*, action>> actions;
  for (const command_entry& entry : entries) {
    CLI::App* const sub_command = app.add_subcommand(entry.name, entry.help);
    actions.emplace_back(sub_command, entry.add(command{*sub_command, quoted(argc, argv)}));
  }
  const auto finish = [&]() -> int {
    try {
      require_command(argc, argv, entries);
      app.parse(argc, argv);
      for (const auto& [sub_command, act] : actions)
        if (sub_command->parsed()) return act();
      return exit_code::bad_input;
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
      const std::string told = error.what();
      std::cerr << "comdml: " << told
                << (told.find("remedy: ") == std::string::npos ? text("\n  remedy: see comdml ", argv[1], " --help")
                                                               : "")
                << '\n';
      return exit_code::bad_input;
    } catch (const comdml::input_error& error) {
      std::cerr << "comdml: " << error.what() << '\n';
      return exit_code::bad_input;
    } catch (const std::exception& error) {
      std::cerr << "comdml: the run failed: " << error.what() << '\n';
      return exit_code::run_failed;
    }
  };
  const int code = finish();
  if (std::cout.flush()) return code;
  std::cerr << "comdml: standard output cannot be written; is the disk full?\n";
  return exit_code::run_failed;
}

}  // namespace program
