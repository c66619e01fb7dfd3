// SPDX-License-Identifier: BSL-1.0
/// \file
/// Links of a fleet: a rate and a latency per ordered pair of agents. A plain value, used by transports, routes,
/// the cost model and pairing alike.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"

namespace comdml {

/// One direction between two agents. Rate zero = there is no link.
struct directed_link {
  bits_per_second rate{};
  seconds latency{};

  friend bool operator==(const directed_link&, const directed_link&) = default;
};

/// When a message arrives, `link_free` being when the link is through with the one before; books the link.
/// A directed link is a queue, which is what a token bucket amounts to: a message leaves when the one before is
/// through.
inline seconds link_arrival(const directed_link& over, seconds& link_free, seconds departure, bytes size) {
  link_free = std::max(departure, link_free) + size / over.rate;
  return link_free + over.latency;
}

/// Table of directed links. An agent has no link to itself; asking for it is allowed and gives rate zero.
///
/// Links that are alike share one *kind*, a number; an agent's row holds the kinds of its links, as a list while it has
/// few, as an array otherwise. So memory grows with the links that there are, not with the square of the agents, and a
/// policy can do once per kind what it would do once per link. Links of a large fleet may also follow a rule instead of
/// being stored.
///
/// Copies share one table until one of them is changed: every agent of a process holds the links, and so does every
/// pairing instance, and a table of its own for each would make memory cubic in the number of agents.
class link_matrix {
 public:
  /// Number of a kind. Kind 0 is no link.
  using kind_index = std::uint32_t;
  using rule = std::function<kind_index(agent_id from, agent_id to)>;

  link_matrix() : link_matrix{0} {}
  /// `agents` agents without any link.
  explicit link_matrix(std::size_t agents) : agents_{agents}, links_{std::make_shared<table>(agents)} {}
  /// Links that are not stored: the one from i to j, i != j, is `kinds[which(i, j)]`. `which` is a pure function and is
  /// called often. Links that are set later are stored. Throws contract_error unless kinds[0] is no link and all kinds
  /// differ.
  link_matrix(std::size_t agents, std::span<const directed_link> kinds, rule which) : link_matrix{agents} {
    COMDML_REQUIRE(!kinds.empty() && kinds[0] == directed_link{}, "kind 0 of ", kinds.size(), " is no link");
    COMDML_REQUIRE(which != nullptr, "a rule that says nothing");
    for (std::size_t k = 1; k < kinds.size(); ++k)
      COMDML_REQUIRE(links_->kind_of(kinds[k]) == k, "kind ", k, " appears twice");
    links_->which = std::move(which);
  }

  [[nodiscard]] std::size_t agents() const noexcept { return agents_; }

  [[nodiscard]] const directed_link& operator()(agent_id from, agent_id to) const {
    return links_->kinds[kind(from, to)];
  }

  /// Every kind of link that there is, no link (kind 0) and perhaps some that are no longer used included.
  [[nodiscard]] std::span<const directed_link> kinds() const noexcept { return links_->kinds; }
  /// Which of kinds() this link is.
  [[nodiscard]] kind_index kind(agent_id from, agent_id to) const {
    COMDML_REQUIRE(from.value < agents_ && to.value < agents_, "link ", from, " -> ", to, " of ", agents_, " agents");
    return links_->kind(from, to);
  }

  /// The kinds of all links of an agent, if they are stored as an array; empty otherwise. Valid until a link is set.
  [[nodiscard]] std::span<const kind_index> array_of(agent_id from) const { return links_->rows[from.value].array; }
  /// Whether asking for a row takes time in the number of the agent's links, and not of all agents.
  [[nodiscard]] bool is_listed(agent_id from) const { return links_->rows[from.value].array.empty() && !links_->which; }

  /// Calls f(to, kind) for every link of an agent, ascending in `to`.
  template <class Function>
  void for_each_link(agent_id from, Function&& f) const {
    COMDML_REQUIRE(from.value < agents_, "agent ", from, " of ", agents_);
    const auto exists = [&](kind_index kind) { return links_->kinds[kind].rate.value() > 0; };
    if (is_listed(from)) {
      for (const auto& [to, kind] : links_->rows[from.value].list)
        if (exists(kind)) f(agent_id{to}, kind);
      return;
    }
    for (std::uint32_t to = 0; to < agents_; ++to)
      if (const kind_index kind = links_->kind(from, agent_id{to}); kind != 0 && exists(kind)) f(agent_id{to}, kind);
  }

