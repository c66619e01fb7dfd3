// SPDX-License-Identifier: BSL-1.0
/// \file
/// Greedy pairing, the slowest agent first (Sajjadi Mohammadabadi et al., ICDCS 2024, Algorithm 1 as far as known;
/// method.md section 4). Model of PairingPolicy.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::pairing {

/// Agents choose in the order of their solo times, the longest first (ties: lowest id). Each takes the free helper and
/// the cut that let the pair finish first (ties: the earlier entry of the split profile, then the lowest id), and both
/// leave the pool. An agent whom nobody can make faster trains alone, and may still help a later one.
/// Cost: agents squared x entries evaluations of the cost model.
template <CostModel Cost = fleet::overlapped>
struct greedy {
  [[no_unique_address]] Cost cost{};

  [[nodiscard]] pairing::plan plan(const fleet::instance& fleet) const {
    validate(fleet);
    std::vector<agent_id> order;
    std::vector<seconds> solo;
    for (std::uint32_t i = 0; i < fleet.agents.size(); ++i) {
      order.push_back(agent_id{i});
      solo.push_back(cost.solo(fleet, agent_id{i}));
    }
    std::ranges::stable_sort(order, [&](agent_id a, agent_id b) { return solo[a.value] > solo[b.value]; });

    std::vector<bool> free(fleet.agents.size(), true);
    std::vector<assignment> pairs;
    for (const agent_id slow : order) {
      if (!free[slow.value]) continue;
      std::optional<assignment> pair = choose(fleet, slow, free);
      if (!pair) continue;
      free[slow.value] = free[pair->fast.value] = false;
      pairs.push_back(*std::move(pair));
    }
    return complete(fleet, std::move(pairs), cost);
  }

 private:
  /// The best pair for `slow`, with the best that another helper offered; empty if nobody makes it faster.
  std::optional<assignment> choose(const fleet::instance& fleet, agent_id slow, const std::vector<bool>& free) const {
    struct offer {
      agent_id fast;
      std::size_t entry;
      seconds cost;
    };
    const auto better = [](const offer& a, const offer& b) {
      return a.cost < b.cost || (a.cost == b.cost && a.entry < b.entry);
    };
    std::optional<offer> first;
    std::optional<offer> second;
    for (std::uint32_t j = 0; j < fleet.agents.size(); ++j) {
      if (!free[j] || j == slow.value) continue;
      offer best{agent_id{j}, 0, seconds::infinity()};
      for (std::size_t entry = 0; entry < fleet.profile.splits.size(); ++entry) {
        const seconds together = cost.pair(fleet, slow, agent_id{j}, entry);
        if (together < best.cost) best = {agent_id{j}, entry, together};
      }
      if (best.cost == seconds::infinity()) continue;
      if (!first || better(best, *first)) {
        second = std::exchange(first, best);
      } else if (!second || better(best, *second)) {
        second = best;
      }
    }
    if (!first || !(first->cost < cost.solo(fleet, slow))) return std::nullopt;
    assignment pair = assign(fleet, slow, first->fast, first->entry, cost);
    if (second) pair.refused = {second->fast, fleet.profile.splits[second->entry].point, second->cost};
    return pair;
  }
};

static_assert(PairingPolicy<greedy<>>);

}  // namespace comdml::pairing
