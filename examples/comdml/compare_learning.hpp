// SPDX-License-Identifier: BSL-1.0
/// \file
/// What is learned in an experiment: training runs, each done once and kept in a folder under the digest of its
/// options.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "compare_time.hpp"
#include "experiment.hpp"
#include "fixed_plan.hpp"
#include "pairings.hpp"

namespace program {

/// A training run. Its times mean something only if it has a fleet of its own.
struct learning_run {
  train_options options;
  std::string label;                           ///< for people
  std::optional<fixed_plan<any_cost>> plan{};  ///< of comdml, where it is always the same
  std::vector<fixed_plan<any_cost>> plans{};   ///< of comdml, by round, where it is not, or members are not
  /// Who takes part, by round, where somebody is away from one, or plans differ.
  std::vector<std::vector<comdml::agent_id>> members{};
  std::optional<comdml::fleet::description> fleet{};  ///< scaled; else the one of the options
  double bytes_factor = 1;                            ///< of the timed model's bytes, for one of this run

  /// All that what is learned depends on.
  [[nodiscard]] std::string about() const;
  /// A digest of that.
  [[nodiscard]] std::string key() const;
};

/// What came of it. A row has what a round, or an instant, is known for; bytes are the timed model's where the run has
/// a fleet of its own.
struct learned {
  struct row {
    double accuracy = 0;
    double test_loss = 0;
    double train_loss = 0;
    double seconds = 0;
    double weight_bytes = 0;
    double wall = 0;
  };
  std::vector<row> rows{};
  std::string failure{};  ///< why it could not go on, if it could not
};

/// Numbers of images, by agent.
struct dealt {
  std::vector<std::size_t> small;  ///< that are learned from
  std::vector<std::size_t> timed;  ///< that time is counted for, in the same proportions
};
[[nodiscard]] dealt deal_images(const experiment& all, std::size_t agents, std::uint64_t seed);

/// The training run that a contender needs in a setting. `played` are its own rounds, `together` those of allreduce.
[[nodiscard]] learning_run learning_of(const experiment& all, const experiment::setting& setting,
                                       const experiment::contender& contender, std::uint64_t seed, const dealt& images,
                                       const timing& played, const timing& together);

/// What an earlier sweep left of a run; empty if there is nothing that can be used.
[[nodiscard]] std::optional<learned> kept_learning(const std::filesystem::path& folder, const learning_run& run);

/// Trains on one thread, and keeps the result. Empty if it was stopped before it ended.
[[nodiscard]] std::optional<learned> run_learning(const std::filesystem::path& folder, const learning_run& run,
                                                  const std::stop_token& stop);

}  // namespace program
