// SPDX-License-Identifier: BSL-1.0
/// \file
/// Greedy pairing, the slowest agent first (Sajjadi Mohammadabadi et al., ICDCS 2024, Algorithm 1 as far as known;
/// method.md section 4). Model of PairingPolicy.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/detail/offers.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::pairing {

/// Agents choose in the order of their solo times, the longest first (ties: lowest id). Each takes the free helper and
/// the cut that let the pair finish first (ties: the earlier entry of the split profile, then the lowest id), and both
/// leave the pool. An agent whom nobody can make faster trains alone, and may still help a later one.
/// Cost: links x entries evaluations of the cost model.
template <CostModel Cost = fleet::overlapped>
struct greedy {
  [[no_unique_address]] Cost cost{};

  [[nodiscard]] pairing::plan plan(const fleet::instance& fleet) const {
    validate(fleet);
    detail::offers<Cost> offers{fleet, cost};
    std::vector<bool> free(fleet.agents.size(), true);
    std::vector<assignment> pairs;
    pairs.reserve(fleet.agents.size() / 2);
    for (const agent_id slow : detail::slowest_first(fleet, cost)) {
      if (!free[slow.value]) continue;
      std::optional<assignment> pair = choose(offers, slow, free);
      if (!pair) continue;
      free[slow.value] = free[pair->fast.value] = false;
      pairs.push_back(*std::move(pair));
    }
    return complete(fleet, std::move(pairs), cost);
  }

 private:
  /// The best pair for `slow`, with the best that another helper offered; empty if nobody makes it faster.
  static std::optional<assignment> choose(detail::offers<Cost>& offers, agent_id slow, const std::vector<bool>& free) {
    struct candidate {
      agent_id fast;
      detail::offer offer;
    };
    const auto better = [](const candidate& a, const candidate& b) {
      return a.offer.cost < b.offer.cost || (a.offer.cost == b.offer.cost && a.offer.entry < b.offer.entry);
    };
    const fleet::instance& fleet = offers.fleet();
    const std::vector<seconds>& solo = offers.solo();
    if constexpr (StarCostModel<Cost>) {  // no pair is done before its helper's own work: often nobody need be priced
      bool hope = false;
      fleet.links.for_each_link(slow, [&](agent_id fast, link_matrix::kind_index) {
        hope = hope || (solo[fast.value] < solo[slow.value] && free[fast.value]);
      });
      if (!hope) return std::nullopt;
    }
    std::optional<candidate> first;
    std::optional<candidate> second;
    fleet.links.for_each_link(slow, [&](agent_id fast, link_matrix::kind_index to) {
      if (!free[fast.value] || fast == slow) return;
      if constexpr (StarCostModel<Cost>)
        if (second && solo[fast.value] > second->offer.cost) return;
      const candidate best{fast, offers.best(slow, fast, to)};
      if (best.offer.cost == seconds::infinity()) return;
      if (!first || better(best, *first)) {
        second = std::exchange(first, best);
      } else if (!second || better(best, *second)) {
        second = best;
      }
    });
    if (!first || !(first->offer.cost < solo[slow.value])) return std::nullopt;
    assignment pair = assign(fleet, slow, first->fast, first->offer.entry, offers.cost());
    if (second) pair.refused = {second->fast, fleet.profile.splits[second->offer.entry].point, second->offer.cost};
    return pair;
  }
};

static_assert(PairingPolicy<greedy<>>);

}  // namespace comdml::pairing