  /// Sets one direction.
  void set(agent_id from, agent_id to, directed_link value) {
    COMDML_REQUIRE(from.value < agents_ && to.value < agents_, "link ", from, " -> ", to, " of ", agents_, " agents");
    if (links_.use_count() > 1)
      links_ = std::make_shared<table>(*links_);
    else
      std::atomic_thread_fence(std::memory_order_acquire);  // after the last reads through copies that are gone
    links_->set(from, to, value);
  }
  /// Sets both directions alike.
  void set_both(agent_id a, agent_id b, directed_link value) {
    set(a, b, value);
    set(b, a, value);
  }

  /// Whether all links are equal, however they are stored.
  friend bool operator==(const link_matrix& a, const link_matrix& b) {
    if (a.agents_ != b.agents_) return false;
    if (a.links_ == b.links_) return true;
    for (std::uint32_t from = 0; from < a.agents_; ++from)
      if (!equal_rows(a, b, agent_id{from})) return false;
    return true;
  }

 private:
  struct row {
    std::vector<std::pair<std::uint32_t, kind_index>> list;  ///< ascending, without kind 0
    std::vector<kind_index> array;                           ///< of all agents; empty while the list is used
  };

  struct table {
    explicit table(std::size_t agents) : rows(agents) {}

    [[nodiscard]] kind_index kind(agent_id from, agent_id to) const {
      const row& own = rows[from.value];
      if (!own.array.empty()) return own.array[to.value];
      if (which) return from == to ? 0 : which(from, to);
      const auto found = std::ranges::lower_bound(own.list, to.value, {}, &std::pair<std::uint32_t, kind_index>::first);
      return found != own.list.end() && found->first == to.value ? found->second : 0;
    }

    kind_index kind_of(const directed_link& link) {
      const auto [found, added] = numbers.try_emplace(link, static_cast<kind_index>(kinds.size()));
      if (added) kinds.push_back(link);
      return found->second;
    }

    void set(agent_id from, agent_id to, const directed_link& link) {
      row& own = rows[from.value];
      if (own.array.empty() && (which || 2 * own.list.size() >= rows.size())) {
        std::vector<kind_index> all(rows.size());
        for (std::uint32_t j = 0; j < all.size(); ++j) all[j] = kind(from, agent_id{j});
        own.array = std::move(all);
        own.list = {};
      }
      const kind_index number = kind_of(link);
      if (!own.array.empty()) {
        own.array[to.value] = number;
        return;
      }
      const auto at = std::ranges::lower_bound(own.list, to.value, {}, &std::pair<std::uint32_t, kind_index>::first);
      const bool there = at != own.list.end() && at->first == to.value;
      if (there && number != 0) {
        at->second = number;
      } else if (there) {
        own.list.erase(at);
      } else if (number != 0) {
        own.list.emplace(at, to.value, number);
      }
    }

    struct hash {
      std::size_t operator()(const directed_link& link) const noexcept {
        const auto rate = std::bit_cast<std::uint64_t>(link.rate.value() + 0);  // minus zero is zero
        const auto latency = std::bit_cast<std::uint64_t>(link.latency.value() + 0);
        const std::uint64_t mixed = (rate ^ (latency >> 29)) * 0x9E3779B97F4A7C15u + latency;
        return static_cast<std::size_t>(mixed ^ (mixed >> 32));
      }
    };

    std::vector<directed_link> kinds{directed_link{}};
    std::unordered_map<directed_link, kind_index, hash> numbers{{directed_link{}, 0}};
    std::vector<row> rows;
    rule which;
  };

  static bool equal_rows(const link_matrix& a, const link_matrix& b, agent_id from) {
    if (a.is_listed(from) && b.is_listed(from)) {
      const auto& first = a.links_->rows[from.value].list;
      const auto& second = b.links_->rows[from.value].list;
      return std::ranges::equal(first, second, [&](const auto& x, const auto& y) {
        return x.first == y.first && a.links_->kinds[x.second] == b.links_->kinds[y.second];
      });
    }
    for (std::uint32_t to = 0; to < a.agents_; ++to)
      if (a(from, agent_id{to}) != b(from, agent_id{to})) return false;
    return true;
  }

  std::size_t agents_ = 0;
  std::shared_ptr<table> links_;
};

}  // namespace comdml
