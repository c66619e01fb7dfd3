// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml train.
#include <memory>
#include <string>

#include "commands.hpp"
#include "comdml/core/errors.hpp"
#include "config_file.hpp"
#include "options.hpp"
#include "ranks.hpp"
#include "resumption.hpp"
#include "told_run.hpp"
#include "train_task.hpp"

namespace program {

namespace {

/// \param going_on  whether it is the run whose results lie in output.out
int train(const train_options& wanted, const output_options& output, const std::string& typed, bool going_on) {
  const train_task task = prepare(wanted);
  const job_runner here = [&](const any_observer& observer, const comdml::learn::control& hold) {
    return run(task, observer, hold);
  };
  return run_told(task, output, typed, here, {.going_on = going_on});
}

}  // namespace

action add_train(command options) {
  struct settings {
    train_options train;
    output_options output;
    std::string config;
    std::string resume;
  };
  const auto given = std::make_shared<settings>();
  visit_options(given->train, options);
  visit_options(given->output, options);
  options.text("config", given->config, "FILE", existing_file,
               "TOML file with any of these options as keys (rounds = 10); the command line overrides it");
  options.text("resume", given->resume, "DIR", existing_directory,
               "go on with the run whose --out this was, from its last checkpoint, with its options; other --rounds, "
               "--threads and --checkpoint-every may be given");
  options.footer(
      "Examples:\n"
      "  comdml train --out digits\n"
      "  comdml train --dataset mnist --data-dir DIR --rounds 3 --json\n"
      "  comdml train --config digits/config.toml --partition dirichlet:0.5 --target-accuracy 0.95\n"
      "  comdml train --out digits --checkpoint-every 5, and after an interruption\n"
      "  comdml train --resume digits\n"
      "  mpirun -n 4 comdml train --transport mpi --fleet uniform --out digits");
  return [given, options] {
    const auto is_given = [&](const std::string& name) { return options.is_given(name); };
    if (!given->resume.empty()) {
      for (const char* const name : {"config", "out"})
        if (is_given(name))
          throw comdml::input_error{comdml::text("--", name), "--resume goes on with a run as it is, where it is",
                                    "leave it out"};
      const train_options stored = options_of_run(given->resume, given->train, is_given);
      return train(stored, {.out = given->resume, .json = given->output.json}, options.typed(), true);
    }
    if (!given->config.empty()) read_config(given->config, is_given, given->train, given->output);
    const bool ranks = given->train.transport == "mpi";
    if (ranks && given->train.checkpoint_every > 0)
      throw comdml::input_error{"--checkpoint-every", "ranks of MPI keep no checkpoints",
                                "leave it out, or run the agents as processes of their own (comdml agent)"};
    if (is_given("checkpoint-every") && given->train.checkpoint_every > 0 && given->output.out.empty())
      throw comdml::input_error{"--checkpoint-every", "checkpoints lie in the folder of --out, and there is none",
                                "give --out"};
    return ranks ? train_as_rank(given->train, given->output, options.typed())
                 : train(given->train, given->output, options.typed(), false);
  };
}

}  // namespace program
