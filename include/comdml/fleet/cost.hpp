// SPDX-License-Identifier: BSL-1.0
/// \file
/// Cost models: how long an agent takes alone, and with a helper. Models of StarCostModel.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <span>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/fleet/instance.hpp"

namespace comdml::fleet {

/// What `share` of the whole model's training on `images` images takes, in mini-batches of `batch`.
[[nodiscard]] inline seconds compute_time(double share, std::size_t images, std::size_t batch,
                                          batches_per_second speed) {
  return share * (batches{static_cast<double>(images) / static_cast<double>(batch)} / speed);
}

/// What a helper must hold for a guest: weights and gradients of the fast side, `optimizer_slots` more values per
/// weight, the mini-batches that wait to be served, one that comes in, of which a transport that encrypts holds three
/// copies for a moment, one that is read, and its fp32 values.
///
///     bytes = (2 + optimizer_slots) fast_side + (window + 4) wire + values
///
/// `fast_side` and `wire` (of one batch) are the split profile's. What the helper needs for its own training is not
/// counted: an agent's limit is what it can spare beside it.
struct guest_memory {
  double optimizer_slots = 1;  ///< momentum: 1; Adam: 2; AMSGrad: 3
  double window = 4;           ///< batches of a guest that wait at once; comm::in_process_options

  [[nodiscard]] bytes operator()(const split_cost& split) const {
    // Values are as long as fp32 writes them; a codec that is not known here is taken for one as short as int8.
    const double unpacked = split.codec == "fp32" ? 1 : split.codec == "fp16" ? 2 : 4;
    return (2 + optimizer_slots) * split.fast_side + split.wire * batches{window + 4 + unpacked};
  }
};

/// What a guest costs by one entry of the split profile, apart from its helper.
struct guest_terms {
  seconds own;    ///< until its own part, and what goes on beside it, are done
  seconds wait;   ///< that the helper spends on it whatever the helper's speed is
  batches work;   ///< of the whole model, that the helper computes for it
  seconds after;  ///< from when both are done until the pair has finished
  bytes memory;   ///< that the helper must spare
};

/// When a guest whose helper is done with all of its work at `helper_done` has finished.
[[nodiscard]] inline seconds finish(const guest_terms& guest, seconds helper_done) {
  return std::max(guest.own, helper_done) + guest.after;
}

/// What a pair costs whose guest has these terms and whose helper takes `solo` alone; infinite if it lacks memory.
[[nodiscard]] inline seconds price(const guest_terms& guest, const instance::agent& helper, seconds solo) {
  if (guest.memory > helper.memory) return seconds::infinity();
  return finish(guest, solo + (guest.wait + guest.work / helper.speed));
}

/// One guest of a helper.
struct guest_of {
  agent_id agent;
  std::size_t entry;  ///< of the split profile
};

namespace detail {

inline const instance::agent& agent_at(const instance& fleet, agent_id agent) {
  COMDML_REQUIRE(agent.value < fleet.agents.size(), "agent ", agent, " of ", fleet.agents.size());
  return fleet.agents[agent.value];
}

inline const split_cost& split_at(const instance& fleet, std::size_t entry) {
  COMDML_REQUIRE(entry < fleet.profile.splits.size(), "entry ", entry, " of ", fleet.profile.splits.size());
  return fleet.profile.splits[entry];
}

}  // namespace detail

/// When the pairs of one helper have finished, in the order of its guests: the helper does its own work, then all
/// guests' parts. All are infinite if one has no link or if the helper cannot hold them all.
template <StarCostModel Cost>
[[nodiscard]] std::vector<seconds> star_costs(const instance& fleet, agent_id helper, std::span<const guest_of> guests,
                                              const Cost& cost) {
  const instance::agent& host = detail::agent_at(fleet, helper);
  std::vector<guest_terms> terms;
  seconds busy{};
  bytes memory{};
  bool possible = true;
  for (const auto& [agent, entry] : guests) {
    COMDML_REQUIRE(agent != helper, "agent ", agent, " cannot help itself");
    const directed_link& to = fleet.links(agent, helper);
    possible = possible && to.rate.value() > 0;
    terms.push_back(cost.guest(fleet, agent, to, fleet.links(helper, agent), entry));
    busy += terms.back().wait + terms.back().work / host.speed;
    memory += terms.back().memory;
  }
  possible = possible && memory <= host.memory;
  std::vector<seconds> costs;
  for (const guest_terms& guest : terms)
    costs.push_back(possible ? finish(guest, cost.solo(fleet, helper) + busy) : seconds::infinity());
  return costs;
}

/// Whether a cost model's guest() looks at the link from the helper: yes, unless its `reads_way_back` says no.
template <class Cost>
inline constexpr bool reads_way_back = [] {
  if constexpr (requires { Cost::reads_way_back; })
    return Cost::reads_way_back;
  else
    return true;
}();

/// The pair() of a cost model that has solo() and guest(): a star with one guest.
template <class Cost>
[[nodiscard]] seconds pair_of(const instance& fleet, agent_id agent, agent_id helper, std::size_t entry,
                              const Cost& cost) {
  const instance::agent& host = detail::agent_at(fleet, helper);
  COMDML_REQUIRE(entry < fleet.profile.splits.size(), "entry ", entry, " of ", fleet.profile.splits.size());
  COMDML_REQUIRE(agent != helper, "agent ", agent, " cannot help itself");
  const directed_link& to = fleet.links(agent, helper);
  if (to.rate.value() == 0) return seconds::infinity();
  const directed_link& back = reads_way_back<Cost> ? fleet.links(helper, agent) : to;  // looking links up takes time
  return price(cost.guest(fleet, agent, to, back, entry), host, cost.solo(fleet, helper));
}

/// Both sides compute and the link sends at the same time; the helper's own work is counted before the guest's
/// (method.md section 4, the authors' code). With n the work, p the speed, T_s and T_f the shares, nu the bytes per
/// batch and r the rate of the link from agent i to helper j:
///
///     solo(i)    = tau_i = n_i / p_i
///     pair(i, j) = max( n_i T_s / p_i,  tau_j + n_i T_f / p_j,  n_i nu / r_ij + latency_ij )      r_ij = 0: infinite
///
/// A cost model is any type with these two functions; a pair's cost is the time when both agents have finished all of
/// their work, the helper's own included. A helper that cannot spare the memory for its guest makes it infinite.
struct overlapped {
  static constexpr bool reads_way_back = false;

