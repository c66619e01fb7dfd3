// SPDX-License-Identifier: BSL-1.0
/// \file
/// The cost model: how long an agent takes alone and with a helper. Model of CostModel.
#pragma once

#include <algorithm>
#include <cstddef>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/fleet/instance.hpp"

namespace comdml::fleet {

/// Both sides compute and the link sends at the same time; the helper's own work is counted before the guest's
/// (method.md section 4, the authors' code). With n the work, p the speed, T_s and T_f the shares, nu the bytes per
/// batch and r the rate of the link from agent i to helper j:
///
///     solo(i)    = tau_i = n_i / p_i
///     pair(i, j) = max( n_i T_s / p_i,  tau_j + n_i T_f / p_j,  n_i nu / r_ij + latency_ij )      r_ij = 0: infinite
///
/// A cost model is any type with these two functions; a pair's cost is the time when both agents have finished all of
/// their work, the helper's own included. Known variants differ in the pair's terms only:
///
/// | variant           | difference                                                         |
/// |-------------------|--------------------------------------------------------------------|
/// | serial transfer   | tau_j + n_i nu / r_ij + n_i T_f / p_j in place of the last two     |
/// | with hand-over    | adds the bytes of the fast side, there and back, over the link     |
/// | with all-reduce   | adds the time of the collective to every agent                     |
struct overlapped {
  [[nodiscard]] seconds solo(const instance& fleet, agent_id agent) const {
    const auto& [speed, work] = at(fleet, agent);
    return work / speed;
  }

  [[nodiscard]] seconds pair(const instance& fleet, agent_id agent, agent_id helper, std::size_t entry) const {
    COMDML_REQUIRE(entry < fleet.profile.splits.size(), "entry ", entry, " of ", fleet.profile.splits.size());
    COMDML_REQUIRE(agent != helper, "agent ", agent, " cannot help itself");
    const split_cost& split = fleet.profile.splits[entry];
    const directed_link& way = fleet.links(agent, helper);
    if (way.rate.value() == 0) return seconds::infinity();
    const batches guest = at(fleet, agent).work;
    const seconds slow = guest * split.slow_share / at(fleet, agent).speed;
    const seconds fast = solo(fleet, helper) + guest * split.fast_share / at(fleet, helper).speed;
    const seconds transfer = guest * split.wire / way.rate + way.latency;
    return std::max({slow, fast, transfer});
  }

 private:
  static const instance::agent& at(const instance& fleet, agent_id agent) {
    COMDML_REQUIRE(agent.value < fleet.agents.size(), "agent ", agent, " of ", fleet.agents.size());
    return fleet.agents[agent.value];
  }
};

static_assert(CostModel<overlapped>);

}  // namespace comdml::fleet
