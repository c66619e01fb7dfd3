// SPDX-License-Identifier: BSL-1.0
/// \file
/// The best makespan that pairs can reach, by trying every matching: an oracle for small fleets.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
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
  // The best time of agents `first` and above that are not used, given what the earlier ones take.
  const auto best = [&](auto&& self, std::size_t first, seconds so_far) -> seconds {
    while (first < agents && used[first]) ++first;
    if (first == agents) return so_far;
    seconds least = self(self, first + 1, std::max(so_far, cost.solo(fleet, id(first))));
    for (std::size_t other = first + 1; other < agents; ++other) {
      const seconds pair = std::min(together[first][other], together[other][first]);
      if (used[other] || pair == seconds::infinity()) continue;
      used[other] = true;
      least = std::min(least, self(self, first + 1, std::max(so_far, pair)));
      used[other] = false;
    }
    return least;
  };
  return best(best, 0, seconds{});
}

}  // namespace comdml::testing
