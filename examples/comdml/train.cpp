// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml train.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/learn/timeline.hpp"
#include "config_file.hpp"
#include "interruption.hpp"
#include "model_file.hpp"
#include "options.hpp"
#include "progress.hpp"
#include "results.hpp"
#include "resumption.hpp"
#include "train_task.hpp"

namespace program {

namespace {

using comdml::learn::history;
using comdml::learn::round_report;
using comdml::report::time_kind;

/// The object of --json. \param from  what the run went on from, if it did
nlohmann::ordered_json result_of(const history& past, const trained_model& model, time_kind time,
                                 const std::optional<resumption>& from) {
  using json = nlohmann::ordered_json;
  const std::size_t rounds = !past.rounds.empty() ? past.rounds.back().round.value + 1 : from ? from->rounds : 0;
  json round = comdml::report::to_json(past.rounds.empty() ? round_report{} : past.rounds.back(), time);
  if (past.rounds.empty() && from) round.update(json::parse(from->last_line()));
  return {{"schema", 1},
          {"test_accuracy", round["test_accuracy"]},
          {"test_loss", round["test_loss"]},
          {"rounds", rounds},
          {"target_reached", past.target_reached},
          {"simulated_seconds", round["simulated_seconds"]},
          {"simulated_seconds_alone", round["simulated_seconds_alone"]},
          {"wall_seconds", round["wall_seconds"]},
          {"bytes_activations", round["bytes_activations"]},
          {"bytes_weights", round["bytes_weights"]},
          {"parameters", model.state.parameters.size()},
          {"weights_sha256", digest_of(model.network, model.state)}};
}

/// A dozen rounds over the run; of a large fleet the first and the last.
comdml::learn::timeline::selection recorded_rounds(const train_options& o) {
  const bool large = *o.fleet.agents > 64;
  return {.first = large ? 1u : 3u, .every = large ? o.rounds : std::max<std::uint64_t>(1, o.rounds / 10)};
}

/// \param going_on  whether it is the run whose results lie in output.out
int train(const train_options& wanted, const output_options& output, const std::string& typed, bool going_on) {
  const train_task task = prepare(wanted);
  const time_kind time = task.options.clock == "wall" ? time_kind::real : time_kind::simulated;
  std::optional<resumption> from;
  if (going_on)
    from = find_resumption(output.out, task,
                           [](const std::string& what) { std::cerr << "comdml: warning: " << what << '\n'; });
  std::optional<results> files;
  if (!output.out.empty()) files.emplace(output.out, task, time, typed, from ? &*from : nullptr);
  std::shared_ptr<const comdml::learn::checkpoints> keep;
  if (files && task.options.checkpoint_every > 0)
    keep = std::make_shared<const comdml::learn::checkpoints>(checkpoints_of(output.out, task));

  std::shared_ptr<comdml::learn::timeline> recorder;
  if (files) recorder = std::make_shared<comdml::learn::timeline>(recorded_rounds(task.options));

  // From here on the input is good.
  progress lines{std::cerr, time, isatty(STDERR_FILENO) == 1};
  const any_observer observer{[&](const round_report& report) {
    if (files) files->on_round(report);
    return lines.on_round(report);
  }};
  history past;
  std::string failure;
  try {
    const interruption signals;
    std::cerr << task.options.dataset << ": " << task.images.train.size() << " training images, "
              << task.images.test.size() << " test images" << std::endl;
    if (from) std::cerr << "going on after round " << from->rounds << '/' << task.options.rounds << std::endl;
    comdml::learn::control hold{.stop = signals.token(), .recorder = recorder, .keep = keep};
    if (from) hold.resume = from->resume;
    past = run(task, observer, hold);
  } catch (const comdml::learn::incomplete_run& error) {
    past = error.reached();
    failure = error.what();
  }
  const trained_model model{task.options.model, *task.options.shortcut, task.network(), std::move(past.state),
                            task.images.train.normalization()};
  // A run that goes on from its end has no further round.
  const bool ended = from && past.rounds.empty() && !past.interrupted && failure.empty();
  const bool kept = files && (!past.rounds.empty() || ended);
  if (ended) files->end_at_once();
  if (kept) {
    if (!ended) files->save(*recorder, past.rounds.back().round.value + 1);
    files->save(model);
  }
  if (!failure.empty()) throw comdml::run_error{failure + (kept ? "\nresults until then: " + files->names() : "")};

  if (output.json) {
    std::cout << result_of(past, model, time, from).dump() << std::endl;
  } else {
    summarize(std::cout, past, time);
    if (kept) std::cout << "results: " << files->names() << '\n';
  }
  if (past.interrupted && (from || (kept && keep)))
    std::cerr << "comdml: to go on: comdml train --resume " << output.out << '\n';
  return past.interrupted ? exit_code::interrupted : exit_code::done;
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
      "  comdml train --resume digits");
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
    if (is_given("checkpoint-every") && given->train.checkpoint_every > 0 && given->output.out.empty())
      throw comdml::input_error{"--checkpoint-every", "checkpoints lie in the folder of --out, and there is none",
                                "give --out"};
    return train(given->train, given->output, options.typed(), false);
  };
}

}  // namespace program
