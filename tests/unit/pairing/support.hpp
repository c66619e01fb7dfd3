// SPDX-License-Identifier: BSL-1.0
/// \file
/// Fleets and cost models that several tests of pairing policies use.
#pragma once

#include <cstddef>
#include <cstdint>

#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/testing/published_fleet.hpp"

namespace pairing_test {

using namespace comdml;

/// A user's cost model: pairs only.
struct plain {
  fleet::overlapped base{};
  seconds solo(const fleet::instance& fleet, agent_id agent) const { return base.solo(fleet, agent); }
  seconds pair(const fleet::instance& fleet, agent_id agent, agent_id helper, std::size_t entry) const {
    return base.pair(fleet, agent, helper, entry);
  }
};

/// A cost in which two slow agents can help each other: no helper's own work holds it up.
struct unruly {
  fleet::overlapped base{};
  seconds solo(const fleet::instance& fleet, agent_id agent) const { return base.solo(fleet, agent); }
  seconds pair(const fleet::instance& fleet, agent_id agent, agent_id helper, std::size_t entry) const {
    const auto noise = static_cast<double>((agent.value * 7 + helper.value * 13 + entry * 5) % 11);
    return base.pair(fleet, agent, helper, entry) * (.2 + .1 * noise);
  }
};

using testing::published_profile;

inline fleet::instance published_fleet(std::uint64_t seed, std::size_t agents) {
  return testing::published_fleet({.agents = agents, .seed = seed});
}

}  // namespace pairing_test
