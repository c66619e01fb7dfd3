// SPDX-License-Identifier: BSL-1.0
/// \file
/// The memory of an optimizer, apart from its code: `slots()` values per weight, slot after slot, so that a side of a
/// cut is one contiguous run in every slot.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/tensor/shape.hpp"

namespace comdml::nn {

/// The memory that belongs to one run of weights.
template <class T>
struct optimizer_view {
  T* values = nullptr;     ///< of the run's first weight, in the first slot
  std::size_t stride = 0;  ///< from slot to slot: the number of weights of the whole model
  std::size_t size = 0;    ///< weights in the run
  double updates = 0;      ///< done before this one; not always whole, since it is averaged with the weights

  [[nodiscard]] std::span<T> slot(std::size_t number) const { return {values + number * stride, size}; }
};

/// The memory for a whole model: slot 0 of all weights, then slot 1, and so on. All zero at first.
template <class T>
struct optimizer_state {
  std::vector<T> values;
  double updates = 0;

  /// Forgets everything and makes room for `slots` slots of `weights` values.
  void reset(std::size_t slots, std::size_t weights) {
    values.assign(slots * weights, T{});
    updates = 0;
  }

  /// The part for one run of the model's `weights` weights.
  [[nodiscard]] optimizer_view<T> view(index_range run, std::size_t weights) {
    COMDML_REQUIRE(run.begin <= run.end && run.end <= weights && (values.empty() || values.size() % weights == 0),
                   "weights ", run.begin, " to ", run.end, " of ", weights, ", memory of ", values.size(), " values");
    return {values.empty() ? nullptr : values.data() + run.begin, weights, run.size(), updates};
  }

  friend bool operator==(const optimizer_state&, const optimizer_state&) = default;
};

}  // namespace comdml::nn
