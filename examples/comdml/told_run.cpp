// SPDX-License-Identifier: BSL-1.0
/// \file
/// A run before people's eyes.
#include "told_run.hpp"

#include <unistd.h>

#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
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

namespace program {

namespace {

using comdml::learn::history;
using comdml::learn::round_report;
using comdml::report::time_kind;

/// The object of --json.
nlohmann::ordered_json result_of(const history& past, const trained_model& model, time_kind time) {
  using json = nlohmann::ordered_json;
  const round_report last = past.rounds.empty() ? round_report{} : past.rounds.back();
  const json round = comdml::report::to_json(last, time);
  return {
      {"schema", 1},
      {"test_accuracy", round["test_accuracy"]},
      {"test_loss", round["test_loss"]},
      {"rounds", past.rounds.size()},
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
             const std::function<void(const round_report&)>& told) {
  const time_kind time = task.options.clock == "wall" ? time_kind::real : time_kind::simulated;
  std::optional<results> files;
  if (!output.out.empty()) files.emplace(output.out, task, time, typed);

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
    past = run(observer, {.stop = signals.token(), .pause = {}, .recorder = recorder});
  } catch (const comdml::learn::incomplete_run& error) {
    past = error.reached();
    failure = error.what();
  }
  const trained_model model{task.options.model, *task.options.shortcut, task.network(), std::move(past.state),
                            task.images.train.normalization()};
  const bool kept = files && !past.rounds.empty();
  if (kept) {
    files->save(*recorder, past.rounds.size());
    files->save(model);
  }
  if (!failure.empty()) throw comdml::run_error{failure + (kept ? "\nresults until then: " + files->names() : "")};

  if (output.json) {
    std::cout << result_of(past, model, time).dump() << std::endl;
  } else {
    summarize(std::cout, past, time);
    if (kept) std::cout << "results: " << files->names() << '\n';
  }
  return past.interrupted ? exit_code::interrupted : exit_code::done;
}

}  // namespace program
