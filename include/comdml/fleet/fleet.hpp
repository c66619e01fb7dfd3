// SPDX-License-Identifier: BSL-1.0
/// \file
/// Fleets: how fast agents compute and how they are linked. Published and even ones by name.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/random.hpp"
#include "comdml/core/units.hpp"

namespace comdml::fleet {

/// What is known of an agent before it has any data.
struct agent_profile {
  batches_per_second speed;
  bytes memory = bytes::infinity();  ///< that it can spare for guests

  friend bool operator==(const agent_profile&, const agent_profile&) = default;
};

/// From a round on, an agent computes at another speed than it declared. Under the wall clock nothing comes of it.
struct speed_change {
  round_index from;
  agent_id agent;
  batches_per_second speed;

  friend bool operator==(const speed_change&, const speed_change&) = default;
};

/// A fleet: agent i is agents[i]; `links` has the same number of agents. Of an agent's changes, those of a later round
/// come later; nobody is told of them, so plans follow them only where speeds are measured.
struct description {
  std::vector<agent_profile> agents;
  link_matrix links;
  std::vector<speed_change> changes{};

  friend bool operator==(const description&, const description&) = default;
};

/// Whether every agent reaches every other one along directed links, perhaps over others.
[[nodiscard]] inline bool connected(const link_matrix& links) {
  const std::size_t agents = links.agents();
  const auto reaches_all = [&](auto&& linked) {
    std::vector<bool> seen(agents, false);
    std::vector<std::size_t> frontier{0};
    seen[0] = true;
    std::size_t count = 0;
    while (!frontier.empty()) {
      const std::size_t at = frontier.back();
      frontier.pop_back();
      ++count;
      for (std::size_t next = 0; next < agents; ++next) {
        if (seen[next] || !linked(at, next)) continue;
        seen[next] = true;
        frontier.push_back(next);
      }
    }
    return count == agents;
  };
  const auto linked = [&](std::size_t from, std::size_t to) {
    return links(agent_id{static_cast<std::uint32_t>(from)}, agent_id{static_cast<std::uint32_t>(to)}).rate.value() > 0;
  };
  return agents < 2 || (reaches_all([&](std::size_t at, std::size_t next) { return linked(at, next); }) &&
                        reaches_all([&](std::size_t at, std::size_t next) { return linked(next, at); }));
}

/// Options of fleet::paper.
struct paper_options {
  std::size_t agents = 10;
  std::uint64_t seed = 1;
  double rate = 1;  ///< multiplies the speeds
};

/// The published setting (method.md section 6): agent i has the (i mod 5)-th of the speeds 4, 2, 1, .5, .2 batches/s,
/// so 20 % of the agents each; the link of each pair is drawn evenly from 0, 10, 20, 50, 100 Mbps, alike in both
/// directions and without latency, and all links are drawn again until the fleet is connected.
[[nodiscard]] inline description paper(const paper_options& options = {}) {
  static constexpr std::array speeds{4.0, 2.0, 1.0, 0.5, 0.2};
  static constexpr std::array megabits{0.0, 10.0, 20.0, 50.0, 100.0};
  COMDML_REQUIRE(options.agents > 0, "a fleet without agents");
  COMDML_REQUIRE(std::isfinite(options.rate) && options.rate > 0, "rate ", options.rate);
  description fleet;
  for (std::size_t i = 0; i < options.agents; ++i)
    fleet.agents.push_back({batches_per_second{options.rate * speeds[i % speeds.size()]}});
  random_stream rng{options.seed, purpose::fleet};
  for (int draw = 0; draw < 1000; ++draw) {
    fleet.links = link_matrix{options.agents};
    for (std::uint32_t a = 0; a < options.agents; ++a)
      for (std::uint32_t b = a + 1; b < options.agents; ++b)
        fleet.links.set_both(agent_id{a}, agent_id{b},
                             {.rate = megabits_per_second(megabits[rng.below(megabits.size())]), .latency = {}});
    if (connected(fleet.links)) return fleet;
  }
  throw run_error{text("no connected fleet of ", options.agents, " agents in 1000 draws with seed ", options.seed)};
}

/// Options of fleet::uniform.
struct uniform_options {
  std::size_t agents = 10;
  batches_per_second speed{1};
  bits_per_second bandwidth = megabits_per_second(100);
};

/// Agents of one speed; every pair is linked at the same bandwidth, without latency.
[[nodiscard]] inline description uniform(const uniform_options& options = {}) {
  COMDML_REQUIRE(options.agents > 0, "a fleet without agents");
  COMDML_REQUIRE(std::isfinite(options.speed.value()) && options.speed.value() > 0, "speed ", options.speed.value());
  COMDML_REQUIRE(options.bandwidth.value() > 0, "bandwidth ", options.bandwidth.value());
  description fleet{std::vector<agent_profile>(options.agents, agent_profile{options.speed}),
                    link_matrix{options.agents}};
  for (std::uint32_t a = 0; a < options.agents; ++a)
    for (std::uint32_t b = a + 1; b < options.agents; ++b)
      fleet.links.set_both(agent_id{a}, agent_id{b}, {.rate = options.bandwidth, .latency = {}});
  return fleet;
}

}  // namespace comdml::fleet
