// SPDX-License-Identifier: BSL-1.0
/// \file
/// Random pairing: what a policy has to beat. Model of PairingPolicy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/random.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/detail/offers.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::pairing {

/// In random order, each free agent takes one of the free helpers that make it faster, evenly drawn, by the cut that
/// lets the pair finish first. A pure function of seed and instance.
template <CostModel Cost = fleet::overlapped>
struct random {
  [[no_unique_address]] Cost cost{};
  std::uint64_t seed = 1;

  [[nodiscard]] pairing::plan plan(const fleet::instance& fleet) const {
    validate(fleet);
    detail::offers<Cost> offers{fleet, cost};
    random_stream rng{seed, purpose::pairing};
    std::vector<bool> free(fleet.agents.size(), true);
    std::vector<assignment> pairs;
    for (const std::uint32_t number : rng.permutation(fleet.agents.size())) {
      const agent_id slow{number};
      if (!free[slow.value]) continue;
      std::vector<std::pair<agent_id, detail::offer>> helpers;
      fleet.links.for_each_link(slow, [&](agent_id fast, link_matrix::kind_index to) {
        if (!free[fast.value] || fast == slow) return;
        const detail::offer best = offers.best(slow, fast, to);
        if (best.cost < offers.solo()[slow.value]) helpers.emplace_back(fast, best);
      });
      if (helpers.empty()) continue;
      const auto& [fast, offer] = helpers[rng.below(helpers.size())];
      free[slow.value] = free[fast.value] = false;
      pairs.push_back(assign(fleet, slow, fast, offer.entry, cost));
    }
    detail::name_refused(fleet, cost, pairs);
    return complete(fleet, std::move(pairs), cost);
  }
};

static_assert(PairingPolicy<random<>>);

}  // namespace comdml::pairing
