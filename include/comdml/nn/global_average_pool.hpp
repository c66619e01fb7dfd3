// SPDX-License-Identifier: BSL-1.0
/// \file
/// Mean over all pixels of each channel. Models Layer.
#pragma once

#include <algorithm>
#include <cstddef>

#include "comdml/nn/layer.hpp"

namespace comdml::nn {

/// H x W x C becomes 1 x 1 x C; no tensors.
struct global_average_pool {
  static constexpr bool backward_reads_input = false;
  static constexpr bool backward_reads_output = false;

  [[nodiscard]] image_shape output_shape(image_shape in) const { return {1, 1, in.channels}; }
  void describe(image_shape, description&) const {}
  [[nodiscard]] std::size_t memory_size(image_shape, std::size_t) const { return 0; }
  [[nodiscard]] double multiply_adds(image_shape) const { return 0; }

  template <class T>
  void forward(const forward_pass<T>& pass) const {
    const std::size_t pixels = pass.in.height * pass.in.width, channels = pass.in.channels;
    parallel_for(pass.exec, pass.images, [&](std::size_t image) {
      const auto from = pass.input.subspan(image * pixels * channels, pixels * channels);
      const auto to = pass.output.subspan(image * channels, channels);
      std::fill(to.begin(), to.end(), T{0});
      for (std::size_t pixel = 0; pixel < pixels; ++pixel)
        for (std::size_t c = 0; c < channels; ++c) to[c] += from[pixel * channels + c];
      for (T& value : to) value /= static_cast<T>(pixels);
    });
  }

  template <class T>
  void backward(const backward_pass<T>& pass) const {
    if (pass.input_gradient.empty()) return;
    const std::size_t pixels = pass.in.height * pass.in.width, channels = pass.in.channels;
    parallel_for(pass.exec, pass.images, [&](std::size_t image) {
      const auto from = pass.output_gradient.subspan(image * channels, channels);
      const auto to = pass.input_gradient.subspan(image * pixels * channels, pixels * channels);
      for (std::size_t pixel = 0; pixel < pixels; ++pixel)
        for (std::size_t c = 0; c < channels; ++c) to[pixel * channels + c] = from[c] / static_cast<T>(pixels);
    });
  }
};

static_assert(Layer<global_average_pool>);

}  // namespace comdml::nn
