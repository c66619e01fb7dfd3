// SPDX-License-Identifier: BSL-1.0
/// \file
/// Rectified linear unit, max(x, 0). Models Layer.
#pragma once

#include <cstddef>

#include "comdml/nn/layer.hpp"

namespace comdml::nn {

/// Any shape, unchanged; no tensors. A value that is not a number stays one, so that a diverged model shows.
struct relu {
  static constexpr bool backward_reads_input = false;

  [[nodiscard]] image_shape output_shape(image_shape in) const { return in; }
  void describe(image_shape, description&) const {}
  [[nodiscard]] std::size_t memory_size(image_shape, std::size_t) const { return 0; }
  [[nodiscard]] double multiply_adds(image_shape) const { return 0; }

  template <class T>
  void forward(const forward_pass<T>& pass) const {
    parallel_blocks(pass.exec, pass.input.size(), [&](std::size_t, std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) pass.output[i] = pass.input[i] < T{0} ? T{0} : pass.input[i];
    });
  }

  template <class T>
  void backward(const backward_pass<T>& pass) const {
    parallel_blocks(pass.exec, pass.input_gradient.size(), [&](std::size_t, std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        const T gradient = pass.output_gradient[i];  // read in any case: a choice of values needs no branch
        pass.input_gradient[i] = pass.output[i] <= T{0} ? T{0} : gradient;
      }
    });
  }
};

static_assert(Layer<relu>);

}  // namespace comdml::nn
