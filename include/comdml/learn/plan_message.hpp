// SPDX-License-Identifier: BSL-1.0
/// \file
/// A plan as a message, for policies whose plan one agent makes for all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::learn {

/// Requires a plan for this profile.
inline void write_plan(comm::message_writer& message, const pairing::plan& plan, const fleet::split_profile& profile) {
  message.write(static_cast<std::uint32_t>(plan.pairs.size()));
  for (const pairing::assignment& pair : plan.pairs) {
    const auto entry = pairing::entry_of(profile, pair);
    COMDML_REQUIRE(entry.has_value(), "no cut ", pair.split, " by ", pair.codec, " in the split profile");
    message.write(pair.slow.value).write(pair.fast.value).write(static_cast<std::uint32_t>(*entry));
    message.write(pair.cost.value()).write(pair.solo.value()).write(std::uint8_t{pair.refused.has_value()});
    const pairing::alternative other = pair.refused.value_or(pairing::alternative{});
    message.write(other.fast.value).write(other.split.value).write(other.cost.value());
  }
  message.write(static_cast<std::uint32_t>(plan.alone.size()));
  for (const agent_id agent : plan.alone) message.write(agent.value);
  message.write(plan.makespan.value()).write(plan.alone_makespan.value());
}

/// The plan in a message. Throws run_error, naming the sender, unless it is one for this fleet; its times are taken at
/// the sender's word.
[[nodiscard]] inline pairing::plan read_plan(comm::message_reader& message, const fleet::instance& fleet) {
  const auto at_most = [&](std::size_t most, const char* what) {
    const auto count = message.read<std::uint32_t>();
    if (count > most) message.fail(text(count, what, " of a fleet of ", fleet.agents.size()));
    return count;
  };
  pairing::plan plan;
  for (auto left = at_most(fleet.agents.size(), " pairs"); left > 0; --left) {
    pairing::assignment& pair = plan.pairs.emplace_back();
    pair.slow = agent_id{message.read<std::uint32_t>()};
    pair.fast = agent_id{message.read<std::uint32_t>()};
    const auto entry = message.read<std::uint32_t>();
    if (entry >= fleet.profile.splits.size()) message.fail(text("entry ", entry, " of the split profile"));
    pair.split = fleet.profile.splits[entry].point;
    pair.codec = fleet.profile.splits[entry].codec;
    pair.cost = seconds{message.read<double>()};
    pair.solo = seconds{message.read<double>()};
    const bool refused = message.read<std::uint8_t>() != 0;
    pairing::alternative other{};
    other.fast = agent_id{message.read<std::uint32_t>()};
    other.split = split_point{message.read<std::uint32_t>()};
    other.cost = seconds{message.read<double>()};
    if (refused) pair.refused = other;
  }
  for (auto left = at_most(fleet.agents.size(), " agents alone"); left > 0; --left)
    plan.alone.push_back(agent_id{message.read<std::uint32_t>()});
  plan.makespan = seconds{message.read<double>()};
  plan.alone_makespan = seconds{message.read<double>()};
  if (const auto rules = pairing::check_rules(plan, fleet, true); !rules.broken.empty())
    message.fail(rules.broken.front());
  return plan;
}

}  // namespace comdml::learn
