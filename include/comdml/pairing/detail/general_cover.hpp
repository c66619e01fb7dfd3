// SPDX-License-Identifier: BSL-1.0
/// \file
/// Whether all critical agents can be in a pair within a time, when two of them may help each other: matching in a
/// general graph (Edmonds: "Paths, trees, and flowers", 1965), where a path may also end in giving up the pair of an
/// agent that is not critical.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "comdml/core/units.hpp"
#include "comdml/pairing/detail/cover.hpp"
#include "comdml/pairing/detail/edges.hpp"

namespace comdml::pairing::detail {

/// Over an undirected graph: edges[v] are those of agent v, each present at both of its agents.
class general_cover {
 public:
  general_cover(const std::vector<std::vector<edge>>& edges, const std::vector<seconds>& solo)
      : edges_{edges}, solo_{solo}, best_(solo.size(), nobody), makespan_{std::ranges::max(solo)} {}

  [[nodiscard]] seconds makespan() const noexcept { return makespan_; }
  /// The other agent of each agent's pair in the matching at hand, or nobody.
  [[nodiscard]] const std::vector<std::uint32_t>& mates() const noexcept { return best_; }

  bool cover(seconds time) {
    time_ = time;
    mate_ = best_;
    for (std::uint32_t v = 0; v < mate_.size(); ++v)
      if (mate_[v] != nobody && (cost(v) > time || !(critical(v) || critical(mate_[v])))) separate(v);
    for (std::uint32_t v = 0; v < mate_.size(); ++v)
      if (critical(v) && mate_[v] == nobody && !find_place(v)) return false;
    best_ = mate_;
    makespan_ = {};
    for (std::uint32_t v = 0; v < best_.size(); ++v) {
      if (best_[v] != nobody && !critical(v) && !critical(best_[v])) best_[v] = nobody;
      makespan_ = std::max(makespan_, best_[v] == nobody ? solo_[v] : cost(v));
    }
    return true;
  }

 private:
  [[nodiscard]] bool critical(std::uint32_t v) const { return solo_[v] > time_; }
  [[nodiscard]] seconds cost(std::uint32_t v) const {
    return std::ranges::find(edges_[v], mate_[v], &edge::column)->cost;
  }
  void separate(std::uint32_t v) {
    mate_[mate_[v]] = nobody;
    mate_[v] = nobody;
  }

  /// Grows an alternating tree from a critical agent without a pair until it ends in an agent without one, or in one
  /// that can do without.
  bool find_place(std::uint32_t root) {
    const std::size_t agents = mate_.size();
    outer_.assign(agents, false);
    parent_.assign(agents, nobody);
    base_.resize(agents);
    for (std::uint32_t v = 0; v < agents; ++v) base_[v] = v;
    outer_[root] = true;
    queue_.assign(1, root);
    while (!queue_.empty()) {
      const std::uint32_t v = queue_.front();
      queue_.pop_front();
      for (const edge& way : edges_[v]) {
        const std::uint32_t to = way.column;
        if (way.cost > time_ || base_[v] == base_[to] || mate_[v] == to) continue;
        if (to == root || (mate_[to] != nobody && parent_[mate_[to]] != nobody)) {
          if (contract(v, to)) return true;
        } else if (parent_[to] == nobody) {
          parent_[to] = v;
          if (mate_[to] == nobody) {
            turn(to);
            return true;
          }
          if (add_outer(mate_[to])) return true;
        }
      }
    }
    return false;
  }

  /// \returns whether the agent could give up its pair, which ends the search
  bool add_outer(std::uint32_t v) {
    outer_[v] = true;
    queue_.push_back(v);
    if (critical(v)) return false;
    const std::uint32_t former = mate_[v];
    mate_[v] = nobody;
    turn(former);
    return true;
  }

  /// Exchanges the edges in and out of the matching from v up to the root.
  void turn(std::uint32_t v) {
    while (v != nobody) {
      const std::uint32_t up = parent_[v];
      const std::uint32_t next = mate_[up];
      mate_[v] = up;
      mate_[up] = v;
      v = next;
    }
  }

  /// An odd cycle: all of its agents become outer. \returns as add_outer
  bool contract(std::uint32_t v, std::uint32_t to) {
    const std::uint32_t top = common_base(v, to);
    in_blossom_.assign(mate_.size(), false);
    mark(v, top, to);
    mark(to, top, v);
    for (std::uint32_t i = 0; i < mate_.size(); ++i) {
      if (!in_blossom_[base_[i]]) continue;
      base_[i] = top;
      if (!outer_[i] && add_outer(i)) return true;
    }
    return false;
  }

  [[nodiscard]] std::uint32_t common_base(std::uint32_t a, std::uint32_t b) const {
    std::vector<bool> seen(mate_.size(), false);
    while (true) {
      a = base_[a];
      seen[a] = true;
      if (mate_[a] == nobody) break;
      a = parent_[mate_[a]];
    }
    while (true) {
      b = base_[b];
      if (seen[b]) return b;
      b = parent_[mate_[b]];
    }
  }

  void mark(std::uint32_t v, std::uint32_t top, std::uint32_t child) {
    while (base_[v] != top) {
      in_blossom_[base_[v]] = in_blossom_[base_[mate_[v]]] = true;
      parent_[v] = child;
      child = mate_[v];
      v = parent_[mate_[v]];
    }
  }

  const std::vector<std::vector<edge>>& edges_;
  const std::vector<seconds>& solo_;
  std::vector<std::uint32_t> best_;
  seconds makespan_;

  seconds time_{};
  std::vector<std::uint32_t> mate_;
  std::vector<bool> outer_;
  std::vector<std::uint32_t> parent_;
  std::vector<std::uint32_t> base_;
  std::vector<bool> in_blossom_;
  std::deque<std::uint32_t> queue_;
};

}  // namespace comdml::pairing::detail
