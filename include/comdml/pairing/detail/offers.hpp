// SPDX-License-Identifier: BSL-1.0
/// \file
/// What helpers offer to a slow agent, priced fast: what does not hang on the helper is worked out once per kind of
/// link.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::pairing::detail {

[[nodiscard]] inline agent_id id_of(std::size_t agent) { return agent_id{static_cast<std::uint32_t>(agent)}; }

/// The best that a helper offers: the least cost, by the earliest entry of the split profile that reaches it.
struct offer {
  seconds cost = seconds::infinity();
  std::size_t entry = 0;
};

/// The agents by solo time, the longest first; ties: lowest id first.
template <CostModel Cost>
[[nodiscard]] std::vector<agent_id> slowest_first(const fleet::instance& fleet, const Cost& cost) {
  std::vector<agent_id> order;
  std::vector<seconds> solo;
  for (std::size_t i = 0; i < fleet.agents.size(); ++i) {
    order.push_back(id_of(i));
    solo.push_back(cost.solo(fleet, id_of(i)));
  }
  std::ranges::stable_sort(order, [&](agent_id a, agent_id b) { return solo[a.value] > solo[b.value]; });
  return order;
}

/// Puts the pairs into that order of their slow agents.
inline void sort_slowest_first(std::vector<assignment>& pairs) {
  std::ranges::stable_sort(pairs, [](const assignment& a, const assignment& b) {
    return a.solo > b.solo || (a.solo == b.solo && a.slow < b.slow);
  });
}

/// An entry that a guest may use, and its terms.
struct guest_option {
  fleet::guest_terms terms;
  std::size_t entry;
};

/// Prices pairs, one slow agent after another. Gives what the cost model's pair() gives, bit for bit.
template <CostModel Cost>
class offers {
 public:
  using kind_index = link_matrix::kind_index;

  offers(const fleet::instance& fleet, const Cost& cost) : fleet_{fleet}, cost_{cost} {
    for (std::size_t i = 0; i < fleet.agents.size(); ++i) solo_.push_back(cost.solo(fleet, id_of(i)));
    const std::size_t kinds = fleet.links.kinds().size();
    keys_ = fleet::reads_way_back<Cost> ? kinds * kinds : kinds;
    if (keys_ > most_keys) keys_ = 0;
    lists_.resize(keys_);
    made_for_.assign(keys_, none);
  }

  [[nodiscard]] const fleet::instance& fleet() const noexcept { return fleet_; }
  [[nodiscard]] const Cost& cost() const noexcept { return cost_; }
  [[nodiscard]] const std::vector<seconds>& solo() const noexcept { return solo_; }

  /// Calls f(entry, cost) for the entries by which `slow` can be helped by `fast`, in their order; entries that are no
  /// better than an earlier one in cost and bytes may be left out. `to` is the kind of the link between them, which
  /// must exist.
  template <class Function>
  void for_each(agent_id slow, agent_id fast, kind_index to, Function&& f) {
    if constexpr (StarCostModel<Cost>) {
      const fleet::instance::agent& host = fleet_.agents[fast.value];
      for (const guest_option& option : options(slow, fast, to))
        if (const seconds cost = fleet::price(option.terms, host, solo_[fast.value]); cost < seconds::infinity())
          f(option.entry, cost);
    } else {
      for (std::size_t entry = 0; entry < fleet_.profile.splits.size(); ++entry)
        if (const seconds cost = cost_.pair(fleet_, slow, fast, entry); cost < seconds::infinity()) f(entry, cost);
    }
  }

  [[nodiscard]] offer best(agent_id slow, agent_id fast, kind_index to) {
    offer least;
    for_each(slow, fast, to, [&](std::size_t entry, seconds cost) {
      if (cost < least.cost) least = {cost, entry};
    });
    return least;
  }

  /// What `slow` can use over these links.
  [[nodiscard]] const std::vector<guest_option>& options(agent_id slow, agent_id fast,
                                                         kind_index to) requires StarCostModel<Cost> {
    kind_index back = 0;
    if constexpr (fleet::reads_way_back<Cost>) back = fleet_.links.kind(fast, slow);
    if (keys_ == 0) return make_options(slow, to, back, single_);
    const std::size_t key = fleet::reads_way_back<Cost> ? to * fleet_.links.kinds().size() + back : to;
    if (made_for_[key] != slow.value) {
      made_for_[key] = slow.value;
      make_options(slow, to, back, lists_[key]);
    }
    return lists_[key];
  }

 private:
  static constexpr std::size_t most_keys = 256;
  static constexpr std::uint32_t none = 0xFFFFFFFFU;

  const std::vector<guest_option>& make_options(agent_id slow, kind_index to, kind_index back,
                                                std::vector<guest_option>& list) {
    list.clear();
    const auto& splits = fleet_.profile.splits;
    for (std::size_t entry = 0; entry < splits.size(); ++entry) {
      const guest_option next{cost_.guest(fleet_, slow, fleet_.links.kinds()[to], fleet_.links.kinds()[back], entry),
                              entry};
      const auto no_worse = [&](const guest_option& earlier) {
        const auto& [own, wait, work, after, memory] = earlier.terms;
        return own <= next.terms.own && wait <= next.terms.wait && work <= next.terms.work &&
               after <= next.terms.after && memory <= next.terms.memory &&
               splits[earlier.entry].wire <= splits[entry].wire;
      };
      if (std::ranges::none_of(list, no_worse)) list.push_back(next);
    }
    return list;
  }

  const fleet::instance& fleet_;
  const Cost& cost_;
  std::vector<seconds> solo_;
  std::size_t keys_ = 0;  ///< 0: too many kinds of links to keep lists
  std::vector<std::vector<guest_option>> lists_;
  std::vector<std::uint32_t> made_for_;
  std::vector<guest_option> single_;
};

/// Notes for each pair the best that another helper would offer to its slow agent as its only guest.
template <CostModel Cost>
void name_refused(const fleet::instance& fleet, const Cost& cost, std::vector<assignment>& pairs) {
  offers<Cost> prices{fleet, cost};
  for (assignment& pair : pairs) {
    pair.refused.reset();
    fleet.links.for_each_link(pair.slow, [&](agent_id fast, link_matrix::kind_index to) {
      if (fast == pair.fast || fast == pair.slow) return;
      const offer best = prices.best(pair.slow, fast, to);
      if (best.cost < (pair.refused ? pair.refused->cost : seconds::infinity()))
        pair.refused = {fast, fleet.profile.splits[best.entry].point, best.cost};
    });
  }
}

}  // namespace comdml::pairing::detail
