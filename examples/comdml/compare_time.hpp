// SPDX-License-Identifier: BSL-1.0
/// \file
/// What an experiment's rounds take: by simulation, or, of split learning, by its formula.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "any_network.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/fleet.hpp"
#include "comdml/fleet/profile.hpp"
#include "comdml/learn/timeline.hpp"
#include "comdml/simulation/simulator.hpp"
#include "experiment.hpp"

namespace program {

/// The fleet of a setting. \throws comdml::input_error
[[nodiscard]] comdml::fleet::description fleet_of(const experiment::setting& setting, std::uint64_t rounds,
                                                  std::uint64_t seed);

/// The model that time is counted by.
[[nodiscard]] any_network timed_network(const experiment::time_model& time);

/// Bytes of a network's weights and statistics.
[[nodiscard]] comdml::bytes size_of(const any_network& network);

/// What is known of an algorithm's rounds before anything is learned; times and bytes count from the first round on.
struct timing {
  std::vector<comdml::simulation::round> rounds;
  std::vector<std::vector<comdml::agent_id>> members{};  ///< who took part, by round, where something is learned
  /// What agents did when: of the first round, the last ones, and sums of all; not of splitlearning and large fleets.
  std::shared_ptr<const comdml::learn::timeline> recorded{};
  // What was played, for reports.
  comdml::fleet::description fleet{};
  comdml::fleet::split_profile profile{};
  std::size_t units = 0;  ///< of the model

  [[nodiscard]] comdml::seconds per_round() const {
    return rounds.back().report.elapsed / static_cast<double>(rounds.size());
  }
};

/// Plays so many rounds of comdml, allreduce or fedavg, or adds up those of splitlearning.
/// \param images  that each agent trains on in a round
[[nodiscard]] timing play(const experiment& all, const experiment::setting& setting,
                          const experiment::contender& contender, const std::vector<std::size_t>& images,
                          std::uint64_t rounds, std::uint64_t seed);

/// A fleet on which a round of the small model takes as long as one of the timed model on the fleet given: speeds so
/// that its own work lasts as long, link rates by the ratio of the models' sizes. With D-PSGD, whose small rounds have
/// fewer exchanges, each of them takes the longer.
/// \param small_batches  the small model's, in a round, of all agents together
/// \param timed_batches  the timed model's
/// \param exchanges      of the timed model for each one of the small model
[[nodiscard]] comdml::fleet::description scaled_fleet(comdml::fleet::description fleet, double small_batches,
                                                      double timed_batches, double size_ratio, double exchanges);

}  // namespace program
