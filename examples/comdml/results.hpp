// SPDX-License-Identifier: BSL-1.0
/// \file
/// The directory that a run leaves its results in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "comdml/core/atomic_file.hpp"
#include "comdml/learn/round_report.hpp"
#include "comdml/learn/timeline.hpp"
#include "comdml/report/metrics.hpp"
#include "model_file.hpp"
#include "resumption.hpp"
#include "train_task.hpp"

namespace program {

/// config.toml, run.json and metrics.jsonl are there from the end of a run's first round, a measured profile.json too;
/// timeline.json and model.safetensors when it ends. A run that finishes no round leaves an earlier one as it was. A
/// run that is gone on with keeps its files; those of its end are removed when the first further round is over.
class results {
 public:
  /// Makes the directory and makes sure that files can be written there; touches no file of an earlier run. The task
  /// must outlive this. \param typed  the command line \param from  what the run goes on from, nullptr if it begins
  /// anew; must outlive this \throws comdml::input_error
  results(std::filesystem::path directory, const train_task& task, comdml::report::time_kind time, std::string typed,
          const resumption* from);

  /// The first round replaces the files of an earlier run; its model is kept under another name.
  void on_round(const comdml::learn::round_report& report) {
    if (!metrics_) begin();
    metrics_->on_round(report);
    // A checkpoint that follows is of no use without the lines that lead to it.
    const std::uint64_t every = task_.options.checkpoint_every;
    if (every > 0 && (report.round.value + 1) % every == 0) comdml::make_durable(directory_ / "metrics.jsonl");
  }

  /// The run goes on from its end: all that is missing may be its model.
  void end_at_once() {
    if (!metrics_) go_on();
  }

  void save(const trained_model& model) const { save_model(directory_ / "model.safetensors", model); }

  /// What was recorded of the finished rounds.
  void save(const comdml::learn::timeline& recorded, std::size_t finished) const;

  /// For people.
  [[nodiscard]] std::string names() const {
    return (directory_ / "config.toml").string() + ", run.json, metrics.jsonl, timeline.json, model.safetensors";
  }

 private:
  void begin();
  void go_on();

  std::filesystem::path directory_;
  const train_task& task_;
  comdml::report::time_kind time_;
  std::string typed_;
  const resumption* from_;
  std::optional<comdml::report::metrics_file> metrics_;
};

}  // namespace program
