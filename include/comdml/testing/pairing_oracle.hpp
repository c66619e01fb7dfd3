// SPDX-License-Identifier: BSL-1.0
/// \file
/// The best makespan that pairs and stars can reach, by trying all of them: oracles for small fleets.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"

namespace comdml::testing {

/// Number of agents up to which every matching is tried: 140,152 of them.
inline constexpr std::size_t largest_oracle = 12;

/// The least makespan over all matchings, directions and cuts. Requires at most largest_oracle agents.
template <CostModel Cost>
[[nodiscard]] seconds optimal_makespan(const fleet::instance& fleet, const Cost& cost) {
  const std::size_t agents = fleet.agents.size();
  COMDML_REQUIRE(agents <= largest_oracle, agents, " agents");
  const auto id = [](std::size_t i) { return agent_id{static_cast<std::uint32_t>(i)}; };
  std::vector<std::vector<seconds>> together(agents, std::vector<seconds>(agents, seconds::infinity()));
  for (std::size_t i = 0; i < agents; ++i)
    for (std::size_t j = 0; j < agents; ++j) {
      if (i == j) continue;
      for (std::size_t entry = 0; entry < fleet.profile.splits.size(); ++entry)
        together[i][j] = std::min(together[i][j], cost.pair(fleet, id(i), id(j), entry));
    }
  std::vector<bool> used(agents, false);
  seconds least = seconds::infinity();
  // Decides on agent `first` and those above that are not used, given what the earlier ones take.
  const auto decide = [&](auto&& self, std::size_t first, seconds so_far) -> void {
    if (so_far >= least) return;
    while (first < agents && used[first]) ++first;
    if (first == agents) {
      least = so_far;
      return;
    }
    for (std::size_t other = first + 1; other < agents; ++other) {
      const seconds pair = std::min(together[first][other], together[other][first]);
      if (used[other] || pair == seconds::infinity()) continue;
      used[other] = true;
      self(self, first + 1, std::max(so_far, pair));
      used[other] = false;
    }
    self(self, first + 1, std::max(so_far, cost.solo(fleet, id(first))));
  };
  decide(decide, 0, seconds{});
  return least;
}

/// Number of agents up to which every star is tried.
inline constexpr std::size_t largest_star_oracle = 6;

/// The least makespan over all ways to give each agent no helper or one, with all cuts, such that nobody is helped and
/// helps, and a helper has at most `guests` guests. Requires at most largest_star_oracle agents.
template <StarCostModel Cost>
[[nodiscard]] seconds optimal_star_makespan(const fleet::instance& fleet, const Cost& cost, std::size_t guests) {
  const std::size_t agents = fleet.agents.size();
  COMDML_REQUIRE(agents <= largest_star_oracle, agents, " agents");
  const auto id = [](std::size_t i) { return agent_id{static_cast<std::uint32_t>(i)}; };
  std::vector<std::vector<fleet::guest_of>> stars(agents);
  std::vector<bool> helped(agents, false);
  seconds least = seconds::infinity();
  const auto decide = [&](auto&& self, std::size_t agent) -> void {
    if (agent == agents) {
      seconds makespan{};
      for (std::size_t i = 0; i < agents; ++i) {
        if (!helped[i] && stars[i].empty()) makespan = std::max(makespan, cost.solo(fleet, id(i)));
        for (const seconds time : fleet::star_costs(fleet, id(i), stars[i], cost)) makespan = std::max(makespan, time);
      }
      least = std::min(least, makespan);
      return;
    }
    self(self, agent + 1);
    if (!stars[agent].empty()) return;
    helped[agent] = true;
    for (std::size_t helper = 0; helper < agents; ++helper) {
      if (helper == agent || helped[helper] || stars[helper].size() == guests) continue;
      for (std::size_t entry = 0; entry < fleet.profile.splits.size(); ++entry) {
        stars[helper].push_back({id(agent), entry});
        // More guests do not make a star faster.
        const std::vector<seconds> times = fleet::star_costs(fleet, id(helper), stars[helper], cost);
        if (std::ranges::max(times) < least) self(self, agent + 1);
        stars[helper].pop_back();
      }
    }
    helped[agent] = false;
  };
  decide(decide, 0);
  return least;
}

}  // namespace comdml::testing
