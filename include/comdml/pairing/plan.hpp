// SPDX-License-Identifier: BSL-1.0
/// \file
/// A pairing plan: who helps whom and why, its rules, and its digest.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/digest.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"

namespace comdml::pairing {

/// What a slow agent could have done instead.
struct alternative {
  agent_id fast;
  split_point split;
  seconds cost;

  friend bool operator==(const alternative&, const alternative&) = default;
};

/// One slow agent, its helper, the cut and the wire codec, with the costs that explain the choice.
struct assignment {
  agent_id slow;
  agent_id fast;
  split_point split;  ///< units that the slow agent keeps
  std::string codec;  ///< name of the WireCodec that the activations travel by
  /// When the slow agent's part, its transfer and all of its helper's work, other guests included, are finished.
  seconds cost;
  seconds solo;  ///< of the slow agent, had it trained alone
  /// The best that another helper offered when this pair was formed; empty if no other could help.
  std::optional<alternative> refused{};

  friend bool operator==(const assignment&, const assignment&) = default;
};

/// Every agent helps, is helped, or trains alone. A helper of several guests is `fast` in several pairs (a star); an
/// agent is `slow` in at most one pair, and never both.
struct plan {
  std::vector<assignment> pairs;  ///< in the order in which the policy formed them
  std::vector<agent_id> alone;    ///< ascending
  seconds makespan;               ///< when the last agent has finished
  seconds alone_makespan;         ///< the same, had nobody been helped

