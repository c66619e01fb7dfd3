// SPDX-License-Identifier: BSL-1.0
/// \file
/// Stars: a helper may serve several slow agents. Beyond the paper. Model of PairingPolicy.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/bottleneck.hpp"
#include "comdml/pairing/detail/offers.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::pairing {

/// One helper, up to `guests` guests. A heuristic: for a makespan T, the agents that take longer alone choose, the one
/// that needs most of a helper first, the helper whose time it fills best, or else the slowest that is good enough; a
/// few agents also go back on their choices, a bounded number of times. T is bisected. The plan is the best pairing
/// (`bottleneck`) where that is better, so it is never worse.
/// Cost: links x entries for each of up to 80 makespans.
template <StarCostModel Cost = fleet::overlapped>
struct star {
  [[no_unique_address]] Cost cost{};
  std::size_t guests = 4;

  [[nodiscard]] pairing::plan plan(const fleet::instance& fleet) const {
    COMDML_REQUIRE(guests > 0, "a star of ", guests, " guests");
    pairing::plan best = bottleneck<Cost>{.cost = cost}.plan(fleet);
    if (guests == 1) return best;
    const search stars{fleet, cost, guests};
    const auto shorter = [&](seconds time) {
      for (const bool tight : {true, false}) {
        std::optional<std::vector<assignment>> found = stars.within(time, tight);
        if (!found) continue;
        pairing::plan next = complete(fleet, *std::move(found), cost);
        if (next.makespan >= best.makespan) continue;
        best = std::move(next);
        return true;
      }
      return false;
    };
    seconds low = stars.least();
    for (int step = 0; step < 40 && low < best.makespan; ++step) {
      const seconds time = step == 0 ? low : low + (best.makespan - low) / 2;
      if (!shorter(time)) low = time;
      if (best.makespan - low <= 1e-6 * best.makespan) break;
    }
    detail::name_refused(fleet, cost, best.pairs);
    return best;
  }

 private:
  /// A helper that a slow agent has a link to, and by which entries.
  struct way {
    std::uint32_t fast;
    std::vector<detail::guest_option> options;
  };

  /// All that does not change with T.
  class search {
   public:
    search(const fleet::instance& fleet, const Cost& cost, std::size_t guests)
        : fleet_{fleet}, cost_{cost}, guests_{guests} {
      detail::offers<Cost> prices{fleet, cost};
      solo_ = prices.solo();
      for (const agent_id slow : detail::slowest_first(fleet, cost)) {
        if (solo_[slow.value] <= least_) break;  // never critical
        rows_.push_back(slow);
        ways_.emplace_back();
        seconds best = solo_[slow.value];
        fleet.links.for_each_link(slow, [&](agent_id fast, link_matrix::kind_index to) {
          if (solo_[fast.value] >= solo_[slow.value]) return;
          best = std::min(best, prices.best(slow, fast, to).cost);
          ways_.back().push_back({fast.value, prices.options(slow, fast, to)});
        });
        least_ = std::max(least_, best);
      }
    }

    /// No plan is faster.
    [[nodiscard]] seconds least() const noexcept { return least_; }

    /// Pairs in which every agent is done in time; empty if none were found.
    [[nodiscard]] std::optional<std::vector<assignment>> within(seconds time, bool tight) const {
      attempt now{time, tight, std::vector<host>(solo_.size()), {}, {}, most_tries};
      std::vector<std::pair<double, std::size_t>> order;  // work that the agent must hand over at least; row
      for (std::size_t r = 0; r < rows_.size() && solo_[rows_[r].value] > time; ++r) {
        double need = fleet_.agents[rows_[r].value].work.value();
        for (const way& to : ways_[r])
          for (const detail::guest_option& option : to.options)
            if (option.terms.own + option.terms.after <= time) need = std::min(need, option.terms.work.value());
        order.emplace_back(need, r);
      }
      std::ranges::stable_sort(order, [](const auto& a, const auto& b) { return a.first > b.first; });
      for (const auto& [need, r] : order) now.rows.push_back(r);
      if (!(now.rows.size() <= few ? place_trying(now) : place_once(now))) return std::nullopt;
      detail::sort_slowest_first(now.pairs);
      return std::move(now.pairs);
    }

