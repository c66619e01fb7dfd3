// SPDX-License-Identifier: BSL-1.0
/// \file
/// Averaging with neighbors only: who they are, and with which weights.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"

namespace comdml::learn {

/// The agents that `self` has links with in both directions, ascending.
[[nodiscard]] inline std::vector<agent_id> mutual_neighbors(const link_matrix& links, agent_id self) {
  std::vector<agent_id> found;
  links.for_each_link(self, [&](agent_id other, auto) {
    if (links(other, self).rate.value() > 0) found.push_back(other);
  });
  return found;
}

/// Whether links that go both ways lead from every agent to every other one, perhaps over others.
[[nodiscard]] inline bool mutually_connected(const link_matrix& links) {
  std::vector<bool> seen(links.agents(), false);
  std::vector<agent_id> frontier;
  if (links.agents() > 0) frontier.emplace_back();
  std::size_t count = frontier.size();
  if (count > 0) seen[0] = true;
  while (!frontier.empty()) {
    const agent_id at = frontier.back();
    frontier.pop_back();
    for (const agent_id next : mutual_neighbors(links, at)) {
      if (seen[next.value]) continue;
      seen[next.value] = true;
      ++count;
      frontier.push_back(next);
    }
  }
  return count == links.agents();
}

/// Row `self` of the Metropolis-Hastings weights on the graph of links that go both ways, itself included, ascending:
///
///     W_ij = 1 / (1 + max(d_i, d_j))  for neighbors,   W_ii = 1 - sum of the others        d: number of neighbors
///
/// The matrix is symmetric and doubly stochastic (Xiao, Boyd, Kim: "Distributed average consensus with least-mean-
/// square deviation", 2007).
[[nodiscard]] inline std::vector<std::pair<agent_id, double>> metropolis_weights(const link_matrix& links,
                                                                                 agent_id self) {
  const std::vector<agent_id> neighbors = mutual_neighbors(links, self);
  std::vector<std::pair<agent_id, double>> row;
  double own = 1;
  for (const agent_id other : neighbors) {
    const std::size_t most = std::max(neighbors.size(), mutual_neighbors(links, other).size());
    own -= row.emplace_back(other, 1.0 / (1.0 + static_cast<double>(most))).second;
  }
  row.emplace_back(self, own);
  std::ranges::sort(row);
  return row;
}

}  // namespace comdml::learn
