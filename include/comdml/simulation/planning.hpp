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
#include "comdml/pairing/plan.hpp"
#include "comdml/pairing/planner.hpp"

namespace comdml::simulation {

/// Plans round after round, as pairing::planner does, for members that may be others each time. Plans name agents by
/// their ids; policies see the members alone, numbered from 0.
template <PairingPolicy Policy>
class planning {
 public:
  planning(Policy policy, fleet::split_profile profile, std::size_t batch)
      : policy_{std::move(policy)}, profile_{std::move(profile)}, batch_{batch} {}

  /// Whether every agent asks the policy itself; otherwise one makes the plan and sends it to all.
  [[nodiscard]] bool planned_by_all() const { return pairing::planned_by_all(policy_); }

  /// What the next plans are made for. `statuses` are those of the members, in their order; `links` of all agents.
  void change(std::vector<agent_id> members, std::span<const fleet::status> statuses, const link_matrix& links) {
    whole_ = members.size() == links.agents();
    std::vector<std::uint32_t> number(links.agents(), away);
    for (std::uint32_t i = 0; i < members.size(); ++i) number[members[i].value] = i;
    link_matrix own{members.size()};
    if (whole_) {
      own = links;
    } else {
      for (std::uint32_t i = 0; i < members.size(); ++i)
        links.for_each_link(members[i], [&](agent_id to, link_matrix::kind_index kind) {
          if (number[to.value] != away) own.set(agent_id{i}, agent_id{number[to.value]}, links.kinds()[kind]);
        });
    }
    members_ = std::move(members);
    number_ = std::move(number);
    instance_ = fleet::make_instance(statuses, batch_, std::move(own), profile_);
    settled_ = false;
  }

  /// The next round's. Requires a call of change() before. A policy is asked again only where it could answer
  /// otherwise. \returns whether the plan is another one than the last
  bool next() {
    if (settled_) return false;
    pairing::plan fresh = ask();
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
  static constexpr std::uint32_t away = 0xFFFFFFFFU;
  static constexpr bool replans =
      requires(const Policy& policy, const fleet::instance& fleet, const pairing::plan& last) {
    policy.replan(fleet, last);
  };

  [[nodiscard]] pairing::plan ask() const {
    if constexpr (replans) {
      if (plan_) return named(policy_.replan(instance_, numbered(*plan_)));
    }
    return named(policy_.plan(instance_));
  }

  /// The plan by ids.
  [[nodiscard]] pairing::plan named(pairing::plan plan) const {
    if (whole_) return plan;
    for (pairing::assignment& pair : plan.pairs) {
      pair.slow = members_[pair.slow.value];
      pair.fast = members_[pair.fast.value];
      if (pair.refused) pair.refused->fast = members_[pair.refused->fast.value];
    }
    for (agent_id& agent : plan.alone) agent = members_[agent.value];
    return plan;
  }
  /// A plan's pairs of which both are members, by their numbers.
  [[nodiscard]] pairing::plan numbered(pairing::plan plan) const {
    if (whole_) return plan;
    std::erase_if(plan.pairs, [&](const pairing::assignment& pair) {
      return number_[pair.slow.value] == away || number_[pair.fast.value] == away;
    });
    for (pairing::assignment& pair : plan.pairs) {
      pair.slow = agent_id{number_[pair.slow.value]};
      pair.fast = agent_id{number_[pair.fast.value]};
      if (pair.refused && number_[pair.refused->fast.value] == away) pair.refused.reset();
      if (pair.refused) pair.refused->fast = agent_id{number_[pair.refused->fast.value]};
    }
    return plan;
  }

  Policy policy_;
  fleet::split_profile profile_;
  std::size_t batch_;
  bool whole_ = true;  ///< everyone is a member
  std::vector<agent_id> members_;
  std::vector<std::uint32_t> number_;  ///< by id
  fleet::instance instance_;
  std::optional<pairing::plan> plan_;
  bool settled_ = false;  ///< asking again gives the same
};

}  // namespace comdml::simulation
