// SPDX-License-Identifier: BSL-1.0
/// \file
/// A cut set chosen at run time. Models CutSet.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/split/cuts.hpp"

namespace program {

struct any_cuts {
  std::variant<comdml::split::every_block, comdml::split::stages> choice;

  /// Requires one of --cuts' values.
  explicit any_cuts(const std::string& name = "every_block") {
    if (name == "stages") choice = comdml::split::stages{};
  }

  template <comdml::Network N>
  [[nodiscard]] std::vector<comdml::split_point> points(const N& net) const {
    return std::visit([&](const auto& cuts) { return cuts.points(net); }, choice);
  }
};

}  // namespace program
