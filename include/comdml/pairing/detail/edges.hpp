// SPDX-License-Identifier: BSL-1.0
/// \file
/// Who could help whom, for bipartite_cover: stored edge by edge, or told on the fly from the kinds of links.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/links.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/detail/offers.hpp"

namespace comdml::pairing::detail {

/// A slow agent and one that could help it.
struct edge {
  std::uint32_t column;  ///< the other agent of the row
  link_matrix::kind_index to;
  std::uint32_t entry;
  bool reversed;  ///< the row's agent would be the helper
  seconds cost;
};

/// The edges of the rows that can matter, each with its cost.
class stored_edges {
 public:
  void add(const edge& one) { edges_.push_back(one); }
  void end_row() { ends_.push_back(edges_.size()); }

  [[nodiscard]] std::size_t size(std::size_t row) const { return ends_[row] - begin(row); }
  [[nodiscard]] const edge& at(std::size_t row, std::size_t place) const { return edges_[begin(row) + place]; }
  [[nodiscard]] std::uint32_t column(std::size_t row, std::size_t place) const { return at(row, place).column; }
  [[nodiscard]] bool within(std::size_t row, std::size_t place) const { return at(row, place).cost <= time_; }
  [[nodiscard]] seconds cost(std::size_t row, std::uint32_t column) const {
    const auto first = edges_.begin() + static_cast<std::ptrdiff_t>(begin(row));
    return std::ranges::lower_bound(first, edges_.begin() + static_cast<std::ptrdiff_t>(ends_[row]), column, {},
                                    &edge::column)
        ->cost;
  }
  void set_time(seconds time, std::size_t) { time_ = time; }
  void start_phase() {}
  void visit(std::uint32_t) {}
  [[nodiscard]] std::size_t next(std::size_t place) const { return place; }
  void take(std::uint32_t) {}
  [[nodiscard]] std::size_t next_free(std::size_t place) const { return place; }

  /// Calls f(edge) for the edges of a row until it says no, from place `start` on and round about.
  template <class Function>
  void for_each(std::size_t row, std::size_t start, Function&& f) const {
    const std::size_t places = size(row);
    for (std::size_t i = 0; i < places; ++i)
      if (!f(at(row, (start + i) % places))) return;
  }

 private:
  [[nodiscard]] std::size_t begin(std::size_t row) const { return row == 0 ? 0 : ends_[row - 1]; }

  std::vector<edge> edges_;  ///< row after row, ascending in the column
  std::vector<std::size_t> ends_;
  seconds time_{};
};

/// The same, from what a guest needs over each kind of link. For large fleets with many links of few kinds, at most
/// 256: an edge takes a byte, and none where links follow a rule.
template <StarCostModel Cost>
class implicit_edges {
 public:
  explicit implicit_edges(offers<Cost>& prices)
      : offers_{prices}, order_(prices.solo().size()), kinds_{prices.fleet().links.kinds().size()} {
    std::iota(order_.begin(), order_.end(), 0U);
    std::ranges::stable_sort(order_, {}, [&](std::uint32_t agent) { return offers_.solo()[agent]; });
    COMDML_REQUIRE(kinds_ <= 256, kinds_, " kinds of links");
    for (const directed_link& link : prices.fleet().links.kinds()) carries_.push_back(link.rate.value() > 0);
    place_of_.resize(order_.size());
    for (std::uint32_t place = 0; place < order_.size(); ++place) place_of_[order_[place]] = place;
    skip_.resize(order_.size() + 1);
    skip_taken_.resize(order_.size() + 1);
    start_phase();
  }

  /// The least cost of the agent's edges, or any cost of at most `enough`; the agent is the next row if that is wanted.
  [[nodiscard]] seconds least_cost(agent_id slow, seconds enough) {
    seconds least = seconds::infinity();
    const auto stored = offers_.fleet().links.array_of(slow);
    for (const std::uint32_t fast : order_) {
      if (offers_.solo()[fast] >= least) break;  // no cost is below the helper's own work
      const auto to =
          carried(slow, fast, stored.empty() ? offers_.fleet().links.kind(slow, agent_id{fast}) : stored[fast]);
      if (to == 0) continue;
      least = std::min(least, offers_.best(slow, agent_id{fast}, to).cost);
      if (least <= enough) break;
    }
    return least;
  }
  void add_row(agent_id slow) {
    rows_.push_back(slow);
    const auto stored = offers_.fleet().links.array_of(slow);
    first_kind_.push_back(stored.empty() ? no_kinds : kinds_by_place_.size());
    if (stored.empty()) return;
    kinds_by_place_.resize(kinds_by_place_.size() + order_.size());
    for (std::uint32_t fast = 0; fast < order_.size(); ++fast)
      kinds_by_place_[first_kind_.back() + place_of_[fast]] =
          static_cast<std::uint8_t>(carried(slow, fast, stored[fast]));
  }

  [[nodiscard]] std::size_t size(std::size_t) const noexcept { return helpers_; }
  [[nodiscard]] std::uint32_t column(std::size_t, std::size_t place) const { return order_[place]; }
  [[nodiscard]] bool within(std::size_t row, std::size_t place) const {
    const std::uint32_t fast = order_[place];
    const std::size_t list = row * keys() + key(row, place);
    const seconds own = offers_.solo()[fast];
    const fleet::instance::agent& host = offers_.fleet().agents[fast];
    for (std::size_t need = list == 0 ? 0 : need_ends_[list - 1]; need < need_ends_[list]; ++need)
      if (fleet::price(needs_[need], host, own) <= time_) return true;
    return false;
  }
  [[nodiscard]] seconds cost(std::size_t row, std::uint32_t column) const {
    return offers_.best(rows_[row], agent_id{column}, kind(row, place_of_[column])).cost;
  }

