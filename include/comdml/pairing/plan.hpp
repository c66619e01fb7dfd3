// SPDX-License-Identifier: BSL-1.0
/// \file
/// A pairing plan: who helps whom and why, its rules, and its digest.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
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
  seconds cost;       ///< when both agents have finished all of their work
  seconds solo;       ///< of the slow agent, had it trained alone
  /// The best that another helper offered when this pair was formed; empty if no other could help.
  std::optional<alternative> refused{};

  friend bool operator==(const assignment&, const assignment&) = default;
};

/// Every agent is in one pair or trains alone.
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

/// The plan of these pairs: all other agents train alone.
template <CostModel Cost>
[[nodiscard]] plan complete(const fleet::instance& fleet, std::vector<assignment> pairs, const Cost& cost) {
  plan result{.pairs = std::move(pairs), .alone = {}, .makespan = {}, .alone_makespan = {}};
  std::vector<bool> paired(fleet.agents.size(), false);
  for (const assignment& pair : result.pairs) {
    COMDML_REQUIRE(pair.slow.value < paired.size() && pair.fast.value < paired.size(), pair.slow, " -> ", pair.fast);
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

/// The rules that a plan breaks, one sentence each; empty for a valid plan. The rules: all ids are in the fleet; no
/// agent is in two pairs or with itself; `alone` lists the others, ascending; cut and codec are in the split profile;
/// there is a link from slow to fast; costs, and the two makespans, are what the cost model says.
template <CostModel Cost = fleet::overlapped>
[[nodiscard]] std::vector<std::string> violations(const plan& plan, const fleet::instance& fleet,
                                                  const Cost& cost = {}) {
  std::vector<std::string> broken;
  const auto rule = [&](bool kept, const auto&... what) {
    if (!kept) broken.push_back(text(what...));
    return kept;
  };
  const auto& splits = fleet.profile.splits;
  std::vector<std::size_t> uses(fleet.agents.size(), 0);
  for (const assignment& pair : plan.pairs) {
    const std::string name = text("pair ", pair.slow, " -> ", pair.fast, ": ");
    if (!rule(pair.slow.value < uses.size() && pair.fast.value < uses.size(), name, "not in a fleet of ", uses.size()))
      continue;
    if (!rule(pair.slow != pair.fast, name, "an agent cannot help itself")) continue;
    ++uses[pair.slow.value];
    ++uses[pair.fast.value];
    rule(fleet.links(pair.slow, pair.fast).rate.value() > 0, name, "there is no link");
    rule(pair.solo == cost.solo(fleet, pair.slow), name, "alone is said to take ", pair.solo.value(), " s");
    const auto entry = std::ranges::find_if(
        splits, [&](const fleet::split_cost& s) { return s.point == pair.split && s.codec == pair.codec; });
    if (!rule(entry != splits.end(), name, "no cut ", pair.split, " by ", pair.codec, " in the split profile"))
      continue;
    const seconds together = cost.pair(fleet, pair.slow, pair.fast, static_cast<std::size_t>(entry - splits.begin()));
    rule(pair.cost == together, name, "is said to take ", pair.cost.value(), " s, takes ", together.value(), " s");
  }
  std::vector<agent_id> others;
  for (std::uint32_t i = 0; i < uses.size(); ++i) {
    rule(uses[i] <= 1, "agent ", i, " is in ", uses[i], " pairs");
    if (uses[i] == 0) others.push_back(agent_id{i});
  }
  if (!rule(plan.alone == others, "the list of agents alone is not that of the unpaired agents")) return broken;
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
