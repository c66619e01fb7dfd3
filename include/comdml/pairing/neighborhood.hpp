// SPDX-License-Identifier: BSL-1.0
/// \file
/// What one agent knows when pairs are made by messages: itself, and the agents it is linked to.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/detail/offers.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::pairing {

/// What a helper offers to a slow agent: both ends can work it out from the two statuses and the links between them.
struct local_offer {
  agent_id other;     ///< the helper, or the agent that could be helped
  std::size_t entry;  ///< of the split profile
  seconds cost;       ///< of the pair
  seconds solo;       ///< of the other
};

/// An agent's place in a tree over which sums are formed.
struct tree_place {
  std::optional<agent_id> parent{};  ///< nobody at the root
  std::vector<agent_id> children{};  ///< ascending
};

/// An agent's view: no one else's links, and of the others only those with a link both ways, over which messages go.
struct neighborhood {
  agent_id self{};
  seconds solo{};
  std::vector<local_offer> helpers;  ///< who would make this agent faster: best first (cost, entry, id)
  std::vector<local_offer> suitors;  ///< whom this agent would make faster: longest solo time first, then by id
  std::vector<agent_id> linked;      ///< all neighbors, ascending
  tree_place place{};                ///< for policies that sum over all agents; see spanning_trees
};

/// The view of one agent; reads nothing of the instance but what concerns it and its neighbors.
template <StarCostModel Cost>
[[nodiscard]] neighborhood view_of(const fleet::instance& fleet, agent_id self, const Cost& cost) {
  neighborhood view{
      .self = self, .solo = cost.solo(fleet, self), .helpers = {}, .suitors = {}, .linked = {}, .place = {}};
  const auto best = [&](agent_id slow, agent_id fast) {
    detail::offer least;
    for (std::size_t entry = 0; entry < fleet.profile.splits.size(); ++entry)
      if (const seconds time = cost.pair(fleet, slow, fast, entry); time < least.cost) least = {time, entry};
    return least;
  };
  fleet.links.for_each_link(self, [&](agent_id other, link_matrix::kind_index) {
    if (other == self || fleet.links(other, self).rate.value() == 0) return;
    view.linked.push_back(other);
    const seconds theirs = cost.solo(fleet, other);
    if (const detail::offer offer = best(self, other); offer.cost < view.solo)
      view.helpers.push_back({other, offer.entry, offer.cost, theirs});
    if (const detail::offer offer = best(other, self); offer.cost < theirs)
      view.suitors.push_back({other, offer.entry, offer.cost, theirs});
  });
  std::ranges::stable_sort(view.helpers, [](const local_offer& a, const local_offer& b) {
    return a.cost < b.cost || (a.cost == b.cost && a.entry < b.entry);
  });
  std::ranges::stable_sort(view.suitors, [](const local_offer& a, const local_offer& b) { return a.solo > b.solo; });
  return view;
}

/// A tree for each part of the fleet that two-way links connect, from the part's lowest id, of few children each where
/// the links allow it. Who is linked to whom decides, nothing else, so it stays as long as the topology does.
[[nodiscard]] inline std::vector<tree_place> spanning_trees(const link_matrix& links) {
  std::vector<tree_place> places(links.agents());
  std::vector<bool> seen(links.agents(), false);
  for (std::size_t root = 0; root < places.size(); ++root) {
    if (seen[root]) continue;
    seen[root] = true;
    std::vector<agent_id> found{detail::id_of(root)};
    for (const std::size_t most : {std::size_t{4}, places.size()})  // then whoever was left over
      for (std::size_t at = 0; at < found.size(); ++at) {
        const agent_id here = found[at];
        links.for_each_link(here, [&](agent_id next, link_matrix::kind_index) {
          std::vector<agent_id>& children = places[here.value].children;
          if (children.size() >= most || seen[next.value] || links(next, here).rate.value() == 0) return;
          seen[next.value] = true;
          places[next.value].parent = here;
          children.push_back(next);
          found.push_back(next);
        });
      }
  }
  return places;
}

/// What an agent ends a negotiation with.
struct negotiated {
  std::optional<local_offer> helper{};  ///< who helps it, and by which entry; nobody for a helper and for one alone
  std::size_t sent = 0;                 ///< messages
};

