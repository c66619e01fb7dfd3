// SPDX-License-Identifier: BSL-1.0
/// \file
/// The command-line program: trains, evaluates and predicts. All policies are chosen at run time.
#include <exception>
#include <iostream>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "commands.hpp"
#include "comdml/core/errors.hpp"

int main(int argc, char** argv) {
  using namespace program;
  CLI::App app{"Decentralized training that does not wait for its slowest machine (ComDML).", "comdml"};
  app.set_version_flag("--version", "comdml " COMDML_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Each command has its own --help.\n"
      "Exit codes: 0 done, 2 bad input or usage, 3 the run failed, 130 interrupted (Ctrl-C; results so far are kept).");

  const std::vector<action> actions{add_train(app), add_evaluate(app), add_predict(app)};
  for (CLI::App* const command : app.get_subcommands({}))
    command->footer(command->get_footer() +
                    "\n\nExit codes: 0 done, 2 bad input or usage, 3 the run failed, 130 interrupted.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_code::done : exit_code::bad_input;
  }

  try {
    const std::vector<CLI::App*> commands = app.get_subcommands({});
    for (std::size_t i = 0; i < commands.size(); ++i)
      if (commands[i]->parsed()) return actions[i]();
    return exit_code::bad_input;
  } catch (const comdml::input_error& error) {
    std::cerr << "comdml: " << error.what() << '\n';
    return exit_code::bad_input;
  } catch (const std::exception& error) {
    std::cerr << "comdml: the run failed: " << error.what() << '\n';
    return exit_code::run_failed;
  }
}
