// SPDX-License-Identifier: BSL-1.0
/// \file
/// The assignment of helpers to critical agents with the least sum of weights: shortest augmenting paths with
/// potentials (Jonker, Volgenant: "A shortest augmenting path algorithm for dense and sparse linear assignment
/// problems", 1987).
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <numeric>
#include <queue>
#include <tuple>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/pairing/detail/cover.hpp"

namespace comdml::pairing::detail {

/// Two integers, the first of which decides: sums do not hang on the order of adding, nor on the compiler.
struct weight {
  std::int64_t overshoot = 0;
  std::int64_t bytes = 0;

  friend constexpr auto operator<=>(const weight&, const weight&) = default;
  friend constexpr weight operator+(weight a, weight b) { return {a.overshoot + b.overshoot, a.bytes + b.bytes}; }
  friend constexpr weight operator-(weight a, weight b) { return {a.overshoot - b.overshoot, a.bytes - b.bytes}; }
};

/// A helper that a row may get.
struct choice {
  std::uint32_t column;
  detail::weight weight;
};

/// \param rows     choices of each row, with weights of at least zero
/// \param columns  number of columns
/// \param effort   columns that searches may settle; when it is used up, the rows that are left get whatever column
/// they
///                 can be given
/// \returns for each row the number of its choice, such that no column is chosen twice. Requires that this is possible.
[[nodiscard]] inline std::vector<std::size_t> least_assignment(const std::vector<std::vector<choice>>& rows,
                                                               std::size_t columns, std::size_t effort) {
  constexpr weight far{std::numeric_limits<std::int64_t>::max() / 4, 0};
  constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> chosen(rows.size(), none);
  std::vector<std::uint32_t> owner(columns, nobody);
  std::vector<weight> price(columns);  // potentials of the columns, at most zero
  std::vector<weight> distance(columns, far);
  std::vector<std::pair<std::uint32_t, std::size_t>> from(columns);  // row and choice that lead here
  std::vector<bool> done(columns, false);
  std::vector<std::uint32_t> touched;

  // First by bidding: a row takes its best column and lowers the price by what it would lose at its second best; the
  // former owner bids again. A bound keeps it from counting down in small steps; what is left gets shortest paths.
  std::vector<std::uint32_t> left;
  std::deque<std::uint32_t> bidders(rows.size());
  std::iota(bidders.begin(), bidders.end(), 0U);
  for (std::size_t bids = 8 * rows.size(); !bidders.empty(); bidders.pop_front()) {
    const std::uint32_t row = bidders.front();
    if (bids == 0) {
      left.push_back(row);
      continue;
    }
    --bids;
    std::size_t first = none;
    std::size_t second = none;
    const auto cost = [&](std::size_t c) { return rows[row][c].weight - price[rows[row][c].column]; };
    const auto before = [&](std::size_t a, std::size_t b) {  // among equals, a free column is better
      if (b == none) return true;
      const auto free = [&](std::size_t c) { return owner[rows[row][c].column] == nobody; };
      const auto order = cost(a) <=> cost(b);
      return order < 0 || (order == 0 && free(a) && !free(b));
    };
    for (std::size_t c = 0; c < rows[row].size(); ++c) {
      if (before(c, first)) {
        second = std::exchange(first, c);
      } else if (before(c, second)) {
        second = c;
      }
    }
    COMDML_REQUIRE(first != none, "row ", row, " has no choice");
    const std::uint32_t column = rows[row][first].column;
    if (owner[column] != nobody && (second == none || cost(first) == cost(second))) {
      left.push_back(row);  // a bid would change nothing, or take what another may have no choice about
      continue;
    }
    if (second != none) price[column] = price[column] - (cost(second) - cost(first));
    if (owner[column] != nobody) {
      chosen[owner[column]] = none;
      bidders.push_back(owner[column]);
    }
    owner[column] = row;
    chosen[row] = first;
  }

  using item = std::tuple<weight, bool, std::uint32_t>;  // distance, owned (a free column ends the search), column
  for (const std::uint32_t root : left) {
    std::priority_queue<item, std::vector<item>, std::greater<>> queue;
    touched.clear();
    std::uint32_t end = nobody;
    weight reached{};  // distance of the row being scanned
    std::uint32_t row = root;
    const bool exact = effort > 0;
    while (end == nobody) {
      // The row's own potential is what makes its chosen column's reduced weight zero.
      const weight base =
          chosen[row] == none ? weight{} : rows[row][chosen[row]].weight - price[rows[row][chosen[row]].column];
      for (std::size_t c = 0; c < rows[row].size(); ++c) {
        const auto& [column, cost] = rows[row][c];
        if (done[column]) continue;
        const weight way = exact ? reached + (cost - price[column]) - base : weight{};
        if (way >= distance[column]) continue;
        if (distance[column] == far) touched.push_back(column);
        distance[column] = way;
        from[column] = {row, c};
        queue.emplace(way, owner[column] != nobody, column);
      }
      while (!queue.empty() && done[std::get<2>(queue.top())]) queue.pop();
      COMDML_REQUIRE(!queue.empty(), "row ", root, " finds no column");
      const auto [way, owned, column] = queue.top();
      queue.pop();
      done[column] = true;
      if (effort > 0) --effort;
      reached = way;
      if (owned)
        row = owner[column];
      else
        end = column;
    }
    for (const std::uint32_t column : touched) {
      if (exact && done[column]) price[column] = price[column] + distance[column] - reached;
      distance[column] = far;
      done[column] = false;
    }
    for (std::uint32_t column = end;;) {
      const auto [giver, c] = from[column];
      const std::size_t former = std::exchange(chosen[giver], c);
      owner[column] = giver;
      if (giver == root) break;
      column = rows[giver][former].column;
    }
  }
  return chosen;
}

}  // namespace comdml::pairing::detail
