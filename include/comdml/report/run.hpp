// SPDX-License-Identifier: BSL-1.0
/// \file
/// What a report is made from: one run, or several of a sweep, as plain values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "comdml/core/ids.hpp"
#include "comdml/learn/timeline.hpp"

namespace comdml::report {

/// By learn::activity.
inline constexpr std::array<const char*, learn::activities> activity_names{"own work", "guest work", "sending",
                                                                           "waiting",  "exchange",   "all-reduce"};

/// A pair of a plan and why it was made. Times in seconds, by the cost model.
struct pair_entry {
  struct offer {
    std::uint32_t fast = 0;
    std::uint32_t split = 0;
    double time = 0;
  };
  std::uint32_t slow = 0;
  std::uint32_t fast = 0;
  std::uint32_t split = 0;  ///< units that the slow agent keeps
  std::string wire;
  double time = 0;
  std::optional<double> solo{};    ///< empty in files of older programs
  std::optional<offer> refused{};  ///< best offer of another helper
};

/// A line of metrics.jsonl. Times in seconds and bytes since the start; empty = not known.
struct round_entry {
  std::uint64_t round = 0;  ///< counted from 1
  std::optional<double> accuracy{};
  std::optional<double> loss{};
  std::optional<double> train_loss{};
  std::optional<double> simulated{};
  std::optional<double> simulated_alone{};
  double wall = 0;
  double activation_bytes = 0;
  double weight_bytes = 0;
  std::vector<pair_entry> pairs{};
  std::optional<std::vector<std::uint32_t>> alone{};  ///< who took part, and in no pair; nullopt: everyone else
};

/// A round of timeline.json: agents' tracks, ascending by agent.
struct shown_round {
  std::uint64_t round = 0;  ///< counted from 1
  std::vector<learn::track> tracks{};
};

/// Sums over all agents of one round, in seconds.
struct round_sums {
  std::uint64_t round = 0;
  std::array<double, learn::activities> spent{};
  double waiting_alone = 0;
};

struct recorded_timeline {
  bool simulated = true;
  std::vector<shown_round> rounds{};
  std::vector<round_sums> totals{};
};

/// run.json: what is known of the fleet and the model.
struct run_facts {
  struct agent {
    double speed = 0;  ///< batches/s
    std::uint64_t images = 0;
  };
  /// What a cut costs, relative to the whole model.
  struct cut {
    std::uint32_t split = 0;
    std::string wire;
    double slow_share = 0;
    double fast_share = 0;
    double bytes_per_batch = 0;
  };
  std::string program;
  std::string command;
  std::uint64_t units = 0;
  std::vector<agent> agents{};
  std::vector<std::vector<double>> links{};  ///< Mbps, row i = from i; empty = not known
  std::vector<cut> cuts{};
};

/// One run.
struct run_entry {
  std::string name;
  std::string algorithm;  ///< as charts call it
  std::string setting;    ///< what it has in common with the runs it is compared with; may be empty
  std::string seed;
  std::vector<round_entry> rounds{};                           ///< at least one
  std::vector<std::pair<std::string, std::string>> options{};  ///< of config.toml, in its order
  std::optional<run_facts> facts{};
  std::optional<recorded_timeline> timeline{};
  std::vector<std::string> notes{};  ///< what was missing or cut off

  [[nodiscard]] const round_entry& last() const { return rounds.back(); }
  /// Whether charts count in simulated time, or in real time; all rounds of a run are alike.
  [[nodiscard]] bool simulated() const { return rounds.front().simulated.has_value(); }
  [[nodiscard]] static double time_of(const round_entry& one) { return one.simulated.value_or(one.wall); }
  /// The accuracy of the last evaluation.
  [[nodiscard]] std::optional<double> accuracy() const {
    for (std::size_t i = rounds.size(); i-- > 0;)
      if (rounds[i].accuracy) return rounds[i].accuracy;
    return std::nullopt;
  }
  [[nodiscard]] std::string option(const std::string& key) const {
    for (const auto& [known, value] : options)
      if (known == key) return value;
    return {};
  }
};

/// A folder of runs.
struct sweep_entry {
  std::string title;
  std::string command;
  std::vector<run_entry> runs{};  ///< at least one
  std::vector<std::string> notes{};
  std::optional<double> target{};  ///< accuracy, 0 .. 1, that its algorithms are compared at; empty: what all reached
};

}  // namespace comdml::report
