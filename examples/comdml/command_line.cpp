// SPDX-License-Identifier: BSL-1.0
/// \file
/// The command line, by CLI11.
#include "command_line.hpp"

#include <exception>
#include <iostream>
#include <utility>

#include <CLI/CLI.hpp>

#include "commands.hpp"
#include "comdml/core/errors.hpp"
#include "pairings.hpp"

namespace program {

namespace {

constexpr const char* exit_codes =
    "Exit codes: 0 done, 2 bad input or usage, 3 the run failed, 130 interrupted (Ctrl-C; what was reached is kept).";

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

void command::require(const std::string& name) { app_.get_option("--" + name)->required(); }

void command::footer(const std::string& text) { app_.footer(text + "\n\n" + exit_codes); }

bool command::is_given(const std::string& name) const { return app_.get_option("--" + name)->count() > 0; }

/// An empty standard value says nothing: the help text tells what happens then. The last of several values counts.
void command::add(const std::string& name, const std::string& type, text_check check, const std::string& help,
                  const std::string& standard, std::function<void(const std::string&)> assign) {
  app_.add_option_function("--" + name, std::move(assign),
                           standard.empty() ? help : help + " [default: " + standard + "]")
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
    actions.emplace_back(sub_command, entry.add(command{*sub_command}));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_code::done : exit_code::bad_input;
  }
  try {
    for (const auto& [sub_command, act] : actions)
      if (sub_command->parsed()) return act();
    return exit_code::bad_input;
  } catch (const comdml::input_error& error) {
    std::cerr << "comdml: " << error.what() << '\n';
    return exit_code::bad_input;
  } catch (const std::exception& error) {
    std::cerr << "comdml: the run failed: " << error.what() << '\n';
    return exit_code::run_failed;
  }
}

}  // namespace program
