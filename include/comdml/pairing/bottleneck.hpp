// SPDX-License-Identifier: BSL-1.0
/// \file
/// Pairing with the least makespan, exactly and in polynomial time. Model of PairingPolicy.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/detail/cover.hpp"
#include "comdml/pairing/detail/edges.hpp"
#include "comdml/pairing/detail/general_cover.hpp"
#include "comdml/pairing/detail/least_slack.hpp"
#include "comdml/pairing/detail/offers.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::pairing {

/// A makespan T is possible iff the pairs that take at most T contain a matching that covers every *critical* agent,
/// one that takes longer than T alone. The least such T is found by bisection.
///
/// If no pair takes less than the shorter of its two agents' solo times (always so for a StarCostModel; looked at pair
/// by pair for others), two critical agents never help each other, and the matching is bipartite: augmenting paths. For
/// costs that break this, alternating trees in the general graph.
///
/// Of the many pairings that reach the least makespan T*, it is the one that pairs critical agents only and has the
/// least sum of what pairs exceed 0.8 T* by, then sends the fewest bytes: such slack is what survives speeds and links
/// that turn out otherwise. An assignment; beyond `choices` helpers per agent it is made among the best of four times
/// as many (and the refused one is the best of these), and when its search has taken `effort` steps, from about a
/// thousand agents on, what is left is not refined. Costs that break the condition above get any optimal pairing. Pairs
/// come slowest agent first.
///
/// Only +, /, max and comparisons of doubles decide, in a written order, and ties go by id: the same plan from every
/// compiler and on every agent.
///
/// Cost: links x entries, then a matching for each of some tens of makespans. A StarCostModel on more than
/// `stored_links` links of few kinds needs no memory per link.
template <CostModel Cost = fleet::overlapped>
struct bottleneck {
  [[no_unique_address]] Cost cost{};
  std::size_t choices = 32;
  std::size_t effort = std::size_t{1} << 15;
  std::size_t stored_links = std::size_t{1} << 16;

  [[nodiscard]] pairing::plan plan(const fleet::instance& fleet) const {
    validate(fleet);
    detail::offers<Cost> prices{fleet, cost};
    const std::vector<agent_id> order = detail::slowest_first(fleet, cost);
    if constexpr (StarCostModel<Cost>) {
      const std::size_t links = count_links(fleet);
      if (links > stored_links && links / fleet.agents.size() > most_kinds && fleet.links.kinds().size() <= most_kinds)
        return plan_implicitly(prices, order);
      return plan_stored(prices, order);
    } else {
      return plan_any(prices, order);
    }
  }

 private:
  static constexpr std::size_t most_kinds = 64;

  static std::size_t count_links(const fleet::instance& fleet) {
    std::size_t links = 0;
    for (std::size_t i = 0; i < fleet.agents.size(); ++i) {
      if (fleet.links.is_listed(detail::id_of(i)))
        fleet.links.for_each_link(detail::id_of(i), [&](agent_id, link_matrix::kind_index) { ++links; });
      else
        links += fleet.agents.size() - 1;
    }
    return links;
  }

  /// Each critical agent needs a helper of its own: with more than half of the agents critical there are not enough.
  static seconds least_by_number(const detail::offers<Cost>& prices, const std::vector<agent_id>& order) {
    return prices.solo()[order[order.size() / 2].value];
  }

  /// A helper that finishes its own work first can only help who takes longer alone: rows are the slow agents.
  pairing::plan plan_stored(detail::offers<Cost>& prices, const std::vector<agent_id>& order) const {
    const fleet::instance& fleet = prices.fleet();
    const std::vector<seconds>& solo = prices.solo();
    detail::stored_edges edges;
    std::vector<agent_id> rows;
    seconds least = least_by_number(prices, order);  // no plan is faster
    for (const agent_id slow : order) {
      if (solo[slow.value] <= least) break;  // never critical, nor is any after it
      seconds best = solo[slow.value];
      fleet.links.for_each_link(slow, [&](agent_id fast, link_matrix::kind_index to) {
        if (solo[fast.value] >= solo[slow.value]) return;
        const detail::offer offer = prices.best(slow, fast, to);
        if (offer.cost >= solo[slow.value]) return;
        edges.add({fast.value, to, static_cast<std::uint32_t>(offer.entry), false, offer.cost});
        best = std::min(best, offer.cost);
      });
      edges.end_row();
      rows.push_back(slow);
      least = std::max(least, best);
    }
    return plan_rows(prices, rows, edges, least);
  }

