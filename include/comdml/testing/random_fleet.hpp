// SPDX-License-Identifier: BSL-1.0
/// \file
/// Random pairing instances, drawn to be awkward: equal agents, missing and one-way links, idle agents, cuts that cost
/// nothing, profiles without a cut, agents with little memory to spare.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/random.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/instance.hpp"

namespace comdml::testing {

/// An instance of `agents` agents, a pure function of the stream. Requires agents > 0. In every second one, speeds,
/// work and rates come from few values, so that equal costs are common and the policy's tie rules matter.
[[nodiscard]] inline fleet::instance random_fleet(random_stream& rng, std::size_t agents) {
  COMDML_REQUIRE(agents > 0, "a fleet without agents");
  const bool coarse = rng.below(2) == 0;
  const auto between = [&](double low, double high) {  // log-uniform, or a power of two
    return coarse ? std::exp2(std::floor(rng.uniform(std::log2(low), std::log2(high))))
                  : std::exp2(rng.uniform(std::log2(low), std::log2(high)));
  };
  fleet::instance fleet{{}, link_matrix{agents}, {.model = "random", .batch = 100, .speed = {}, .splits = {}}};
  for (std::size_t i = 0; i < agents; ++i)
    fleet.agents.push_back({batches_per_second{between(0.2, 4)}, batches{rng.below(20) == 0 ? 0.0 : between(4, 64)}});
  const double density = rng.uniform(0.2, 1);
  for (std::uint32_t i = 0; i < agents; ++i)
    for (std::uint32_t j = 0; j < agents; ++j)
      if (i != j && rng.uniform() < density)
        fleet.links.set(agent_id{i}, agent_id{j},
                        {.rate = megabits_per_second(between(8, 1024)), .latency = seconds{0.1 * rng.uniform()}});
  const std::size_t cuts = rng.below(8);
  for (std::size_t kept = cuts; kept > 0; --kept) {
    const double share = static_cast<double>(kept) / static_cast<double>(cuts + 1);
    fleet.profile.splits.push_back({.point = split_point{static_cast<std::uint32_t>(kept)},
                                    .slow_share = share * rng.uniform(1, 1.2),
                                    .fast_share = 1 - share,
                                    .wire = bytes_per_batch{rng.below(4) == 0 ? 0.0 : between(1e4, 1e7)},
                                    .fast_side = megabytes(1 - share)});
  }
  if (rng.below(3) == 0)
    for (fleet::instance::agent& agent : fleet.agents)
      if (rng.below(2) == 0) agent.memory = bytes{between(1e5, 1e8)};
  return fleet;
}

}  // namespace comdml::testing
