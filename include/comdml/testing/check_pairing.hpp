// SPDX-License-Identifier: BSL-1.0
/// \file
/// Checks a pairing policy on random fleets: rules, purity, and distance from the best pairing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/random.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/plan.hpp"
#include "comdml/testing/pairing_oracle.hpp"
#include "comdml/testing/random_fleet.hpp"

namespace comdml::testing {

/// Options of check_pairing.
struct pairing_check {
  std::size_t fleets = 1000;
  std::size_t largest = 20;     ///< fleets have 1 .. largest agents
  std::size_t brute_force = 8;  ///< up to so many agents the plan is compared with the best one
  std::size_t guests = 1;       ///< of a helper; more than 1: the best is that of all stars, up to 6 agents
  std::uint64_t seed = 1;
};

/// What check_pairing saw. A gap is makespan / best makespan - 1.
struct pairing_findings {
  std::size_t fleets = 0;
  std::size_t compared = 0;  ///< with brute force
  std::size_t pairs = 0;
  double mean_gap = 0;
  double worst_gap = 0;
};

/// Gives the policy random fleets and throws contract_error, naming the fleet, as soon as a plan
/// - breaks a rule (pairing::violations),
/// - differs from the plan of the same instance asked for again, or asked of a copy of the policy,
/// - is worse than nobody helping anybody,
/// - claims to be better than the best of all pairings, or stars (brute force).
/// `cost` is the cost model that the policy plans with.
template <PairingPolicy Policy, CostModel Cost = fleet::overlapped>
pairing_findings check_pairing(const Policy& policy, const Cost& cost = {}, const pairing_check& options = {}) {
  COMDML_REQUIRE(options.largest > 0, "fleets without agents");
  pairing_findings found{};
  for (; found.fleets < options.fleets; ++found.fleets) {
    random_stream rng{options.seed, agent_id{static_cast<std::uint32_t>(found.fleets)}, round_index{0},
                      purpose::testing};
    const fleet::instance fleet = random_fleet(rng, 1 + rng.below(options.largest));
    const auto check = [&](bool good, const std::string& what) {
      if (!good)
        throw contract_error{text("check_pairing: random fleet ", found.fleets, " of seed ", options.seed, ", ",
                                  fleet.agents.size(), " agents: ", what)};
    };
    const pairing::plan plan = policy.plan(fleet);
    for (const std::string& broken : pairing::violations(plan, fleet, cost)) check(false, broken);
    check(plan == policy.plan(fleet), "the same instance gave another plan");
    check(plan == Policy{policy}.plan(fleet), "a copy of the policy gave another plan");
    check(plan.makespan <= plan.alone_makespan,
          text("takes ", plan.makespan.value(), " s, ", plan.alone_makespan.value(), " s with nobody helped"));
    found.pairs += plan.pairs.size();
    const std::size_t largest = options.guests > 1 ? largest_star_oracle : largest_oracle;
    if (fleet.agents.size() > std::min(options.brute_force, largest)) continue;
    seconds best;
    if constexpr (StarCostModel<Cost>)
      best = options.guests > 1 ? optimal_star_makespan(fleet, cost, options.guests) : optimal_makespan(fleet, cost);
    else
      best = optimal_makespan(fleet, cost);
    check(plan.makespan >= best,
          text("takes ", plan.makespan.value(), " s, less than the best possible, ", best.value(), " s"));
    const double gap = best.value() > 0 ? plan.makespan / best - 1 : 0;
    found.worst_gap = std::max(found.worst_gap, gap);
    found.mean_gap += (gap - found.mean_gap) / static_cast<double>(++found.compared);
  }
  return found;
}

}  // namespace comdml::testing