/// A plan that was negotiated, and how many messages each agent sent for it.
struct negotiated_plan {
  pairing::plan plan;
  std::vector<std::size_t> messages;
};

/// Whether agents that ask this policy negotiate, where it is one that can: yes, unless its `negotiates()` says no.
template <class Policy>
[[nodiscard]] bool negotiates(const Policy& policy) {
  if constexpr (requires { policy.negotiates(); })
    return policy.negotiates();
  else
    return true;
}

/// A message of a negotiation under way.
struct letter {
  agent_id to;
  std::vector<std::byte> data;
};

namespace detail {

/// Lets one agent negotiate over a transport. `Negotiator` has `start(out)`, `receive(from, data, out)`, which append
/// letters, `done()`, `waits_for(agent)`, `needs(agent)` and `helper()`. Throws run_error if a neighbor that it needs
/// is lost.
template <class Negotiator, Transport T>
[[nodiscard]] negotiated negotiate_over(T& transport, Negotiator agent, const std::vector<agent_id>& linked,
                                        const comm::tag& what) {
  negotiated result;
  std::vector<letter> out;
  const auto post = [&] {
    for (letter& one : out) {
      if (const comm::result how = transport.send(one.to, what, std::move(one.data), seconds::infinity());
          how != comm::result::ok)
        throw run_error{text("negotiation: agent ", transport.self(), " cannot reach agent ", one.to, ": ", how)};
      ++result.sent;
    }
    out.clear();
  };
  agent.start(out);
  post();
  std::vector<comm::channel> channels;
  std::vector<agent_id> gone;
  while (!agent.done()) {
    channels.clear();
    for (const agent_id other : linked)
      if (agent.waits_for(other) && std::ranges::count(gone, other) == 0) channels.push_back({other, what});
    const comm::delivery got = transport.receive_any(channels, seconds::infinity());
    if (got.result == comm::result::peer_lost && !agent.needs(got.from)) {
      gone.push_back(got.from);
      continue;
    }
    if (got.result != comm::result::ok)
      throw run_error{text("negotiation: agent ", transport.self(), " waits for agent ", got.from, ": ", got.result)};
    agent.receive(got.from, got.data, out);
    post();
  }
  result.helper = agent.helper();
  return result;
}

/// The same with all agents in one place, letter by letter in the order of sending.
template <class Negotiator>
[[nodiscard]] std::vector<negotiated> negotiate_here(std::vector<Negotiator> agents) {
  struct posted {
    agent_id from;
    letter what;
  };
  std::vector<negotiated> results(agents.size());
  std::queue<posted> mail;
  std::vector<letter> out;
  const auto post = [&](agent_id from) {
    results[from.value].sent += out.size();
    for (letter& one : out) mail.push({from, std::move(one)});
    out.clear();
  };
  for (std::size_t i = 0; i < agents.size(); ++i) {
    agents[i].start(out);
    post(id_of(i));
  }
  for (; !mail.empty(); mail.pop()) {
    const posted& next = mail.front();
    agents[next.what.to.value].receive(next.from, next.what.data, out);
    post(next.what.to);
  }
  for (std::size_t i = 0; i < agents.size(); ++i) {
    COMDML_REQUIRE(agents[i].done(), "agent ", i, " waits for ever");
    results[i].helper = agents[i].helper();
  }
  return results;
}

/// The plan of what the agents agreed on, slowest agent first.
template <CostModel Cost>
[[nodiscard]] negotiated_plan plan_of(const fleet::instance& fleet, const std::vector<negotiated>& results,
                                      const Cost& cost) {
  std::vector<std::size_t> messages;
  messages.reserve(results.size());
  for (const negotiated& one : results) messages.push_back(one.sent);
  std::vector<assignment> pairs;
  for (const agent_id slow : slowest_first(fleet, cost))
    if (const auto& helper = results[slow.value].helper)
      pairs.push_back(assign(fleet, slow, helper->other, helper->entry, cost));
  name_refused(fleet, cost, pairs);
  return {complete(fleet, std::move(pairs), cost), std::move(messages)};
}

}  // namespace detail

}  // namespace comdml::pairing