  pairing::plan plan_implicitly(detail::offers<Cost>& prices,
                                const std::vector<agent_id>& order) const requires StarCostModel<Cost> {
    detail::implicit_edges<Cost> edges{prices};
    std::vector<agent_id> rows;
    seconds least = least_by_number(prices, order);
    for (const agent_id slow : order) {
      const seconds solo = prices.solo()[slow.value];
      if (solo <= least) break;
      least = std::max(least, std::min(solo, edges.least_cost(slow, least)));
      edges.add_row(slow);
      rows.push_back(slow);
    }
    return plan_rows(prices, rows, edges, least);
  }

  /// Any cost: all pairs in both directions, and then the test that they allow.
  pairing::plan plan_any(detail::offers<Cost>& prices, const std::vector<agent_id>& order) const {
    const fleet::instance& fleet = prices.fleet();
    const std::vector<seconds>& solo = prices.solo();
    std::vector<std::vector<detail::edge>> ways(solo.size());
    bool helpers_finish = true;
    const auto longer = [&](std::uint32_t a, std::uint32_t b) { return std::max(solo[a], solo[b]); };
    for (std::uint32_t i = 0; i < solo.size(); ++i)
      fleet.links.for_each_link(agent_id{i}, [&](agent_id fast, link_matrix::kind_index to) {
        if (fast.value == i) return;
        const detail::offer offer = prices.best(agent_id{i}, fast, to);
        if (offer.cost >= longer(i, fast.value)) return;  // helps neither
        helpers_finish = helpers_finish && offer.cost >= std::min(solo[i], solo[fast.value]);
        const auto entry = static_cast<std::uint32_t>(offer.entry);
        ways[i].push_back({fast.value, to, entry, false, offer.cost});
        ways[fast.value].push_back({i, to, entry, true, offer.cost});
      });
    for (auto& list : ways) {  // of the two directions, the quicker one; the first agent is slow if they are equal
      std::ranges::stable_sort(list, [](const auto& a, const auto& b) {
        return a.column < b.column || (a.column == b.column && a.cost < b.cost);
      });
      const auto same = [](const auto& a, const auto& b) { return a.column == b.column; };
      list.erase(std::unique(list.begin(), list.end(), same), list.end());
    }
    if (!helpers_finish) return plan_general(prices, ways);

    detail::stored_edges edges;
    std::vector<agent_id> rows;
    seconds least = least_by_number(prices, order);
    for (const agent_id one : order) {
      if (solo[one.value] <= least) break;
      seconds best = solo[one.value];
      for (const detail::edge& way : ways[one.value]) {
        if (way.cost >= solo[one.value]) continue;
        edges.add(way);
        best = std::min(best, way.cost);
      }
      edges.end_row();
      rows.push_back(one);
      least = std::max(least, best);
    }
    return plan_rows(prices, rows, edges, least);
  }

  pairing::plan plan_general(detail::offers<Cost>& prices, const std::vector<std::vector<detail::edge>>& ways) const {
    detail::general_cover cover{ways, prices.solo()};
    detail::least_makespan(cover, seconds{});
    std::vector<assignment> pairs;
    for (std::uint32_t i = 0; i < ways.size(); ++i) {
      const std::uint32_t other = cover.mates()[i];
      if (other == detail::nobody || other < i) continue;
      pairs.push_back(assign(prices.fleet(), i, *std::ranges::find(ways[i], other, &detail::edge::column)));
    }
    return finish(prices, std::move(pairs));
  }

  template <class Edges>
  pairing::plan plan_rows(detail::offers<Cost>& prices, std::vector<agent_id> rows, Edges& edges, seconds least) const {
    const std::vector<seconds>& solo = prices.solo();
    std::vector<seconds> row_solo;
    row_solo.reserve(rows.size());
    for (const agent_id row : rows) row_solo.push_back(solo[row.value]);
    detail::bipartite_cover<Edges> cover{edges, row_solo, solo};
    const seconds makespan = detail::least_makespan(cover, least);
    std::size_t critical = 0;
    while (critical < rows.size() && row_solo[critical] > makespan) ++critical;

    edges.set_time(makespan, critical);
    std::vector<std::vector<detail::choice>> choices_of(critical);
    std::vector<std::vector<detail::edge>> edges_of(critical);
    std::vector<refusals> refused(critical);
    for (std::size_t r = 0; r < critical; ++r)
      collect(prices, rows[r], edges, r, cover.helpers()[r], makespan, choices_of[r], edges_of[r], refused[r]);
    const std::vector<std::size_t> chosen = detail::least_assignment(choices_of, solo.size(), effort);

    std::vector<assignment> pairs;
    for (std::size_t r = 0; r < critical; ++r) {
      const detail::edge& way = edges_of[r][chosen[r]];
      pairs.push_back(assign(prices.fleet(), rows[r].value, way));
      for (const detail::edge& other : refused[r])
        if (other.column != way.column && !pairs.back().refused && other.cost < seconds::infinity())
          pairs.back().refused = {agent_id{other.column}, prices.fleet().profile.splits[other.entry].point, other.cost};
    }
    return finish(prices, std::move(pairs));
  }

