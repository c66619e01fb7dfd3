// SPDX-License-Identifier: BSL-1.0
/// \file
/// Whether all critical agents find a helper of their own within a time: matching in the bipartite graph of critical
/// agents and helpers, by augmenting paths (Pothen, Fan: "Computing the block triangular form of a sparse matrix",
/// 1990).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "comdml/core/units.hpp"

namespace comdml::pairing::detail {

inline constexpr std::uint32_t nobody = std::numeric_limits<std::uint32_t>::max();

/// Rows are slow agents, the longest solo time first; columns are agents. `Edges` tells, for row r:
///
/// | expression             | meaning                                                                              |
/// |------------------------|--------------------------------------------------------------------------------------|
/// | `e.size(r)`            | number of places where an edge may be                                                |
/// | `e.column(r, p)`       | the agent at place p                                                                 |
/// | `e.within(r, p)`       | whether that edge exists and costs no more than the time set                         |
/// | `e.cost(r, column)`    | the least cost of an edge that was found                                             |
/// | `e.set_time(t, rows)`  | only the first rows will be asked for                                                |
/// | `e.start_phase()`      | no column is visited                                                                 |
/// | `e.visit(column)`      | it is now                                                                            |
/// | `e.next(p)`            | the first place from p on that is worth a look: may skip places of visited columns   |
/// | `e.take(column)`       | it has a guest, until the time is set anew                                           |
/// | `e.next_free(p)`       | as next, but may skip places of taken columns                                        |
template <class Edges>
class bipartite_cover {
 public:
  /// `solo` of the rows, descending, and of all agents.
  bipartite_cover(Edges& edges, std::vector<seconds> rows, const std::vector<seconds>& solo)
      : edges_{edges},
        row_solo_{std::move(rows)},
        solo_{solo},
        best_(row_solo_.size(), nobody),
        makespan_{row_solo_.empty() ? seconds{} : row_solo_.front()} {
    for (const seconds time : solo_) makespan_ = std::max(makespan_, time);
    visited_.assign(solo_.size(), 0);
  }

  /// Of the matching at hand.
  [[nodiscard]] seconds makespan() const noexcept { return makespan_; }
  /// The helper of each row in the matching at hand; nobody for some.
  [[nodiscard]] const std::vector<std::uint32_t>& helpers() const noexcept { return best_; }

  /// Looks for helpers for all rows that take longer than `time` alone. Keeps the matching if there is one.
  bool cover(seconds time) {
    std::size_t rows = 0;
    while (rows < row_solo_.size() && row_solo_[rows] > time) ++rows;
    edges_.set_time(time, rows);
    mate_.assign(row_solo_.size(), nobody);
    guest_.assign(solo_.size(), nobody);
    std::vector<std::uint32_t> left;
    for (std::uint32_t r = 0; r < rows; ++r) {
      if (best_[r] != nobody && edges_.cost(r, best_[r]) <= time) {
        mate_[r] = best_[r];
        guest_[best_[r]] = r;
        edges_.take(best_[r]);
      } else {
        left.push_back(r);
      }
    }
    look_.assign(rows, 0);
    while (!left.empty()) {
      start_phase();
      std::vector<std::uint32_t> still;
      bool progress = false;
      bool again = true;
      for (const std::uint32_t r : left) {
        if (augment(r)) {
          progress = true;
          continue;
        }
        if (!progress) return false;        // this search was not hindered by others: no matching covers the row
        if (std::exchange(again, false)) {  // the first to fail tries again, unhindered
          start_phase();
          if (!augment(r)) return false;
          continue;
        }
        still.push_back(r);
      }
      left = std::move(still);
    }
    best_ = mate_;
    makespan_ = {};
    for (std::uint32_t r = 0; r < rows; ++r) makespan_ = std::max(makespan_, edges_.cost(r, best_[r]));
    for (std::size_t a = 0; a < solo_.size(); ++a)
      if (guest_[a] == nobody && solo_[a] <= time) makespan_ = std::max(makespan_, solo_[a]);
    return true;
  }

 private:
  struct step {
    std::uint32_t row;
    std::size_t place;
  };

  bool augment(std::uint32_t root) {
    path_.assign(1, {root, 0});
    while (!path_.empty()) {
      const std::uint32_t row = path_.back().row;
      if (const std::uint32_t free = free_helper(row); free != nobody) {
        std::uint32_t column = free;
        for (std::size_t at = path_.size(); at-- > 0;) {
          guest_[column] = path_[at].row;
          std::swap(column, mate_[path_[at].row]);
        }
        return true;
      }
      bool deeper = false;
      for (std::size_t& place = path_.back().place; (place = edges_.next(place)) < edges_.size(row);) {
        const std::size_t here = place++;
        const std::uint32_t column = edges_.column(row, here);
        if (visited_[column] == phase_ || guest_[column] == nobody || !edges_.within(row, here)) continue;
        visit(column);
        path_.push_back({guest_[column], 0});
        deeper = true;
        break;
      }
      if (!deeper) path_.pop_back();
    }
    return false;
  }

  /// A helper without a guest, if there is one left for this row. Helpers that have a guest keep having one, so each
  /// place is looked at once.
  std::uint32_t free_helper(std::uint32_t row) {
    for (std::size_t& place = look_[row]; (place = edges_.next_free(place)) < edges_.size(row);) {
      const std::size_t here = place++;
      const std::uint32_t column = edges_.column(row, here);
      if (guest_[column] != nobody || !edges_.within(row, here)) continue;
      visit(column);
      edges_.take(column);
      return column;
    }
    return nobody;
  }

  void start_phase() {
    ++phase_;
    edges_.start_phase();
  }
  void visit(std::uint32_t column) {
    visited_[column] = phase_;
    edges_.visit(column);
  }

  Edges& edges_;
  std::vector<seconds> row_solo_;
  const std::vector<seconds>& solo_;
  std::vector<std::uint32_t> best_;
  seconds makespan_;

  std::vector<std::uint32_t> mate_;   ///< of rows: the helper
  std::vector<std::uint32_t> guest_;  ///< of columns: the row
  std::vector<std::size_t> look_;
  std::vector<std::uint64_t> visited_;
  std::uint64_t phase_ = 0;
  std::vector<step> path_;
};

/// The least time at which `cover` finds a matching, which it then holds. Requires that none exists below `least`.
template <class Cover>
seconds least_makespan(Cover& cover, seconds least) {
  const auto below = [](seconds time) { return seconds{std::nextafter(time.value(), 0.0)}; };
  if (least >= cover.makespan() || cover.cover(least)) return cover.makespan();
  seconds low = least;  // too short
  seconds step = (least > seconds{} ? least : cover.makespan()) / 64;
  bool leaps = true;
  int failures = 0;
  while (low < below(cover.makespan())) {
    const seconds high = cover.makespan();
    seconds time = low + (high - low) / 2;
    if (leaps && low + step < high) {
      time = low + step;
      step = step * 2;
    }
    // Several failures in a row: perhaps nothing below is possible, which one attempt shows.
    if (failures == 3 || time <= low) time = below(high);
    time = std::min(time, below(high));
    if (cover.cover(time)) {
      leaps = false;
      failures = 0;
    } else {
      low = time;
      failures = leaps || failures == 3 ? 0 : failures + 1;
    }
  }
  return cover.makespan();
}

}  // namespace comdml::pairing::detail
