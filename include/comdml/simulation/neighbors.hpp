// SPDX-License-Identifier: BSL-1.0
/// \file
/// Who reaches whom, and exchanges between neighbors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
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

/// Who reaches whom, both ways, over agents of a set.
class reachability {
 public:
  /// Refers to the wires.
  reachability(const wire_map& wires, agent_set over)
      : wires_{&wires}, over_{std::move(over)}, backward_(over_.size()) {
    for (std::uint32_t from = 0; from < over_.size(); ++from)
      for (wire_index wire = wires.begin(from); over_[from] && wire < wires.end(from); ++wire)
        if (over_[wires.to(wire)]) backward_[wires.to(wire)].push_back(from);
  }

  /// Those that an agent reaches and is reached by, itself included.
  [[nodiscard]] agent_set part_of(agent_id agent) const {
    agent_set part = reach(agent.value, [&](std::uint32_t at, auto&& visit) {
      for (wire_index wire = wires_->begin(at); wire < wires_->end(at); ++wire) visit(wires_->to(wire));
    });
    const agent_set back = reach(agent.value, [&](std::uint32_t at, auto&& visit) {
      for (const std::uint32_t from : backward_[at]) visit(from);
    });
    for (std::size_t i = 0; i < part.size(); ++i) part[i] = part[i] && back[i];
    return part;
  }

  /// The most of `members`, ascending, that reach each other; of two parts with equally many the one with the lowest
  /// id.
  [[nodiscard]] std::vector<agent_id> largest_part(const std::vector<agent_id>& members) const {
    std::vector<agent_id> best;
    agent_set done(over_.size());
    std::size_t left = members.size();
    for (const agent_id first : members) {
      if (left <= best.size()) break;
      if (done[first.value]) continue;
      std::vector<agent_id> part = members_of(part_of(first), members);
      for (const agent_id member : part) done[member.value] = true;
      left -= part.size();
      if (part.size() > best.size()) best = std::move(part);
    }
    return best;
  }

  [[nodiscard]] static std::vector<agent_id> members_of(const agent_set& part, const std::vector<agent_id>& members) {
    std::vector<agent_id> found;
    for (const agent_id member : members)
      if (part[member.value]) found.push_back(member);
    return found;
  }

 private:
  template <class Next>
  [[nodiscard]] agent_set reach(std::uint32_t start, Next&& for_each_next) const {
    agent_set seen(over_.size());
    std::vector<std::uint32_t> reached{start};
    seen[start] = true;
    for (std::size_t i = 0; i < reached.size(); ++i)
      for_each_next(reached[i], [&](std::uint32_t next) {
        if (!over_[next] || seen[next]) return;
        seen[next] = true;
        reached.push_back(next);
      });
    return seen;
  }

  const wire_map* wires_;
  agent_set over_;
  std::vector<std::vector<std::uint32_t>> backward_;
};

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
