// SPDX-License-Identifier: BSL-1.0
/// \file
/// How agents come to one plan: each makes it, one makes it for all, or they negotiate it.
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
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/learn/peers.hpp"
#include "comdml/learn/plan_message.hpp"
#include "comdml/learn/policies.hpp"
#include "comdml/pairing/neighborhood.hpp"
#include "comdml/pairing/numbering.hpp"
#include "comdml/pairing/plan.hpp"
#include "comdml/pairing/planner.hpp"

namespace comdml::learn {

/// One agent's part in planning, round after round. All agents must call `next` at once, with the same instances.
template <Job J>
class joint_planning {
 public:
  using line = peers<typename J::transport>;

  explicit joint_planning(const settings<J>& how) : planner_{counting_memory(how)} {}

  /// Negotiated where the policy can be and nobody is away, else made by every agent, or by one for all.
  /// \param fleet  the members alone, numbered as `names` says
  [[nodiscard]] pairing::plan next(const fleet::instance& fleet, const pairing::numbering& names, line& everyone) {
    if constexpr (LocalPairingPolicy<typename J::pairing, typename J::transport>)
      if (pairing::negotiates(planner_.policy()) && names.whole() && !everyone.survives())
        return negotiate(fleet, everyone);
    // Who was away does not know the last plan, so nobody goes by it.
    const std::vector<std::byte> recalled = std::exchange(recalled_, {});
    if (std::exchange(turnouts_, everyone.turnouts()) != everyone.turnouts()) {
      planner_.forget();
    } else if (!recalled.empty()) {
      comm::message_reader message{recalled, everyone.self()};
      planner_.recall(read_plan(message, fleet));
      message.finish();
    }
    return names.named(planner_.planned_by_all() ? planner_.next(fleet) : shared_plan(fleet, everyone));
  }

  /// What the next plan follows from, for a checkpoint; empty if it follows from nothing.
  [[nodiscard]] std::vector<std::byte> memory(const fleet::split_profile& profile) const {
    if (!planner_.follows() || !planner_.last()) return {};
    comm::message_writer message;
    write_plan(message, *planner_.last(), profile);
    return message.take();
  }
  /// \param turnouts  at the time of that plan
  void recall(std::span<const std::byte> memory, std::size_t turnouts) {
    recalled_.assign(memory.begin(), memory.end());
    turnouts_ = turnouts;
  }

 private:
  /// The job's policy; a helper must hold what the job's optimizer needs, whatever the cost model was told.
  [[nodiscard]] static typename J::pairing counting_memory(const settings<J>& how) {
    typename J::pairing policy = how.pairing;
    if constexpr (requires { policy.cost.memory.optimizer_slots; })
      policy.cost.memory.optimizer_slots =
          std::max(policy.cost.memory.optimizer_slots, static_cast<double>(how.optimizer.slots()));
    return policy;
  }

  /// Pairs made by messages between neighbors; then everyone tells who helps it, for the join and the report.
  [[nodiscard]] pairing::plan negotiate(const fleet::instance& fleet, line& everyone) requires
      LocalPairingPolicy<typename J::pairing, typename J::transport> {
    pairing::neighborhood view = planner_.policy().view(fleet, everyone.self());
    view.place = pairing::spanning_trees(everyone.links())[everyone.rank_of(everyone.self())];
    const pairing::negotiated own = planner_.policy().negotiate(everyone.transport().direct(), std::move(view),
                                                                everyone.tag(message_kind::negotiation));
    comm::message_writer message;
    message.write(std::uint8_t{own.helper.has_value()});
    if (own.helper) message.write(own.helper->other.value).write(static_cast<std::uint32_t>(own.helper->entry));
    std::vector<pairing::negotiated> results;
    everyone.exchange(message_kind::negotiated, std::move(message), [&](comm::message_reader& from, agent_id) {
      std::optional<pairing::local_offer>& helper = results.emplace_back().helper;
      if (from.read<std::uint8_t>() == 0) return;
      helper.emplace();
      helper->other = agent_id{from.read<std::uint32_t>()};
      helper->entry = from.read<std::uint32_t>();
      if (helper->other.value >= fleet.agents.size() || helper->entry >= fleet.profile.splits.size())
        from.fail(text("agent ", helper->other, " helps it by entry ", helper->entry, " of the split profile"));
    });
    pairing::plan plan = planner_.policy().agreed(fleet, results).plan;
    if (const auto rules = pairing::check_rules(plan, fleet, true); !rules.broken.empty())
      throw run_error{text("agents negotiated a plan that cannot be: ", rules.broken.front())};
    return plan;
  }

  /// The plan that the first agent makes for all.
  [[nodiscard]] pairing::plan shared_plan(const fleet::instance& fleet, line& everyone) {
    const agent_id planning = everyone.members().front();
    comm::message_writer message;
    if (everyone.self() == planning) write_plan(message, planner_.next(fleet), fleet.profile);
    pairing::plan plan;
    everyone.exchange(message_kind::plan, std::move(message), [&](comm::message_reader& from, agent_id sender) {
      if (sender == planning) plan = read_plan(from, fleet);
    });
    return plan;
  }

  pairing::planner<typename J::pairing> planner_;
  std::size_t turnouts_ = 0;         ///< at the time of the planner's last plan
  std::vector<std::byte> recalled_;  ///< that plan, if it is a checkpoint's
};

}  // namespace comdml::learn
