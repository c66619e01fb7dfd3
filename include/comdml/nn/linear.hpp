// SPDX-License-Identifier: BSL-1.0
/// \file
/// Fully connected layer, y = W x + b. Models Layer.
#pragma once

#include <cstddef>

#include "comdml/core/errors.hpp"
#include "comdml/nn/convolution_gemm.hpp"
#include "comdml/nn/layer.hpp"

namespace comdml::nn {

/// Takes any shape as one flat vector, in NHWC order (where height = width = 1, the same as PyTorch's order), and puts
/// out 1 x 1 x outputs. Tensors: weight (outputs x inputs), bias (outputs).
struct linear {
  static constexpr bool backward_reads_output = false;

  std::size_t outputs = 1;

  [[nodiscard]] image_shape output_shape(image_shape) const {
    COMDML_REQUIRE(outputs > 0, "outputs ", outputs);
    return {1, 1, outputs};
  }

  void describe(image_shape in, description& list) const {
    list.add("weight", {outputs, in.size()}, tensor_kind::parameter, initializer::uniform(in.size()));
    list.add("bias", {outputs}, tensor_kind::parameter, initializer::uniform(in.size()));
  }

  [[nodiscard]] std::size_t memory_size(image_shape, std::size_t) const { return 0; }
  [[nodiscard]] double multiply_adds(image_shape in) const { return convolution().multiply_adds(flat(in)); }

  template <class T>
  void forward(const forward_pass<T>& pass) const {
    forward_pass<T> one = pass;
    one.in = flat(pass.in);
    convolution().forward(one);
  }

  template <class T>
  void backward(const backward_pass<T>& pass) const {
    backward_pass<T> one = pass;
    one.in = flat(pass.in);
    convolution().backward(one);
  }

 private:
  [[nodiscard]] static image_shape flat(image_shape in) { return {1, 1, in.size()}; }
  /// The same sums, over an image of one pixel.
  [[nodiscard]] convolution_gemm convolution() const { return {.channels = outputs, .kernel = 1, .bias = true}; }
};

static_assert(Layer<linear>);

}  // namespace comdml::nn
