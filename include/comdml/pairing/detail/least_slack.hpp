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
#include <functional>
#include <limits>
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
/// \returns for each row the number of its choice, such that no column is chosen twice. Requires that this is possible.
[[nodiscard]] inline std::vector<std::size_t> least_assignment(const std::vector<std::vector<choice>>& rows,
                                                               std::size_t columns) {
  constexpr weight far{std::numeric_limits<std::int64_t>::max() / 4, 0};
  constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> chosen(rows.size(), none);
  std::vector<std::uint32_t> owner(columns, nobody);
  std::vector<weight> price(columns);  // potentials of the columns, at most zero
  std::vector<weight> distance(columns, far);
  std::vector<std::pair<std::uint32_t, std::size_t>> from(columns);  // row and choice that lead here
  std::vector<bool> done(columns, false);
  std::vector<std::uint32_t> touched;

  using item = std::tuple<weight, bool, std::uint32_t>;  // distance, owned (a free column ends the search), column
  for (std::uint32_t root = 0; root < rows.size(); ++root) {
    std::priority_queue<item, std::vector<item>, std::greater<>> queue;
    touched.clear();
    std::uint32_t end = nobody;
    weight reached{};  // distance of the row being scanned
    std::uint32_t row = root;
    while (end == nobody) {
      // The row's own potential is what makes its chosen column's reduced weight zero.
      const weight base =
          chosen[row] == none ? weight{} : rows[row][chosen[row]].weight - price[rows[row][chosen[row]].column];
      for (std::size_t c = 0; c < rows[row].size(); ++c) {
        const auto& [column, cost] = rows[row][c];
        if (done[column]) continue;
        const weight way = reached + (cost - price[column]) - base;
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
      reached = way;
      if (owned)
        row = owner[column];
      else
        end = column;
    }
    for (const std::uint32_t column : touched) {
      if (done[column]) price[column] = price[column] + distance[column] - reached;
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
