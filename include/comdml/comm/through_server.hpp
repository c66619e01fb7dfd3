// SPDX-License-Identifier: BSL-1.0
/// \file
/// A sum over all members that one of them computes: what a parameter server does, written as data. Models Collective.
#pragma once

#include <cstddef>
#include <vector>

#include "comdml/comm/routes.hpp"
#include "comdml/comm/schedule.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// Every member sends its whole vector to the server, which adds them to its own in ascending order of their ranks and
/// sends the sum back to each: 2 (P-1) vectors on the wire, all of them over the server's links. Values are added in
/// that order whatever the links, so the bits do not depend on the topology.
struct through_server {
  static constexpr const char* name = "through-server";

  std::size_t server = 0;  ///< its rank

  /// Requires server < members.
  [[nodiscard]] schedule plan(std::size_t members, std::size_t count) const {
    COMDML_REQUIRE(server < members, "server of rank ", server, " in a group of ", members);
    schedule planned;
    if (count == 0) return planned;
    // One step each: a step's transfers arrive in the order of their hops, and that would change the sum.
    for (std::size_t rank = 0; rank < members; ++rank)
      if (rank != server) planned.steps.push_back({{rank, server, {0, count}, true}});
    if (members > 1) planned.steps.emplace_back();
    for (std::size_t rank = 0; rank < members; ++rank)
      if (rank != server) planned.steps.back().push_back({server, rank, {0, count}, false});
    return planned;
  }
};
static_assert(Collective<through_server>);

/// The member with the largest sum of bottleneck rates, over the widest paths to all others and from them; of several,
/// the one with the lowest id. Takes time quadratic in the number of members.
[[nodiscard]] inline agent_id best_connected(const routes& ways) {
  COMDML_REQUIRE(!ways.members().empty(), "a group of no members");
  agent_id best = ways.members().front();
  bits_per_second most{-1};
  for (const agent_id one : ways.members()) {
    bits_per_second sum{};
    for (const agent_id other : ways.members())
      if (other != one) sum += ways.bottleneck(one, other) + ways.bottleneck(other, one);
    if (sum > most) {
      best = one;
      most = sum;
    }
  }
  return best;
}

}  // namespace comdml::comm
