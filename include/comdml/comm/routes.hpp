// SPDX-License-Identifier: BSL-1.0
/// \file
/// Ways between agents that have no direct link: the widest path, over members of the group only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// The widest path of every ordered pair of a group: largest bottleneck rate, then fewest hops, then the lowest ids
/// (the first agent in which two candidates differ decides). Building takes time cubic in the number of members; copies
/// share what was built.
class routes {
 public:
  /// Over the agents in `members` (ascending, no duplicates). Throws run_error that names the parts if some agent
  /// cannot reach another one.
  routes(link_matrix links, std::vector<agent_id> members) : links_{std::move(links)}, members_{std::move(members)} {
    COMDML_REQUIRE(std::ranges::adjacent_find(members_, std::ranges::greater_equal{}) == members_.end(),
                   "members must be ascending and distinct");
    table_ = std::make_shared<const table>(make_table());
    require_connected();
  }
  /// Over all agents.
  explicit routes(const link_matrix& links) : routes{links, all(links.agents())} {}

  /// The links that the routes were built from, those of other agents included.
  [[nodiscard]] const link_matrix& links() const noexcept { return links_; }
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
        if (hops[next] + 1 == hops[at] && rate(at, next) >= enough) {
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
  [[nodiscard]] bits_per_second rate(std::size_t from, std::size_t to) const {
    return table_->rates[to * size() + from];
  }
  [[nodiscard]] bits_per_second width(std::size_t from, std::size_t to) const {
    return table_->widths[from * size() + to];
  }

  /// Of ordered pairs, by rank.
  struct table {
    std::vector<bits_per_second> rates;  ///< those into one member side by side: hops_to goes through them
    std::vector<bits_per_second> widths;
  };

  /// Floyd and Warshall's closure, with (max, min) in place of (min, +).
  [[nodiscard]] table make_table() const {
    table made{std::vector<bits_per_second>(size() * size()), std::vector<bits_per_second>(size() * size())};
    const auto width_at = [&](std::size_t from, std::size_t to) -> bits_per_second& {
      return made.widths[from * size() + to];
    };
    for (std::size_t from = 0; from < size(); ++from)
      for (std::size_t to = 0; to < size(); ++to)
        if (from != to) made.rates[to * size() + from] = width_at(from, to) = links_(members_[from], members_[to]).rate;
    for (std::size_t over = 0; over < size(); ++over) {
      width_at(over, over) = bits_per_second::infinity();
      for (std::size_t from = 0; from < size(); ++from)
        for (std::size_t to = 0; to < size(); ++to) {
          bits_per_second& best = width_at(from, to);
          best = std::max(best, std::min(width_at(from, over), width_at(over, to)));
        }
    }
    return made;
  }

  /// Number of hops from each member to `last` over links of at least `enough`. The breadth-first search looks for
  /// `first` before each new layer and ends there: all that are nearer to `last` are known by then, and most ways in a
  /// large fleet have two hops.
  [[nodiscard]] std::vector<std::size_t> hops_to(std::size_t last, std::size_t first, bits_per_second enough) const {
    std::vector<std::size_t> hops(size(), unknown);
    std::vector<std::size_t> queue{last};
    hops[last] = 0;
    for (std::size_t layer = 0; hops[first] == unknown;) {
      const std::size_t end = queue.size();
      for (std::size_t i = layer; i < end; ++i)
        if (rate(first, queue[i]) >= enough) hops[first] = hops[queue[i]] + 1;
      for (; layer < end && hops[first] == unknown; ++layer)
        for (std::size_t from = 0; from < size(); ++from)
          if (hops[from] == unknown && rate(from, queue[layer]) >= enough) {
            hops[from] = hops[queue[layer]] + 1;
            queue.push_back(from);
          }
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

  link_matrix links_;
  std::vector<agent_id> members_;
  std::shared_ptr<const table> table_;
};

}  // namespace comdml::comm