  guest_memory memory{};

  [[nodiscard]] seconds solo(const instance& fleet, agent_id agent) const {
    const instance::agent& one = detail::agent_at(fleet, agent);
    return one.work / one.speed;
  }

  [[nodiscard]] seconds pair(const instance& fleet, agent_id agent, agent_id helper, std::size_t entry) const {
    return pair_of(fleet, agent, helper, entry, *this);
  }

  [[nodiscard]] guest_terms guest(const instance& fleet, agent_id agent, const directed_link& to,
                                  const directed_link& /*back*/, std::size_t entry) const {
    const split_cost& split = detail::split_at(fleet, entry);
    const auto& [speed, work, unused] = detail::agent_at(fleet, agent);
    const seconds slow = work * split.slow_share / speed;
    const seconds transfer = work * split.wire / to.rate + to.latency;
    return {std::max(slow, transfer), {}, work * split.fast_share, {}, memory(split)};
  }
};

/// As `overlapped`, but the helper starts on the guest's batches only when all of them have arrived:
///
///     pair(i, j) = max( n_i T_s / p_i,  tau_j + n_i nu / r_ij + latency_ij + n_i T_f / p_j )
struct serial {
  static constexpr bool reads_way_back = false;

  guest_memory memory{};

  [[nodiscard]] seconds solo(const instance& fleet, agent_id agent) const { return overlapped{}.solo(fleet, agent); }

  [[nodiscard]] seconds pair(const instance& fleet, agent_id agent, agent_id helper, std::size_t entry) const {
    return pair_of(fleet, agent, helper, entry, *this);
  }

