// SPDX-License-Identifier: BSL-1.0
/// \file
/// Plans of a simulated fleet of which not everybody takes part in every round.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/learn/plan_message.hpp"
#include "comdml/pairing/numbering.hpp"
#include "comdml/pairing/plan.hpp"
#include "comdml/pairing/planner.hpp"

namespace comdml::simulation {

/// Plans round after round, as pairing::planner does, for members that may be others each time. Plans name agents by
/// their ids; policies see the members alone, numbered from 0.
template <PairingPolicy Policy>
class planning {
 public:
  planning(Policy policy, fleet::split_profile profile, std::size_t batch)
      : planner_{std::move(policy)}, profile_{std::move(profile)}, batch_{batch} {}

  /// Whether every agent asks the policy itself; otherwise one makes the plan and sends it to all.
  [[nodiscard]] bool planned_by_all() const { return planner_.planned_by_all(); }

  /// What the next plans are made for. `statuses` are those of the members, in their order; `links` of all agents.
  void change(std::vector<agent_id> members, std::span<const fleet::status> statuses, const link_matrix& links) {
    if (members != names_.members()) planner_.forget();
    names_ = pairing::numbering{std::move(members), links.agents()};
    instance_ = fleet::make_instance(statuses, batch_, names_.links(links), profile_);
    settled_ = false;
  }

  /// The next round's. Requires a call of change() before. A policy is asked again only where it could answer
  /// otherwise. \returns whether the plan is another one than the last
  bool next() {
    if (settled_) return false;
    pairing::plan fresh = names_.named(planner_.next(instance_));
    settled_ = !replans || (plan_ && fresh == *plan_);
    const bool other = !plan_ || fresh != *plan_;
    plan_ = std::move(fresh);
    return other;
  }

  [[nodiscard]] const pairing::plan& plan() const { return *plan_; }

  /// Bytes of the plan as a message.
  [[nodiscard]] std::size_t message_size() const {
    comm::message_writer message;
    learn::write_plan(message, *plan_, profile_);
    return message.take().size();
  }

 private:
  static constexpr bool replans =
      requires(const Policy& policy, const fleet::instance& fleet, const pairing::plan& last) {
    policy.replan(fleet, last);
  };

  pairing::planner<Policy> planner_;
  fleet::split_profile profile_;
  std::size_t batch_;
  pairing::numbering names_;
  fleet::instance instance_;
  std::optional<pairing::plan> plan_;
  bool settled_ = false;  ///< asking again gives the same
};

}  // namespace comdml::simulation
