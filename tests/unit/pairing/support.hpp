// SPDX-License-Identifier: BSL-1.0
/// \file
/// Fleets and cost models that several tests of pairing policies use.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "comdml/core/random.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"

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

/// The split table of the method's section 4 with the repository's byte sizes, MB a batch.
inline fleet::split_profile published_profile() {
  static constexpr std::array<std::array<double, 3>, 7> table{{{.99, .02, 1.25},
                                                               {.73, .13, 1.25},
                                                               {.64, .26, 2.5},
                                                               {.56, .43, 2.5},
                                                               {.35, .51, 5},
                                                               {.24, .65, 5},
                                                               {.01, .99, 1.25}}};
  fleet::split_profile profile{.model = "published", .batch = 100, .speed = {}, .splits = {}};
  for (std::uint32_t m = 0; m < 7; ++m)
    profile.splits.push_back({.point = split_point{7 - m},
                              .slow_share = table[m][0],
                              .fast_share = table[m][1],
                              .wire = bytes_per_batch{1e6 * table[m][2]},
                              .fast_side = {}});
  return profile;
}

/// Speeds 4, 2, 1, .5, .2 batches/s, 20 % of the agents each, shuffled; 50 batches each; links 0, 10, 20, 50, 100 Mbps.
inline fleet::instance published_fleet(std::uint64_t seed, std::size_t agents) {
  static constexpr std::array speeds{4.0, 2.0, 1.0, 0.5, 0.2};
  static constexpr std::array rates{0.0, 10.0, 20.0, 50.0, 100.0};
  random_stream rng{seed, purpose::testing};
  fleet::instance fleet{{}, link_matrix{agents}, published_profile()};
  for (std::size_t i = 0; i < agents; ++i) fleet.agents.push_back({batches_per_second{speeds[i % 5]}, batches{50}});
  rng.shuffle(std::span{fleet.agents});
  for (std::uint32_t a = 0; a < agents; ++a)
    for (std::uint32_t b = 0; b < a; ++b)
      fleet.links.set_both(agent_id{a}, agent_id{b}, {megabits_per_second(rates[rng.below(5)]), {}});
  return fleet;
}

}  // namespace pairing_test
