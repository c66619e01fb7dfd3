// SPDX-License-Identifier: BSL-1.0
/// \file
/// A run before people's eyes.
#include "told_run.hpp"

#include <unistd.h>

#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/learn/timeline.hpp"
#include "interruption.hpp"
#include "model_file.hpp"
#include "progress.hpp"
#include "report_facts.hpp"
#include "results.hpp"
#include "resumption.hpp"

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
  return {
      {"schema", 1},
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
      {"weights_sha256", model.state.parameters.empty() ? json(nullptr) : json(digest_of(model.network, model.state))}};
}

}  // namespace

int run_told(const train_task& task, const output_options& output, const std::string& typed, const job_runner& run,
             const told_options& how) {
  const auto& told = how.told;
  const time_kind time = task.options.clock == "wall" ? time_kind::real : time_kind::simulated;
  std::optional<resumption> from;
  if (how.going_on)
    from = find_resumption(output.out, task,
                           [](const std::string& what) { std::cerr << "comdml: warning: " << what << '\n'; });
  std::optional<results> files;
  if (!output.out.empty()) files.emplace(output.out, task, time, typed, from ? &*from : nullptr);
  std::shared_ptr<const comdml::learn::checkpoints> keep;
  if (files && task.options.checkpoint_every > 0)
    keep = std::make_shared<const comdml::learn::checkpoints>(checkpoints_of(output.out, task));

  std::shared_ptr<comdml::learn::timeline> recorder;
  if (files)
    recorder =
        std::make_shared<comdml::learn::timeline>(recorded_rounds(*task.options.fleet.agents, task.options.rounds));

  // From here on the input is good.
  progress lines{std::cerr, time, isatty(STDERR_FILENO) == 1};
  const any_observer observer{[&](const round_report& report) {
    if (files) files->on_round(report);
    if (!told) return lines.on_round(report);
    told(report);
    return comdml::learn::verdict::go_on;
  }};
  history past;
  std::string failure;
  try {
    const interruption signals;
    if (!told)
      std::cerr << task.options.dataset << ": " << task.images.train.size() << " training images, "
                << task.images.test.size() << " test images" << std::endl;
    if (from) std::cerr << "going on after round " << from->rounds << '/' << task.options.rounds << std::endl;
    comdml::learn::control hold{.stop = signals.token(), .recorder = recorder, .keep = keep};
    if (from) hold.resume = from->resume;
    past = run(observer, hold);
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

}  // namespace program
