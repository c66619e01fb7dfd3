// SPDX-License-Identifier: BSL-1.0
/// \file
/// Cut sets: which split points a plan may use. Models of CutSet.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"

namespace comdml::split {

/// A cut after the stem and after every block: units-1 kept (only the head is handed over) down to 1 (only the stem is
/// kept).
struct every_block {
  template <Network N>
  [[nodiscard]] std::vector<split_point> points(const N& net) const {
    std::vector<split_point> kept;
    for (std::size_t k = net.units(); k-- > 1;) kept.push_back(split_point{static_cast<std::uint32_t>(k)});
    return kept;
  }
};

/// A cut after the stem and after every stage (run of blocks of one width).
struct stages {
  template <Network N>
  [[nodiscard]] std::vector<split_point> points(const N& net) const {
    std::vector<split_point> kept;
    for (const std::size_t k : net.stage_ends()) kept.push_back(split_point{static_cast<std::uint32_t>(k)});
    std::ranges::reverse(kept);
    return kept;
  }
};

/// The cuts that keep the given numbers of units, written in any order. A number that the network cannot be cut at is a
/// contract_error.
template <std::uint32_t... Kept>
struct at {
  static_assert(sizeof...(Kept) > 0, "at<...> needs at least one number of units kept");

  template <Network N>
  [[nodiscard]] std::vector<split_point> points(const N& net) const {
    std::vector<split_point> kept{split_point{Kept}...};
    std::ranges::sort(kept, std::ranges::greater{});
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    COMDML_REQUIRE(kept.back().value >= 1 && kept.front().value < net.units(), "cuts ", kept.back(), " .. ",
                   kept.front(), " of a network of ", net.units(), " units");
    return kept;
  }
};

}  // namespace comdml::split