  /// Notes, for each row and kind of link, what the guest needs at least of a helper to be done in time.
  void set_time(seconds time, std::size_t rows) {
    time_ = time;
    std::iota(skip_taken_.begin(), skip_taken_.end(), std::size_t{0});
    helpers_ = 0;
    while (helpers_ < order_.size() && offers_.solo()[order_[helpers_]] <= time) ++helpers_;
    needs_.clear();
    need_ends_.clear();
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t k = 0; k < keys(); ++k) {
        add_needs(rows_[row], k);
        need_ends_.push_back(needs_.size());
      }
  }
  void start_phase() { std::iota(skip_.begin(), skip_.end(), std::size_t{0}); }
  void visit(std::uint32_t column) { skip_[place_of_[column]] = place_of_[column] + 1; }
  [[nodiscard]] std::size_t next(std::size_t place) { return follow(skip_, place); }
  void take(std::uint32_t column) { skip_taken_[place_of_[column]] = place_of_[column] + 1; }
  [[nodiscard]] std::size_t next_free(std::size_t place) { return follow(skip_taken_, place); }

  /// Calls f(edge) for the edges of a row that are within the time set until it says no, from place `start` on and
  /// round about. Entry and cost are not filled in.
  template <class Function>
  void for_each(std::size_t row, std::size_t start, Function&& f) const {
    for (std::size_t i = 0; i < helpers_; ++i) {
      const std::size_t place = (start + i) % helpers_;
      if (within(row, place) && !f(edge{order_[place], kind(row, place), 0, false, {}})) return;
    }
  }

 private:
  [[nodiscard]] std::size_t keys() const noexcept { return fleet::reads_way_back<Cost> ? kinds_ * kinds_ : kinds_; }
  /// This kind of the link; 0 if it carries nothing.
  [[nodiscard]] link_matrix::kind_index carried(agent_id slow, std::uint32_t fast, link_matrix::kind_index kind) const {
    return slow.value != fast && carries_[kind] ? kind : 0;
  }
  [[nodiscard]] link_matrix::kind_index kind(std::size_t row, std::size_t place) const {
    if (first_kind_[row] != no_kinds) return kinds_by_place_[first_kind_[row] + place];
    const agent_id slow = rows_[row];
    const std::uint32_t fast = order_[place];
    return carried(slow, fast, offers_.fleet().links.kind(slow, agent_id{fast}));
  }
  [[nodiscard]] std::size_t key(std::size_t row, std::size_t place) const {
    const std::size_t to = kind(row, place);
    if constexpr (fleet::reads_way_back<Cost>)
      return to * kinds_ + offers_.fleet().links.kind(agent_id{order_[place]}, rows_[row]);
    else
      return to;
  }

  static std::size_t follow(std::vector<std::size_t>& skip, std::size_t place) {
    while (skip[place] != place) place = skip[place] = skip[skip[place]];
    return place;
  }

  void add_needs(agent_id slow, std::size_t key) {
    const auto kinds = offers_.fleet().links.kinds();
    const directed_link& to = kinds[fleet::reads_way_back<Cost> ? key / kinds_ : key];
    const directed_link& back = kinds[fleet::reads_way_back<Cost> ? key % kinds_ : 0];
    if (to.rate.value() == 0) return;
    const std::size_t begin = needs_.size();
    for (std::size_t entry = offers_.fleet().profile.splits.size(); entry-- > 0;) {
      const fleet::guest_terms next = offers_.cost().guest(offers_.fleet(), slow, to, back, entry);
      if (next.own + next.after > time_) continue;
      const auto no_worse = [](const fleet::guest_terms& a, const fleet::guest_terms& b) {
        // Of what is in time, only what the helper must do and hold counts; `own` matters once more beside `after`.
        return a.wait <= b.wait && a.work <= b.work && a.after <= b.after && a.memory <= b.memory &&
               (a.after == seconds{} || a.own <= b.own);
      };
      const auto first = needs_.begin() + static_cast<std::ptrdiff_t>(begin);
      if (std::any_of(first, needs_.end(), [&](const auto& have) { return no_worse(have, next); })) continue;
      needs_.erase(std::remove_if(first, needs_.end(), [&](const auto& have) { return no_worse(next, have); }),
                   needs_.end());
      needs_.push_back(next);
    }
  }

  static constexpr std::size_t no_kinds = static_cast<std::size_t>(-1);

  offers<Cost>& offers_;
  std::vector<agent_id> rows_;
  /// Kinds of the rows whose links are an array, row after row, in the order of the places: bytes that searches read in
  /// turn, where the array's integers would each be a miss of the cache.
  std::vector<std::uint8_t> kinds_by_place_;
  std::vector<std::size_t> first_kind_;  ///< of each row, in there
  std::vector<char> carries_;            ///< by kind: whether the link has a rate
  std::vector<std::uint32_t> order_;     ///< agents, the shortest solo time first
  std::vector<std::uint32_t> place_of_;
  std::size_t kinds_;
  std::size_t helpers_ = 0;
  seconds time_{};
  std::vector<fleet::guest_terms> needs_;  ///< of row 0 by key 0, by key 1, ...
  std::vector<std::size_t> need_ends_;
  std::vector<std::size_t> skip_;        ///< place -> a later one, or itself if not visited
  std::vector<std::size_t> skip_taken_;  ///< the same, if not taken
};

}  // namespace comdml::pairing::detail
