// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml train.
#include <memory>
#include <string>

#include "commands.hpp"
#include "config_file.hpp"
#include "options.hpp"
#include "ranks.hpp"
#include "told_run.hpp"
#include "train_task.hpp"

namespace program {

namespace {

int train(const train_options& wanted, const output_options& output, const std::string& typed) {
  const train_task task = prepare(wanted);
  return run_told(task, output, typed, [&](const any_observer& observer, const comdml::learn::control& hold) {
    return run(task, observer, hold);
  });
}

}  // namespace

action add_train(command options) {
  struct settings {
    train_options train;
    output_options output;
    std::string config;
  };
  const auto given = std::make_shared<settings>();
  visit_options(given->train, options);
  visit_options(given->output, options);
  options.text("config", given->config, "FILE", existing_file,
               "TOML file with any of these options as keys (rounds = 10); the command line overrides it");
  options.footer(
      "Examples:\n"
      "  comdml train --out digits\n"
      "  comdml train --dataset mnist --data-dir DIR --rounds 3 --json\n"
      "  comdml train --config digits/config.toml --partition dirichlet:0.5 --target-accuracy 0.95\n"
      "  mpirun -n 4 comdml train --transport mpi --fleet uniform --out digits");
  return [given, options] {
    if (!given->config.empty())
      read_config(
          given->config, [&](const std::string& name) { return options.is_given(name); }, given->train, given->output);
    return given->train.transport == "mpi" ? train_as_rank(given->train, given->output, options.typed())
                                           : train(given->train, given->output, options.typed());
  };
}

}  // namespace program