   private:
    static constexpr std::size_t few = 16;          ///< agents up to which other placements are tried as well,
    static constexpr std::size_t most_tries = 500;  ///< and how many agents are placed in doing so

    struct host {
      seconds busy{};                       ///< with guests
      seconds latest{seconds::infinity()};  ///< when it must be done, for its guests' sake
      bytes memory{};
      std::size_t guests = 0;
    };
    struct attempt {
      seconds time;
      bool tight;
      std::vector<host> hosts;
      std::vector<std::size_t> rows;  ///< in the order in which they are placed
      std::vector<assignment> pairs;  ///< of the first of them
      std::size_t tries;              ///< placements that may still be tried
    };
    struct place {
      double rank;  ///< the least comes first
      const way* to;
      const detail::guest_option* option;
      seconds busy;
    };

    /// Each row takes its first choice.
    bool place_once(attempt& now) const {
      for (const std::size_t r : now.rows) {
        const std::vector<place> places = places_of(now, r);
        if (places.empty()) return false;
        put(now, r, *std::ranges::min_element(places, {}, &place::rank));
      }
      return true;
    }

    /// The next row takes its first choice, or its second if there is no place for all others then, and so on.
    bool place_trying(attempt& now) const {
      if (now.pairs.size() == now.rows.size()) return true;
      const std::size_t r = now.rows[now.pairs.size()];
      std::vector<place> places = places_of(now, r);
      std::ranges::stable_sort(places, {}, &place::rank);
      for (const place& one : places) {
        if (now.tries == 0) return false;
        --now.tries;
        const host before = now.hosts[one.to->fast];
        put(now, r, one);
        if (place_trying(now)) return true;
        now.pairs.pop_back();
        now.hosts[one.to->fast] = before;
      }
      return false;
    }

    void put(attempt& now, std::size_t r, const place& one) const {
      const fleet::guest_terms& terms = one.option->terms;
      host& at = now.hosts[one.to->fast];
      at = {one.busy, std::min(at.latest, now.time - terms.after), at.memory + terms.memory, at.guests + 1};
      now.pairs.push_back(assign(fleet_, rows_[r], agent_id{one.to->fast}, one.option->entry, cost_));
    }

    /// The helpers that can take row r, each by the entry that keeps it busy for the shortest time. Those come first
    /// that are left with the least time (tight), or that are the slowest.
    std::vector<place> places_of(const attempt& now, std::size_t r) const {
      std::vector<place> places;
      for (const way& to : ways_[r]) {
        const host& at = now.hosts[to.fast];
        const fleet::instance::agent& agent = fleet_.agents[to.fast];
        if (at.guests == guests_ || solo_[to.fast] > now.time) continue;
        std::optional<place> best;
        for (const detail::guest_option& option : to.options) {
          const seconds busy = at.busy + load(option, agent);
          const seconds done = solo_[to.fast] + busy;
          if (fleet::finish(option.terms, done) > now.time || done > at.latest) continue;
          if (at.memory + option.terms.memory > agent.memory || (best && busy >= best->busy)) continue;
          best = place{now.tight ? (now.time - done).value() : agent.speed.value(), &to, &option, busy};
        }
        if (best) places.push_back(*best);
      }
      return places;
    }

    static seconds load(const detail::guest_option& option, const fleet::instance::agent& host) {
      return option.terms.wait + option.terms.work / host.speed;
    }

    const fleet::instance& fleet_;
    const Cost& cost_;
    std::size_t guests_;
    std::vector<seconds> solo_;
    seconds least_{};
    std::vector<agent_id> rows_;          ///< who may need help, slowest first
    std::vector<std::vector<way>> ways_;  ///< of the rows
  };
};

static_assert(PairingPolicy<star<>>);

}  // namespace comdml::pairing
