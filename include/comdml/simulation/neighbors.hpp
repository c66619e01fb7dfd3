// SPDX-License-Identifier: BSL-1.0
/// \file
/// Who reaches whom, and exchanges between neighbors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/simulation/wires.hpp"

namespace comdml::simulation {

/// Flags by agent.
using agent_set = std::vector<bool>;

[[nodiscard]] inline agent_set set_of(const std::vector<agent_id>& members, std::size_t agents) {
  agent_set set(agents);
  for (const agent_id member : members) set[member.value] = true;
  return set;
}

/// The most of `members`, ascending, that reach each other both ways over agents of `relays`; of two parts with equally
/// many the one with the lowest id.
[[nodiscard]] inline std::vector<agent_id> largest_part(const wire_map& wires, const std::vector<agent_id>& members,
                                                        const agent_set& relays) {
  const std::size_t agents = relays.size();
  std::vector<std::vector<std::uint32_t>> backward(agents);
  for (std::uint32_t from = 0; from < agents; ++from)
    for (wire_index wire = wires.begin(from); relays[from] && wire < wires.end(from); ++wire)
      if (relays[wires.to(wire)]) backward[wires.to(wire)].push_back(from);
  const auto reach = [&](std::uint32_t start, auto&& for_each_next) {
    agent_set seen(agents);
    std::vector<std::uint32_t> reached{start};
    seen[start] = true;
    for (std::size_t i = 0; i < reached.size(); ++i)
      for_each_next(reached[i], [&](std::uint32_t next) {
        if (!relays[next] || seen[next]) return;
        seen[next] = true;
        reached.push_back(next);
      });
    return seen;
  };
  std::vector<agent_id> best;
  agent_set done(agents);
  std::size_t left = members.size();
  for (const agent_id first : members) {
    if (left <= best.size()) break;
    if (done[first.value]) continue;
    const agent_set onward = reach(first.value, [&](std::uint32_t at, auto&& visit) {
      for (wire_index wire = wires.begin(at); wire < wires.end(at); ++wire) visit(wires.to(wire));
    });
    const agent_set back = reach(first.value, [&](std::uint32_t at, auto&& visit) {
      for (const std::uint32_t from : backward[at]) visit(from);
    });
    std::vector<agent_id> part;
    for (const agent_id member : members)
      if (onward[member.value] && back[member.value]) {
        part.push_back(member);
        done[member.value] = true;
      }
    left -= part.size();
    if (part.size() > best.size()) best = std::move(part);
  }
  return best;
}

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
