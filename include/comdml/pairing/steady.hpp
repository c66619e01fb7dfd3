// SPDX-License-Identifier: BSL-1.0
/// \file
/// Re-planning that does not flap: pairs stay together unless changing them gains enough. Model of PairingPolicy.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/bottleneck.hpp"
#include "comdml/pairing/detail/offers.hpp"
#include "comdml/pairing/plan.hpp"
#include "comdml/pairing/planner.hpp"

namespace comdml::pairing {

/// Any policy, steadied. It keeps no state: `replan` is a pure function of the instance and the last plan, so agents
/// that agreed on one plan agree on the next. `plan` is that of the policy, for the first round.
template <PairingPolicy Policy = bottleneck<>, CostModel Cost = fleet::overlapped>
struct steady {
  [[no_unique_address]] Policy policy{};
  [[no_unique_address]] Cost cost{};
  double minimum_gain = .1;  ///< of the makespan, for which pairs are changed at all
  seconds move_cost{};       ///< of every slow agent that gets another helper, or one after none

  [[nodiscard]] pairing::plan plan(const fleet::instance& fleet) const { return policy.plan(fleet); }
  [[nodiscard]] bool planned_by_all() const { return pairing::planned_by_all(policy); }

  /// The policy's plan if it is faster than the last one's pairs by `minimum_gain` and by the cost of all moves; else
  /// those pairs, each at the cut that is best now. Pairs that make no sense any more are dissolved.
  [[nodiscard]] pairing::plan replan(const fleet::instance& fleet, const pairing::plan& last) const {
    COMDML_REQUIRE(minimum_gain >= 0 && minimum_gain < 1 && move_cost >= seconds{}, "minimum gain ", minimum_gain,
                   ", move cost ", move_cost.value());
    pairing::plan fresh = policy.plan(fleet);
    pairing::plan kept = complete(fleet, keep(fleet, last), cost);
    const seconds price = static_cast<double>(moves(last, fresh)) * move_cost;
    return fresh.makespan + price < (1 - minimum_gain) * kept.makespan ? std::move(fresh) : std::move(kept);
  }

  /// Slow agents of `next` that another agent helped before, or nobody.
  [[nodiscard]] static std::size_t moves(const pairing::plan& last, const pairing::plan& next) {
    return static_cast<std::size_t>(std::ranges::count_if(next.pairs, [&](const assignment& pair) {
      return std::ranges::none_of(
          last.pairs, [&](const assignment& old) { return old.slow == pair.slow && old.fast == pair.fast; });
    }));
  }

 private:
  std::vector<assignment> keep(const fleet::instance& fleet, const pairing::plan& last) const {
    detail::offers<Cost> prices{fleet, cost};
    const std::size_t agents = fleet.agents.size();
    std::vector<std::size_t> guests(agents, 0);
    for (const assignment& pair : last.pairs)
      if (pair.fast.value < agents) ++guests[pair.fast.value];
    std::vector<assignment> pairs;
    for (const assignment& old : last.pairs) {
      if (old.slow.value >= agents || old.fast.value >= agents) continue;
      const auto to = fleet.links.kind(old.slow, old.fast);
      if (fleet.links.kinds()[to].rate.value() == 0) continue;
      // In a star the cuts depend on each other: they stay as they are.
      std::optional<std::size_t> entry = entry_of(fleet.profile, old);
      seconds time = entry ? cost.pair(fleet, old.slow, old.fast, *entry) : seconds::infinity();
      if (guests[old.fast.value] == 1 || !entry) {
        const detail::offer best = prices.best(old.slow, old.fast, to);
        entry = best.entry;
        time = best.cost;
      }
      if (time >= std::max(prices.solo()[old.slow.value], prices.solo()[old.fast.value])) continue;
      pairs.push_back(assign(fleet, old.slow, old.fast, *entry, cost));
      pairs.back().refused = old.refused;
    }
    // A star that its helper can no longer hold is dissolved.
    const std::vector<seconds> costs = pair_costs(fleet, pairs, cost);
    std::vector<assignment> possible;
    for (std::size_t p = 0; p < pairs.size(); ++p)
      if (costs[p] < seconds::infinity()) possible.push_back(std::move(pairs[p]));
    return possible;
  }
};

static_assert(PairingPolicy<steady<>>);

}  // namespace comdml::pairing
