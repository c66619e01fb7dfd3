// SPDX-License-Identifier: BSL-1.0
/// \file
/// Any number of layers of one type one after another, counted at run time. Models Layer.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/nn/detail/chain.hpp"

namespace comdml::nn {

/// Layers named "0", "1", ...; in a network, a stage whose layers are one unit each.
template <Layer Element>
class repeat : public detail::chain<repeat<Element>> {
 public:
  static constexpr bool backward_reads_input = reads_input<Element>;
  static constexpr bool backward_reads_output = reads_output<Element>;

  /// Requires at least one layer.
  explicit repeat(std::vector<Element> layers) : layers_{std::move(layers)} {
    COMDML_REQUIRE(!layers_.empty(), "a repeat of no layers");
  }

  [[nodiscard]] std::size_t size() const noexcept { return layers_.size(); }
  [[nodiscard]] static std::string name(std::size_t i) { return std::to_string(i); }

  /// Calls f with layer i.
  template <class Function>
  void visit(std::size_t i, Function&& f) const {
    f(layers_[i]);
  }

 private:
  std::vector<Element> layers_;
};

}  // namespace comdml::nn
