// SPDX-License-Identifier: BSL-1.0
/// \file
/// Ways between agents that have no direct link: the widest path, over members of the group only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// The widest path of every ordered pair of a group: largest bottleneck rate, then fewest hops, then the lowest ids
/// (the first agent in which two candidates differ decides). Building takes time cubic in the number of members.
class routes {
 public:
  /// Over the agents in `members` (ascending, no duplicates). Throws run_error that names the parts if some agent
  /// cannot reach another one.
  routes(const link_matrix& links, std::vector<agent_id> members)
      : members_{std::move(members)}, rates_(members_.size() * members_.size()) {
    COMDML_REQUIRE(std::ranges::adjacent_find(members_, std::ranges::greater_equal{}) == members_.end(),
                   "members must be ascending and distinct");
    for (std::size_t from = 0; from < size(); ++from)
      for (std::size_t to = 0; to < size(); ++to)
        rates_[from * size() + to] = from == to ? bits_per_second{} : links(members_[from], members_[to]).rate;
    find_widths();
    require_connected();
  }
  /// Over all agents.
  explicit routes(const link_matrix& links) : routes{links, all(links.agents())} {}

  [[nodiscard]] const std::vector<agent_id>& members() const noexcept { return members_; }

  /// Whether there is a direct link.
  [[nodiscard]] bool linked(agent_id from, agent_id to) const { return rate(rank(from), rank(to)) > bits_per_second{}; }
  /// The slowest link on the widest path.
  [[nodiscard]] bits_per_second bottleneck(agent_id from, agent_id to) const { return width(rank(from), rank(to)); }

  /// The agents on the widest path, both ends included; {from} alone if from == to.
  [[nodiscard]] std::vector<agent_id> path(agent_id from, agent_id to) const {
    const std::size_t first = rank(from);
    const std::size_t last = rank(to);
    const bits_per_second enough = width(first, last);
    const std::vector<std::size_t> hops = hops_to(last, first, enough);
    std::vector<agent_id> found{from};
    for (std::size_t at = first; at != last;) {
      for (std::size_t next = 0; next < size(); ++next)
        if (rate(at, next) >= enough && hops[next] + 1 == hops[at]) {
          at = next;
          break;
        }
      found.push_back(members_[at]);
    }
    return found;
  }

 private:
  static constexpr std::size_t unknown = std::numeric_limits<std::size_t>::max() / 2;

  static std::vector<agent_id> all(std::size_t agents) {
    std::vector<agent_id> ids(agents);
    for (std::size_t i = 0; i < agents; ++i) ids[i] = agent_id{static_cast<std::uint32_t>(i)};
    return ids;
  }
  [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }
  [[nodiscard]] std::size_t rank(agent_id member) const {
    const auto found = std::ranges::lower_bound(members_, member);
    COMDML_REQUIRE(found != members_.end() && *found == member, "agent ", member, " is no member");
    return static_cast<std::size_t>(found - members_.begin());
  }
  [[nodiscard]] bits_per_second rate(std::size_t from, std::size_t to) const { return rates_[from * size() + to]; }
  [[nodiscard]] bits_per_second width(std::size_t from, std::size_t to) const { return widths_[from * size() + to]; }

  /// Floyd and Warshall's closure, with (max, min) in place of (min, +).
  void find_widths() {
    widths_ = rates_;
    for (std::size_t over = 0; over < size(); ++over) {
      widths_[over * size() + over] = bits_per_second::infinity();
      for (std::size_t from = 0; from < size(); ++from)
        for (std::size_t to = 0; to < size(); ++to) {
          bits_per_second& best = widths_[from * size() + to];
          best = std::max(best, std::min(width(from, over), width(over, to)));
        }
    }
  }

  /// Number of hops from each member to `last` over links of at least `enough`. The breadth-first search ends when it
  /// meets `first`: all that are nearer to `last` than that are known by then.
  [[nodiscard]] std::vector<std::size_t> hops_to(std::size_t last, std::size_t first, bits_per_second enough) const {
    std::vector<std::size_t> hops(size(), unknown);
    std::vector<std::size_t> queue{last};
    hops[last] = 0;
    for (std::size_t i = 0; i < queue.size() && hops[first] == unknown; ++i)
      for (std::size_t from = 0; from < size(); ++from)
        if (hops[from] == unknown && rate(from, queue[i]) >= enough) {
          hops[from] = hops[queue[i]] + 1;
          queue.push_back(from);
        }
    return hops;
  }

  void require_connected() const {
    std::string parts;
    std::size_t count = 0;
    std::vector<bool> named(size());
    for (std::size_t i = 0; i < size(); ++i) {
      if (named[i]) continue;
      std::string part;
      for (std::size_t j = i; j < size(); ++j) {
        if (width(i, j) == bits_per_second{} || width(j, i) == bits_per_second{}) continue;
        named[j] = true;
        part += text(part.empty() ? "" : " ", members_[j]);
      }
      parts += text(" {", part, "}");
      ++count;
    }
    if (count > 1)
      throw run_error{
          text("the agents fall into ", count, " parts without links in both directions between them:", parts)};
  }

  std::vector<agent_id> members_;
  std::vector<bits_per_second> rates_;
  std::vector<bits_per_second> widths_;
};

}  // namespace comdml::comm
