// SPDX-License-Identifier: BSL-1.0
/// \file
/// What an experiment found, in one table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "experiment.hpp"

namespace program {

/// One algorithm under one setting with one seed.
struct finding {
  std::size_t setting = 0;    ///< number in the experiment
  std::size_t contender = 0;  ///< number in the experiment
  std::uint64_t seed = 0;
  std::optional<double> seconds{};             ///< to the target
  std::optional<std::uint64_t> rounds{};       ///< to the target; algorithms without rounds have none
  std::optional<double> round_seconds{};       ///< mean; the same
  std::optional<double> best_accuracy{};       ///< 0 .. 1, until the target or the end
  double activation_bytes = 0;                 ///< until the target or the end
  double weight_bytes = 0;                     ///< the same
  std::string failure{};                       ///< why the run could not go on, if it could not
  std::string folder{};                        ///< inside the sweep's
  std::optional<double> saved_of_allreduce{};  ///< share of its time to the target, in the same setting and seed
  std::optional<double> saved_of_fedavg{};
  std::optional<double> round_saved_of_allreduce{};  ///< share of its round's time
  std::optional<double> round_saved_of_fedavg{};
};

/// Fills in what compares findings with each other.
void compare_findings(const experiment& all, std::vector<finding>& findings);

/// For people: mean and range over the seeds.
[[nodiscard]] std::string table_for_people(const experiment& all, const std::vector<finding>& findings);
/// A line for each setting and algorithm.
[[nodiscard]] std::string table_as_csv(const experiment& all, const std::vector<finding>& findings);
/// The same, and every finding.
[[nodiscard]] std::string table_as_json(const experiment& all, const std::vector<finding>& findings);

}  // namespace program
