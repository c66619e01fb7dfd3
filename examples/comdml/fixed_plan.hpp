// SPDX-License-Identifier: BSL-1.0
/// \file
/// A plan that was made elsewhere, for another model: the same pairs, at the cuts that are most alike.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/plan.hpp"

namespace program {

/// Share of a network's multiply-adds that the units before a cut have.
template <comdml::Network N>
[[nodiscard]] double kept_share(const N& net, comdml::split_point cut) {
  double kept = 0;
  double all = 0;
  for (std::size_t unit = 0; unit < net.units(); ++unit) {
    const double own = net.multiply_adds(unit);
    all += own;
    if (unit < cut.value) kept += own;
  }
  return kept / all;
}

/// The one of `cuts` whose kept share is nearest; of two that are equally near, the earlier.
template <comdml::Network N>
[[nodiscard]] comdml::split_point nearest_cut(const N& net, const std::vector<comdml::split_point>& cuts,
                                              double share) {
  COMDML_REQUIRE(!cuts.empty(), "a network that cannot be cut");
  comdml::split_point best = cuts.front();
  for (const comdml::split_point cut : cuts)
    if (std::abs(kept_share(net, cut) - share) < std::abs(kept_share(net, best) - share)) best = cut;
  return best;
}

/// Always the same pairs. Models PairingPolicy. Costs are those of the fleet that it is asked about.
template <comdml::CostModel Cost = comdml::fleet::overlapped>
struct fixed_plan {
  struct entry {
    comdml::agent_id slow;
    comdml::agent_id fast;
    comdml::split_point split;
    std::string codec;

    friend bool operator==(const entry&, const entry&) = default;
  };
  std::vector<entry> pairs{};
  Cost cost{};

  /// Requires that the fleet's split profile has these cuts and codecs.
  [[nodiscard]] comdml::pairing::plan plan(const comdml::fleet::instance& fleet) const {
    std::vector<comdml::pairing::assignment> assigned;
    for (const entry& one : pairs) {
      comdml::pairing::assignment wanted;
      wanted.split = one.split;
      wanted.codec = one.codec;
      const auto found = comdml::pairing::entry_of(fleet.profile, wanted);
      COMDML_REQUIRE(found.has_value(), "no cut ", one.split, " by ", one.codec, " in the split profile");
      assigned.push_back(comdml::pairing::assign(fleet, one.slow, one.fast, *found, cost));
    }
    return comdml::pairing::complete(fleet, std::move(assigned), cost);
  }
};

/// The pairs of a plan for `from`, at the cuts of `to` that keep the nearest share of multiply-adds.
template <comdml::CostModel Cost, comdml::Network A, comdml::Network B>
[[nodiscard]] fixed_plan<Cost> mapped_plan(const comdml::pairing::plan& plan, const A& from, const B& to,
                                           const std::vector<comdml::split_point>& cuts) {
  fixed_plan<Cost> result;
  for (const comdml::pairing::assignment& pair : plan.pairs)
    result.pairs.push_back({pair.slow, pair.fast, nearest_cut(to, cuts, kept_share(from, pair.split)), pair.codec});
  return result;
}

}  // namespace program
