// SPDX-License-Identifier: BSL-1.0
/// \file
/// Planning for some agents of a fleet: policies see those alone, numbered from 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::pairing {

/// The members of a fleet, by number and by id.
class numbering {
 public:
  numbering() = default;
  /// \param members  ascending
  /// \param agents   of the whole fleet
  numbering(std::vector<agent_id> members, std::size_t agents) : members_{std::move(members)}, number_(agents, away) {
    for (std::uint32_t i = 0; i < members_.size(); ++i) number_[members_[i].value] = i;
  }

  [[nodiscard]] const std::vector<agent_id>& members() const noexcept { return members_; }
  /// Whether everyone is a member, so that numbers are ids.
  [[nodiscard]] bool whole() const noexcept { return members_.size() == number_.size(); }

  /// Those of the links that are between members.
  [[nodiscard]] link_matrix links(const link_matrix& all) const {
    if (whole()) return all;
    link_matrix own{members_.size()};
    for (std::uint32_t i = 0; i < members_.size(); ++i)
      all.for_each_link(members_[i], [&](agent_id to, link_matrix::kind_index kind) {
        if (number_[to.value] != away) own.set(agent_id{i}, agent_id{number_[to.value]}, all.kinds()[kind]);
      });
    return own;
  }

  /// A plan of numbers, by ids.
  [[nodiscard]] plan named(plan numbers) const {
    if (whole()) return numbers;
    for (assignment& pair : numbers.pairs) {
      pair.slow = members_[pair.slow.value];
      pair.fast = members_[pair.fast.value];
      if (pair.refused) pair.refused->fast = members_[pair.refused->fast.value];
    }
    for (agent_id& agent : numbers.alone) agent = members_[agent.value];
    return numbers;
  }

 private:
  static constexpr std::uint32_t away = 0xFFFFFFFFU;

  std::vector<agent_id> members_;
  std::vector<std::uint32_t> number_;  ///< by id
};

}  // namespace comdml::pairing
