// SPDX-License-Identifier: BSL-1.0
/// \file
/// metrics.jsonl: one JSON object per round, written as the rounds end. Model of Observer.
///
/// Fields of schema 1, counted from the start of the job: bytes are sums over all agents, times are the latest of them.
/// null = not known, or a loss that is not finite or too large to count.
///
/// | field                     | meaning                                                                          |
/// |---------------------------|----------------------------------------------------------------------------------|
/// | `schema`                  | 1                                                                                |
/// | `round`                   | counted from 1                                                                   |
/// | `epoch`                   | number of the committed aggregation, from 0                                      |
/// | `test_accuracy`           | 0 .. 1; null in a round without evaluation                                       |
/// | `test_loss`               | mean over the test images; null in a round without evaluation                    |
/// | `train_loss`              | mean over this round's training images, each before the update that it causes    |
/// | `simulated_seconds`       | virtual time at the end of the round; null under the wall clock                  |
/// | `simulated_seconds_alone` | the same if nobody had been helped; null under the wall clock                    |
/// | `wall_seconds`            | real time                                                                        |
/// | `bytes_activations`       | of smashed data, labels included                                                 |
/// | `bytes_weights`           | weights of the all-reduce (relayed ones, too), and states that were handed over  |
/// | `pairs`                   | this round's: `slow`, `fast` (agent ids), `split` (units that `slow` keeps),     |
/// |                           | `wire` (codec), `time_s` (when both are done, by the cost model), `solo_s` (the  |
/// |                           | slow one without help), `refused` (best offer of another helper: `fast`, `split`,|
/// |                           | `time_s`; null if there was none)                                                |
/// | `alone`                   | agents that took part in this round, and in no pair                              |
///
/// A field may be added; readers pass over what they do not know.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>

#include <nlohmann/json.hpp>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/learn/round_report.hpp"

namespace comdml::report {

/// Which clock the job runs under.
enum class time_kind { simulated, real };

/// The object of one round, with the fields of schema 1.
[[nodiscard]] inline nlohmann::ordered_json to_json(const learn::round_report& report, time_kind time) {
  using json = nlohmann::ordered_json;
  const auto known = [](const std::optional<double>& value) { return value ? json(*value) : json(nullptr); };
  const auto simulated = [&](seconds value) {
    return time == time_kind::simulated ? json(value.value()) : json(nullptr);
  };
  const auto whole = [](bytes size) { return static_cast<std::int64_t>(size.value()); };
  json pairs = json::array();
  for (const pairing::assignment& pair : report.plan.pairs) {
    const json refused = pair.refused ? json{{"fast", pair.refused->fast.value},
                                             {"split", pair.refused->split.value},
                                             {"time_s", pair.refused->cost.value()}}
                                      : json(nullptr);
    pairs.push_back({{"slow", pair.slow.value},
                     {"fast", pair.fast.value},
                     {"split", pair.split.value},
                     {"wire", pair.codec},
                     {"time_s", pair.cost.value()},
                     {"solo_s", pair.solo.value()},
                     {"refused", refused}});
  }
  json alone = json::array();
  for (const agent_id agent : report.plan.alone) alone.push_back(agent.value);
  json told{{"schema", 1},
            {"round", report.round.value + 1},
            {"epoch", report.epoch.value},
            {"test_accuracy", known(report.test_accuracy)},
            {"test_loss", known(report.test_loss)},
            {"train_loss", report.train_loss},
            {"simulated_seconds", simulated(report.elapsed)},
            {"simulated_seconds_alone", simulated(report.elapsed_alone)},
            {"wall_seconds", report.wall.value()},
            {"bytes_activations", whole(report.activation_bytes)},
            {"bytes_weights", whole(report.weight_bytes)},
            {"pairs", std::move(pairs)},
            {"alone", std::move(alone)}};
  if (!report.lost.empty()) {
    json lost = json::array();
    for (const agent_id agent : report.lost) lost.push_back(agent.value);
    told["lost"] = std::move(lost);
  }
  return told;
}

/// Writes every round's object as a line of a file, and flushes it, so that a reader follows a running job and a killed
/// job leaves whole lines.
class metrics_file {
 public:
  /// What becomes of a file that is there.
  enum class opening { anew, to_go_on };

  /// \throws input_error if it cannot be written
  explicit metrics_file(std::filesystem::path file, time_kind time = time_kind::simulated, opening how = opening::anew)
      : file_{std::move(file)},
        time_{time},
        out_{file_, std::ios::binary | (how == opening::anew ? std::ios::trunc : std::ios::app)} {
    if (!out_)
      throw input_error{file_.string(), "cannot be written", "give a file in a directory that you may write to"};
  }

  /// \throws run_error if the line could not be written
  learn::verdict on_round(const learn::round_report& report) {
    out_ << to_json(report, time_).dump() << '\n' << std::flush;
    if (!out_)
      throw run_error{
          text(file_.string(), ": writing failed in round ", report.round.value + 1, "; is the disk full?")};
    return learn::verdict::go_on;
  }

 private:
  std::filesystem::path file_;
  time_kind time_;
  std::ofstream out_;
};

static_assert(Observer<metrics_file>);

}  // namespace comdml::report
