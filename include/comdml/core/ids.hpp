// SPDX-License-Identifier: BSL-1.0
/// \file
/// Identifiers: integers that do not mix with each other.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>

namespace comdml {

/// An integer whose meaning is in its type. `Tag` is an empty tag type.
template <class Tag, class Integer = std::uint32_t>
struct identifier {
  Integer value{};

  friend constexpr auto operator<=>(identifier, identifier) noexcept = default;
  friend std::ostream& operator<<(std::ostream& out, identifier id) { return out << id.value; }
};

/// Position of an agent in its fleet, from 0.
using agent_id = identifier<struct agent_tag>;
/// Number of units (stem, blocks, head) that the slow agent keeps; 0 = it trains alone.
using split_point = identifier<struct split_tag>;
/// Communication round, from 0.
using round_index = identifier<struct round_tag>;
/// One attempt at a committed aggregation; a redone aggregation is a new epoch.
using epoch_index = identifier<struct epoch_tag, std::uint64_t>;

}  // namespace comdml

template <class Tag, class Integer>
struct std::hash<comdml::identifier<Tag, Integer>> {
  std::size_t operator()(comdml::identifier<Tag, Integer> id) const noexcept { return std::hash<Integer>{}(id.value); }
};