  friend bool operator==(const plan&, const plan&) = default;
};

/// The assignment of a pair by entry `entry` of the split profile, with its costs.
template <CostModel Cost>
[[nodiscard]] assignment assign(const fleet::instance& fleet, agent_id slow, agent_id fast, std::size_t entry,
                                const Cost& cost) {
  const seconds together = cost.pair(fleet, slow, fast, entry);  // checks the arguments
  const fleet::split_cost& split = fleet.profile.splits[entry];
  return {slow, fast, split.point, split.codec, together, cost.solo(fleet, slow), {}};
}

/// The entry of the split profile that a pair uses, by its cut and codec; empty if there is none.
[[nodiscard]] inline std::optional<std::size_t> entry_of(const fleet::split_profile& profile, const assignment& pair) {
  const auto found = std::ranges::find_if(profile.splits, [&](const fleet::split_cost& split) {
    return split.point == pair.split && split.codec == pair.codec;
  });
  if (found == profile.splits.end()) return std::nullopt;
  return static_cast<std::size_t>(found - profile.splits.begin());
}

/// What each of these pairs costs, in their order. Throws contract_error for an agent, a cut or a codec that is not
/// there, and for a helper of several guests if the cost model is no StarCostModel.
template <CostModel Cost>
[[nodiscard]] std::vector<seconds> pair_costs(const fleet::instance& fleet, std::span<const assignment> pairs,
                                              const Cost& cost) {
  std::vector<std::size_t> entries;
  entries.reserve(pairs.size());
  std::vector<std::uint32_t> guests(fleet.agents.size(), 0);  // how many, by helper
  for (const assignment& pair : pairs) {
    COMDML_REQUIRE(pair.slow.value < guests.size() && pair.fast.value < guests.size(), pair.slow, " -> ", pair.fast);
    const std::optional<std::size_t> entry = entry_of(fleet.profile, pair);
    COMDML_REQUIRE(entry.has_value(), "no cut ", pair.split, " by ", pair.codec, " in the split profile");
    ++guests[pair.fast.value];
    entries.push_back(*entry);
  }
  std::vector<seconds> costs(pairs.size());
  std::map<agent_id, std::vector<std::size_t>> stars;  // numbers of pairs, by helper
  for (std::size_t p = 0; p < pairs.size(); ++p)
    if (guests[pairs[p].fast.value] == 1)
      costs[p] = cost.pair(fleet, pairs[p].slow, pairs[p].fast, entries[p]);
    else
      stars[pairs[p].fast].push_back(p);
  for (const auto& [helper, star] : stars) {
    COMDML_REQUIRE(StarCostModel<Cost>, "agent ", helper, " has ", star.size(),
                   " guests, and this cost model knows pairs only (concept StarCostModel)");
    if constexpr (StarCostModel<Cost>) {
      std::vector<fleet::guest_of> served;
      served.reserve(star.size());
      for (const std::size_t p : star) served.push_back({pairs[p].slow, entries[p]});
      const std::vector<seconds> theirs = fleet::star_costs(fleet, helper, served, cost);
      for (std::size_t g = 0; g < star.size(); ++g) costs[star[g]] = theirs[g];
    }
  }
  return costs;
}

/// The plan of these pairs: all other agents train alone. Costs of pairs that share a helper are worked out anew.
template <CostModel Cost>
[[nodiscard]] plan complete(const fleet::instance& fleet, std::vector<assignment> pairs, const Cost& cost) {
  plan result{.pairs = std::move(pairs), .alone = {}, .makespan = {}, .alone_makespan = {}};
  const std::vector<seconds> costs = pair_costs(fleet, result.pairs, cost);
  std::vector<bool> paired(fleet.agents.size(), false);
  for (std::size_t p = 0; p < costs.size(); ++p) {
    assignment& pair = result.pairs[p];
    pair.cost = costs[p];
    paired[pair.slow.value] = paired[pair.fast.value] = true;
    result.makespan = std::max(result.makespan, pair.cost);
  }
  for (std::uint32_t i = 0; i < paired.size(); ++i) {
    const seconds solo = cost.solo(fleet, agent_id{i});
    result.alone_makespan = std::max(result.alone_makespan, solo);
    if (paired[i]) continue;
    result.alone.push_back(agent_id{i});
    result.makespan = std::max(result.makespan, solo);
  }
  return result;
}

/// What is wrong with a plan whatever pairs cost.
struct rule_check {
  std::vector<std::string> broken;  ///< one sentence each
  bool priced = true;               ///< whether a cost model can be asked about all pairs
};

/// All ids are in the fleet; an agent is slow in at most one pair, never slow and fast, and not paired with itself;
/// `alone` lists those who are in no pair, ascending; cut and codec are in the split profile; there is a link from slow
/// to fast; a helper has several guests only if `stars` are allowed.
[[nodiscard]] inline rule_check check_rules(const plan& plan, const fleet::instance& fleet, bool stars) {
  rule_check found;
  const auto rule = [&](bool kept, const auto&... what) {
    if (!kept) found.broken.push_back(text(what...));
    return kept;
  };
  const auto name = [](const assignment& pair) { return text("pair ", pair.slow, " -> ", pair.fast, ": "); };
  std::vector<std::size_t> slow(fleet.agents.size(), 0);
  std::vector<std::size_t> fast(fleet.agents.size(), 0);
  for (const assignment& pair : plan.pairs) {
    if (!rule(pair.slow.value < slow.size() && pair.fast.value < slow.size(), name(pair), "not in a fleet of ",
              slow.size()) ||
        !rule(pair.slow != pair.fast, name(pair), "an agent cannot help itself")) {
      found.priced = false;
      continue;
    }
    ++slow[pair.slow.value];
    ++fast[pair.fast.value];
    rule(fleet.links(pair.slow, pair.fast).rate.value() > 0, name(pair), "there is no link");
    found.priced = rule(entry_of(fleet.profile, pair).has_value(), name(pair), "no cut ", pair.split, " by ",
                        pair.codec, " in the split profile") &&
                   found.priced;
  }
  std::vector<agent_id> others;
  for (std::uint32_t i = 0; i < slow.size(); ++i) {
    found.priced = rule(slow[i] <= 1, "agent ", i, " is the slow one of ", slow[i], " pairs") && found.priced;
    found.priced = rule(slow[i] == 0 || fast[i] == 0, "agent ", i, " is helped and helps") && found.priced;
    found.priced =
        rule(fast[i] <= 1 || stars, "agent ", i, " has ", fast[i], " guests, and the cost model knows pairs only") &&
        found.priced;
    if (slow[i] + fast[i] == 0) others.push_back(agent_id{i});
  }
  rule(plan.alone == others, "the list of agents alone is not that of the unpaired agents");
  return found;
}

/// The rules that a plan breaks, one sentence each; empty for a valid plan: those of check_rules, stars being allowed
/// for a StarCostModel, and that costs and the two makespans are what the cost model says.
template <CostModel Cost = fleet::overlapped>
[[nodiscard]] std::vector<std::string> violations(const plan& plan, const fleet::instance& fleet,
                                                  const Cost& cost = {}) {
  rule_check found = check_rules(plan, fleet, StarCostModel<Cost>);
  std::vector<std::string> broken = std::move(found.broken);
  const auto rule = [&](bool kept, const auto&... what) {
    if (!kept) broken.push_back(text(what...));
  };
  const auto name = [](const assignment& pair) { return text("pair ", pair.slow, " -> ", pair.fast, ": "); };
  for (const assignment& pair : plan.pairs)
    if (pair.slow.value < fleet.agents.size())
      rule(pair.solo == cost.solo(fleet, pair.slow), name(pair), "alone is said to take ", pair.solo.value(), " s");
  if (!found.priced) return broken;
  const std::vector<seconds> costs = pair_costs(fleet, plan.pairs, cost);
  for (std::size_t p = 0; p < costs.size(); ++p)
    rule(plan.pairs[p].cost == costs[p], name(plan.pairs[p]), "is said to take ", plan.pairs[p].cost.value(),
         " s, takes ", costs[p].value(), " s");
  if (!broken.empty()) return broken;
  const auto right = complete(fleet, plan.pairs, cost);
  rule(plan.makespan == right.makespan, "makespan is said to be ", plan.makespan.value(), " s, is ",
       right.makespan.value(), " s");
  rule(plan.alone_makespan == right.alone_makespan, "makespan with nobody helped is said to be ",
       plan.alone_makespan.value(), " s, is ", right.alone_makespan.value(), " s");
  return broken;
}

/// Throws contract_error with all violations, if there are any.
template <CostModel Cost = fleet::overlapped>
void validate(const plan& plan, const fleet::instance& fleet, const Cost& cost = {}) {
  std::string all;
  for (const std::string& broken : violations(plan, fleet, cost)) all += "\n  " + broken;
  COMDML_REQUIRE(all.empty(), "a plan that keeps the rules", all);
}

/// 64 bits that differ if two plans differ in a pair, a cut, a codec, or a time by a microsecond; made of integers
/// only, so that agents can compare their plans.
[[nodiscard]] inline std::uint64_t digest(const plan& plan) {
  digest64 sum;
  const auto integer = [&](std::uint64_t value) { sum.update(std::as_bytes(std::span{&value, 1})); };
  const auto time = [&](seconds value) {
    const double microseconds = std::round(1e6 * value.value());
    const bool fits = std::abs(microseconds) < 1e18;  // infinity does not
    integer(fits ? static_cast<std::uint64_t>(static_cast<std::int64_t>(microseconds))
                 : std::numeric_limits<std::uint64_t>::max());
  };
  const auto name = [&](std::string_view letters) {
    integer(letters.size());
    sum.update(std::as_bytes(std::span{letters}));
  };
  integer(plan.pairs.size());
  for (const assignment& pair : plan.pairs) {
    integer(pair.slow.value);
    integer(pair.fast.value);
    integer(pair.split.value);
    name(pair.codec);
    time(pair.cost);
    time(pair.solo);
  }
  integer(plan.alone.size());
  for (const agent_id agent : plan.alone) integer(agent.value);
  time(plan.makespan);
  time(plan.alone_makespan);
  return sum.value();
}

}  // namespace comdml::pairing