  /// The two helpers with the least costs.
  using refusals = std::array<detail::edge, 2>;

  /// The helpers that an agent may get, each by the entry that leaves the most slack, then sends the least.
  template <class Edges>
  void collect(detail::offers<Cost>& prices, agent_id row, const Edges& edges, std::size_t number, std::uint32_t sure,
               seconds makespan, std::vector<detail::choice>& choices_here, std::vector<detail::edge>& edges_here,
               refusals& least) const {
    const fleet::instance& fleet = prices.fleet();
    struct option {
      detail::choice choice;
      std::size_t turn;  ///< among equals; from agent to agent another helper comes first
      detail::edge edge;
    };
    std::vector<option> options;
    std::size_t ideal = 0;  // options that nothing could be better than
    bool sure_seen = false;
    std::int64_t fewest_bytes = std::numeric_limits<std::int64_t>::max();
    for (std::size_t entry = 0; entry < fleet.profile.splits.size(); ++entry)
      fewest_bytes = std::min(fewest_bytes, weigh(fleet, row, entry, {}, makespan).bytes);
    const std::size_t start = number * choices;
    const std::size_t agents = fleet.agents.size();
    const std::size_t first = start % agents;
    least.fill({detail::nobody, 0, 0, false, seconds::infinity()});
    edges.for_each(number, start, [&](detail::edge way) {
      const agent_id slow = way.reversed ? agent_id{way.column} : row;
      const agent_id fast = way.reversed ? row : agent_id{way.column};
      std::optional<option> best;
      way.cost = seconds::infinity();
      prices.for_each(slow, fast, way.to, [&](std::size_t entry, seconds time) {
        if (time < way.cost) {
          way.cost = time;
          way.entry = static_cast<std::uint32_t>(entry);
        }
        if (time > makespan) return;
        const detail::weight weight = weigh(fleet, slow, entry, time, makespan);
        if (best && weight >= best->choice.weight) return;
        best = option{{way.column, weight},
                      way.column >= first ? way.column - first : way.column + agents - first,
                      {way.column, way.to, static_cast<std::uint32_t>(entry), way.reversed, time}};
      });
      if (way.cost < least[0].cost) {
        least[1] = std::exchange(least[0], way);
      } else if (way.cost < least[1].cost) {
        least[1] = way;
      }
      if (!best) return true;
      options.push_back(*best);
      if (best->choice.weight <= detail::weight{0, fewest_bytes}) ++ideal;
      sure_seen = sure_seen || way.column == sure;
      return !(sure_seen && (ideal > choices || options.size() >= 4 * choices));
    });
    const auto better = [](const option& a, const option& b) {
      return a.choice.weight < b.choice.weight || (a.choice.weight == b.choice.weight && a.turn < b.turn);
    };
    if (options.size() > choices) {
      const auto kept = options.begin() + static_cast<std::ptrdiff_t>(choices);
      std::ranges::nth_element(options, kept, better);
      const auto is_sure = [&](const option& one) { return one.choice.column == sure; };
      // Whatever is dropped, the matching that was found stays possible.
      if (const auto found = std::find_if(kept, options.end(), is_sure); found != options.end())
        std::iter_swap(kept, found);
      options.erase(kept + 1, options.end());
    }
    std::ranges::sort(options, better);
    for (const option& one : options) {
      choices_here.push_back(one.choice);
      edges_here.push_back(one.edge);
    }
  }

  /// How far a pair exceeds 0.8 T*, in millionths of T*, and the bytes it sends.
  static detail::weight weigh(const fleet::instance& fleet, agent_id slow, std::size_t entry, seconds time,
                              seconds makespan) {
    const double over = std::max(0.0, time / makespan - .8);
    const double sent = (fleet.agents[slow.value].work * fleet.profile.splits[entry].wire).value();
    return {static_cast<std::int64_t>(1e6 * over), static_cast<std::int64_t>(std::min(sent, 1e14))};
  }

  assignment assign(const fleet::instance& fleet, std::uint32_t row, const detail::edge& way) const {
    const agent_id slow{way.reversed ? way.column : row};
    const agent_id fast{way.reversed ? row : way.column};
    return pairing::assign(fleet, slow, fast, way.entry, cost);
  }

  pairing::plan finish(const detail::offers<Cost>& prices, std::vector<assignment> pairs) const {
    detail::sort_slowest_first(pairs);
    return complete(prices.fleet(), std::move(pairs), cost);
  }
};

static_assert(PairingPolicy<bottleneck<>>);

}  // namespace comdml::pairing
