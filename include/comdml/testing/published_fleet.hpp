// SPDX-License-Identifier: BSL-1.0
/// \file
/// Pairing instances of the published setting (method, sections 4 and 6), and larger and more mixed ones of the same
/// kind: what figures about pairing policies are made on.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "comdml/core/links.hpp"
#include "comdml/core/random.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/fleet/profile.hpp"

namespace comdml::testing {

/// The authors' split table: seven cuts of their ResNet-56, most units kept first, with the byte sizes of their
/// repository in MB a batch (a fifth of what fp32 takes).
[[nodiscard]] inline fleet::split_profile published_profile() {
  static constexpr std::array<std::array<double, 3>, 7> table{{{.99, .02, 1.25},
                                                               {.73, .13, 1.25},
                                                               {.64, .26, 2.5},
                                                               {.56, .43, 2.5},
                                                               {.35, .51, 5},
                                                               {.24, .65, 5},
                                                               {.01, .99, 1.25}}};
  fleet::split_profile profile{.model = "published", .batch = 100, .speed = {}, .splits = {}};
  for (std::uint32_t m = 0; m < table.size(); ++m)
    profile.splits.push_back({.point = split_point{7 - m},
                              .slow_share = table[m][0],
                              .fast_share = table[m][1],
                              .wire = bytes_per_batch{1e6 * table[m][2]},
                              .fast_side = {}});
  return profile;
}

/// Options of published_fleet.
struct published_options {
  std::size_t agents = 10;
  std::uint64_t seed = 1;
  /// Speeds log-uniform over .2 to 4 batches/s and 25 to 75 batches, in place of the published ones.
  bool mixed = false;
  /// Links of an agent, about; 0: to all others.
  std::size_t degree = 0;
  /// Links follow a rule and are not stored; for full graphs.
  bool ruled = false;
};

/// 20 % of the agents each at 4, 2, 1, .5 and .2 batches/s, shuffled, with 50 batches each; the link of each pair is
/// drawn evenly from 0, 10, 20, 50 and 100 Mbps, alike in both directions. With a degree, each agent draws half as many
/// others, and links to them at 10 Mbps or more.
[[nodiscard]] inline fleet::instance published_fleet(const published_options& options) {
  static constexpr std::array speeds{4.0, 2.0, 1.0, 0.5, 0.2};
  static constexpr std::array rates{0.0, 10.0, 20.0, 50.0, 100.0};
  const auto agents = static_cast<std::uint32_t>(options.agents);
  random_stream rng{options.seed, purpose::testing};
  fleet::instance fleet{{}, link_matrix{agents}, published_profile()};
  for (std::size_t i = 0; i < agents; ++i)
    if (options.mixed)
      fleet.agents.push_back(
          {batches_per_second{.2 * std::exp(rng.uniform() * std::log(20.0))}, batches{rng.uniform(25, 75)}});
    else
      fleet.agents.push_back({batches_per_second{speeds[i % speeds.size()]}, batches{50}});
  rng.shuffle(std::span{fleet.agents});
  const auto link = [](std::size_t kind) { return directed_link{megabits_per_second(rates[kind]), {}}; };
  if (options.ruled) {
    std::vector<directed_link> kinds;
    for (std::size_t kind = 0; kind < rates.size(); ++kind) kinds.push_back(link(kind));
    const std::uint64_t salt = options.seed * 0x9E3779B97F4A7C15u;
    fleet.links = link_matrix{agents, kinds, [salt](agent_id a, agent_id b) {
                                const auto [low, high] = std::minmax(a.value, b.value);
                                std::uint64_t x = (std::uint64_t{low} << 32 | high) ^ salt;  // SplitMix64's mixing
                                x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
                                x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
                                return static_cast<std::uint32_t>((x ^ (x >> 31)) % rates.size());
                              }};
  } else if (options.degree == 0) {
    for (std::uint32_t a = 0; a < agents; ++a)
      for (std::uint32_t b = 0; b < a; ++b) fleet.links.set_both(agent_id{a}, agent_id{b}, link(rng.below(5)));
  } else {
    for (std::uint32_t a = 0; a < agents; ++a)
      for (std::size_t i = 0; i < options.degree / 2; ++i) {
        const auto b = static_cast<std::uint32_t>(rng.below(agents));
        if (a != b) fleet.links.set_both(agent_id{a}, agent_id{b}, link(1 + rng.below(4)));
      }
  }
  return fleet;
}

}  // namespace comdml::testing