  [[nodiscard]] guest_terms guest(const instance& fleet, agent_id agent, const directed_link& to,
                                  const directed_link& /*back*/, std::size_t entry) const {
    const split_cost& split = detail::split_at(fleet, entry);
    const auto& [speed, work, unused] = detail::agent_at(fleet, agent);
    return {work * split.slow_share / speed,
            work * split.wire / to.rate + to.latency,
            work * split.fast_share,
            {},
            memory(split)};
  }
};

/// As `overlapped`, with the weights w_f of the fast side sent to the helper before the activations, and back when both
/// agents are done; for algorithms whose members do not start a round from the same weights:
///
///     pair(i, j) = max( n_i T_s / p_i,  tau_j + n_i T_f / p_j,  (w_f + n_i nu) / r_ij + latency_ij )
///                  + w_f / r_ji + latency_ji                                          r_ij or r_ji = 0: infinite
struct handover {
  guest_memory memory{};

  [[nodiscard]] seconds solo(const instance& fleet, agent_id agent) const { return overlapped{}.solo(fleet, agent); }

  [[nodiscard]] seconds pair(const instance& fleet, agent_id agent, agent_id helper, std::size_t entry) const {
    return pair_of(fleet, agent, helper, entry, *this);
  }

  [[nodiscard]] guest_terms guest(const instance& fleet, agent_id agent, const directed_link& to,
                                  const directed_link& back, std::size_t entry) const {
    const split_cost& split = detail::split_at(fleet, entry);
    const auto& [speed, work, unused] = detail::agent_at(fleet, agent);
    const seconds slow = work * split.slow_share / speed;
    const seconds there = (split.fast_side + work * split.wire) / to.rate + to.latency;
    const seconds home = back.rate.value() > 0 ? split.fast_side / back.rate + back.latency : seconds::infinity();
    return {std::max(slow, there), {}, work * split.fast_share, home, memory(split)};
  }
};

/// Time of an all-reduce by recursive halving and doubling of `size` bytes over `members` that are linked alike
/// (Thakur, Rabenseifner, Gropp 2005; arithmetic is not counted). With P' the largest power of two up to P:
///
///     2 lg P' alpha + 2 (P'-1)/P' n / r,   and 2 alpha + 2 n / r more to fold the others in if P > P'
[[nodiscard]] inline seconds all_reduce_time(std::size_t members, bytes size, const directed_link& each) {
  COMDML_REQUIRE(members > 0, "an all-reduce without members");
  const auto folded = static_cast<double>(std::bit_floor(members));
  const double extra = std::has_single_bit(members) ? 0 : 2;
  const double steps = 2.0 * static_cast<double>(std::bit_width(members) - 1) + extra;
  const double copies = 2 * (folded - 1) / folded + extra;
  return steps * each.latency + (copies == 0 ? seconds{} : copies * size / each.rate);
}

/// Any of these, with the time of the collective that ends a round added to every agent's:
/// `with_all_reduce<>{.base = {}, .collective = all_reduce_time(...)}`. No pairing changes it; makespans do.
template <CostModel Base = overlapped>
struct with_all_reduce {
  static constexpr bool reads_way_back = fleet::reads_way_back<Base>;

  Base base{};
  seconds collective{};

  [[nodiscard]] seconds solo(const instance& fleet, agent_id agent) const {
    return base.solo(fleet, agent) + collective;
  }

  [[nodiscard]] seconds pair(const instance& fleet, agent_id agent, agent_id helper, std::size_t entry) const {
    if constexpr (StarCostModel<Base>)
      return pair_of(fleet, agent, helper, entry, *this);
    else
      return base.pair(fleet, agent, helper, entry) + collective;
  }

  [[nodiscard]] guest_terms guest(const instance& fleet, agent_id agent, const directed_link& to,
                                  const directed_link& back, std::size_t entry) const requires StarCostModel<Base> {
    guest_terms terms = base.guest(fleet, agent, to, back, entry);
    terms.own += collective;  // the helper's own share of it is in its solo time
    return terms;
  }
};

static_assert(StarCostModel<overlapped>);
static_assert(StarCostModel<serial>);
static_assert(StarCostModel<handover>);
static_assert(StarCostModel<with_all_reduce<>>);

}  // namespace comdml::fleet
