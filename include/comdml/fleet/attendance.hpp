// SPDX-License-Identifier: BSL-1.0
/// \file
/// Who takes part in a round, and who brings those up to date that did not take part in the one before. Training and
/// simulation follow the same rules.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/units.hpp"

namespace comdml::fleet {

/// Flags by agent.
using agent_set = std::vector<bool>;

[[nodiscard]] inline agent_set set_of(const std::vector<agent_id>& members, std::size_t agents) {
  agent_set set(agents);
  for (const agent_id member : members) set[member.value] = true;
  return set;
}

/// Who reaches whom, both ways, over agents of a set. Refers to the links.
class reachability {
 public:
  reachability(const link_matrix& links, agent_set over)
      : links_{&links}, over_{std::move(over)}, backward_(over_.size()) {
    for (std::uint32_t from = 0; from < over_.size(); ++from)
      if (over_[from])
        links.for_each_link(agent_id{from}, [&](agent_id to, link_matrix::kind_index) {
          if (over_[to.value]) backward_[to.value].push_back(from);
        });
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
      const agent_set around = part_of(first);
      std::vector<agent_id> part;
      for (const agent_id member : members)
        if (around[member.value]) part.push_back(member);
      for (const agent_id member : part) done[member.value] = true;
      left -= part.size();
      if (part.size() > best.size()) best = std::move(part);
    }
    return best;
  }

 private:
  /// Those that an agent reaches and is reached by, itself included.
  [[nodiscard]] agent_set part_of(agent_id agent) const {
    agent_set part = reach(agent.value, [&](std::uint32_t at, auto&& visit) {
      links_->for_each_link(agent_id{at}, [&](agent_id to, link_matrix::kind_index) { visit(to.value); });
    });
    const agent_set back = reach(agent.value, [&](std::uint32_t at, auto&& visit) {
      for (const std::uint32_t from : backward_[at]) visit(from);
    });
    for (std::size_t i = 0; i < part.size(); ++i) part[i] = part[i] && back[i];
    return part;
  }

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

  const link_matrix* links_;
  agent_set over_;
  std::vector<std::vector<std::uint32_t>> backward_;
};

/// An agent that has the model of the last round sends it to one that has not.
struct hand_over {
  agent_id giver;
  agent_id receiver;

  friend bool operator==(const hand_over&, const hand_over&) = default;
};

/// Who takes part in a round, ascending, and what is handed over before, in this order: who receives may give later.
struct turnout {
  std::vector<agent_id> members;
  std::vector<hand_over> hand_overs{};

  friend bool operator==(const turnout&, const turnout&) = default;
};

/// The turnout of a round that `wanted` are to take part in. Those who take part are the most of them that reach each
/// other over links between them; nobody else passes messages on. `before` took part in the last round: they bring the
/// others up to date before they go, if need be, each over the fastest link from somebody who is (of equal ones, from
/// the lowest id). Where no link leads to any of the others, those of the last round who are still `present` go on.
/// Nobody is in it if there are none. All lists are ascending; `before` is empty in the first round.
[[nodiscard]] inline turnout next_turnout(const link_matrix& links, const std::vector<agent_id>& wanted,
                                          const std::vector<agent_id>& present, const std::vector<agent_id>& before) {
  const auto joined = [&](const std::vector<agent_id>& agents) {
    return reachability{links, set_of(agents, links.agents())}.largest_part(agents);
  };
  turnout next{joined(wanted)};
  if (before.empty()) return next;
  agent_set behind = set_of(next.members, links.agents());
  for (const agent_id agent : before) behind[agent.value] = false;
  std::vector<bits_per_second> best(links.agents());
  std::vector<agent_id> giver(links.agents());
  for (std::vector<agent_id> givers = before; !givers.empty();) {
    std::vector<agent_id> reached;
    for (const agent_id from : givers)
      links.for_each_link(from, [&](agent_id to, link_matrix::kind_index kind) {
        if (!behind[to.value]) return;
        const bits_per_second rate = links.kinds()[kind].rate;
        if (best[to.value] == bits_per_second{}) reached.push_back(to);
        if (rate > best[to.value]) {
          best[to.value] = rate;
          giver[to.value] = from;
        }
      });
    std::ranges::sort(reached);
    for (const agent_id to : reached) {
      next.hand_overs.push_back({giver[to.value], to});
      behind[to.value] = false;
    }
    givers = std::move(reached);
  }
  // They reach each other: one that cannot be reached means that nobody can, and that nobody was there before.
  if (std::ranges::none_of(next.members, [&](agent_id agent) { return behind[agent.value]; })) return next;
  std::vector<agent_id> left;
  std::ranges::set_intersection(before, present, std::back_inserter(left));
  return {joined(left)};
}

}  // namespace comdml::fleet
