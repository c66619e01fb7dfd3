// SPDX-License-Identifier: BSL-1.0
/// \file
/// A plan, for people and as JSON.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/plan.hpp"
#include "pairings.hpp"

namespace program {

/// What would become of the round if the fleet were not as it was said to be.
struct what_if {
  std::string change;
  comdml::seconds alone;                   ///< nobody helps anybody
  comdml::seconds kept;                    ///< the same pairs at the same cuts
  std::optional<comdml::seconds> planned;  ///< planned anew
};

/// All that comdml plan found out.
struct planned_round {
  comdml::fleet::instance fleet;
  std::string policy;
  std::string cost_name;
  any_cost cost;
  comdml::pairing::plan plan;
  std::optional<comdml::seconds> bound{};              ///< that the policy proved: no pairing is faster
  std::optional<std::vector<std::size_t>> messages{};  ///< that each agent sent, if the policy negotiates
  comdml::seconds solve_time;                          ///< of the policy
  std::optional<comdml::seconds> optimum{};            ///< of all plans in which a helper has one guest
  std::vector<what_if> sensitivity{};
};

/// How much longer the round is than the best one over pairs; empty if that is not known.
[[nodiscard]] std::optional<double> gap(const planned_round& round);

/// The object of --json.
[[nodiscard]] nlohmann::ordered_json to_json(const planned_round& round);

/// A table with bars, the pairs with their reasons, and what the plan is worth.
void print(std::ostream& out, const planned_round& round);

}  // namespace program
