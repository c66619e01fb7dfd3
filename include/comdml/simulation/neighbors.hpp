// SPDX-License-Identifier: BSL-1.0
/// \file
/// Exchanges between neighbors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/attendance.hpp"
#include "comdml/simulation/wires.hpp"

namespace comdml::simulation {

using fleet::agent_set;

/// Every member sends so many bytes to each neighbor (a member that it is linked to both ways), and goes on when all of
/// theirs have arrived. \returns bytes sent
[[nodiscard]] inline bytes exchange_with_neighbors(clocks& world, const std::vector<agent_id>& members,
                                                   const agent_set& takes_part, bytes size) {
  const wire_map& wires = world.wires();
  std::vector<seconds> after = world.time;
  std::size_t sent = 0;
  for (const agent_id from : members) {
    const seconds departure = world.time[from.value];
    for (wire_index wire = wires.begin(from.value); wire < wires.end(from.value); ++wire) {
      const std::uint32_t to = wires.to(wire);
      if (!takes_part[to] || !wires.both_ways(wire)) continue;
      after[to] = std::max(after[to], world.send(from, wire, departure, size));
      ++sent;
    }
  }
  world.time = std::move(after);
  return static_cast<double>(sent) * size;
}

}  // namespace comdml::simulation
