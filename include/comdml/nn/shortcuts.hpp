// SPDX-License-Identifier: BSL-1.0
/// \file
/// Shortcut policies of residual blocks: how the input reaches the sum where the block changes its shape.
///
/// A policy names its layer as `policy::layer<Convolution, Normalization>`, made from {output channels, stride}: a
/// model of Layer that also says by `is_identity(in)` that it has nothing to do.
#pragma once

#include <algorithm>
#include <cstddef>

#include "comdml/core/errors.hpp"
#include "comdml/nn/layer.hpp"
#include "comdml/nn/sequential.hpp"

namespace comdml::nn {

/// A layer with the name of a shortcut's `is_identity`.
template <class L>
concept Shortcut = Layer<L> && requires(const L shortcut, image_shape in) {
  { shortcut.is_identity(in) } -> std::convertible_to<bool>;
};

/// Without parameters (He et al. 2016, option A): every stride-th pixel, and zero channels around the input's, half on
/// each side (the odd one behind). Requires channels >= the input's.
struct identity_padded {
  template <class Convolution, class Normalization>
  using layer = identity_padded;

  static constexpr bool backward_reads_input = false;
  static constexpr bool backward_reads_output = false;

  std::size_t channels = 1;
  std::size_t stride = 1;

  [[nodiscard]] bool is_identity(image_shape in) const { return stride == 1 && in.channels == channels; }

  [[nodiscard]] image_shape output_shape(image_shape in) const {
    COMDML_REQUIRE(channels >= in.channels && stride > 0 && in.size() > 0, "input ", in, ", channels ", channels,
                   ", stride ", stride);
    return {(in.height - 1) / stride + 1, (in.width - 1) / stride + 1, channels};
  }

  void describe(image_shape, description&) const {}
  [[nodiscard]] std::size_t memory_size(image_shape, std::size_t) const { return 0; }
  [[nodiscard]] double multiply_adds(image_shape) const { return 0; }

  template <class T>
  void forward(const forward_pass<T>& pass) const {
    each_pixel(pass.in, pass.images, pass.exec, [&](std::size_t from, std::size_t to) {
      const auto out = pass.output.subspan(to, channels);
      std::fill(out.begin(), out.end(), T{0});
      std::copy_n(&pass.input[from], pass.in.channels, &out[before(pass.in)]);
    });
  }

  template <class T>
  void backward(const backward_pass<T>& pass) const {
    if (pass.input_gradient.empty()) return;
    std::fill(pass.input_gradient.begin(), pass.input_gradient.end(), T{0});
    each_pixel(pass.in, pass.images, pass.exec, [&](std::size_t from, std::size_t to) {
      std::copy_n(&pass.output_gradient[to + before(pass.in)], pass.in.channels, &pass.input_gradient[from]);
    });
  }

 private:
  [[nodiscard]] std::size_t before(image_shape in) const noexcept { return (channels - in.channels) / 2; }

  /// Calls f(first value of the input pixel, first value of the output pixel) for all output pixels.
  template <class Function>
  void each_pixel(image_shape in, std::size_t images, execution exec, Function&& f) const {
    const image_shape out = output_shape(in);
    parallel_for(exec, images, [&](std::size_t image) {
      for (std::size_t y = 0; y < out.height; ++y)
        for (std::size_t x = 0; x < out.width; ++x)
          f(image * in.size() + (y * in.width + x) * stride * in.channels,
            image * out.size() + (y * out.width + x) * out.channels);
    });
  }
};

/// A 1x1 convolution and a normalization, named downsample.0 and downsample.1, where the shape changes; elsewhere the
/// identity (He et al. 2016, option B).
template <class Convolution, class Normalization>
class projection_shortcut {
 public:
  projection_shortcut(std::size_t channels, std::size_t stride)
      : channels_{channels},
        stride_{stride},
        layers_{Convolution{.channels = channels, .kernel = 1, .stride = stride}, Normalization{}} {}

  [[nodiscard]] bool is_identity(image_shape in) const { return stride_ == 1 && in.channels == channels_; }
  [[nodiscard]] const sequential<Convolution, Normalization>& layers() const noexcept { return layers_; }

  [[nodiscard]] image_shape output_shape(image_shape in) const {
    return is_identity(in) ? in : layers_.output_shape(in);
  }

  void describe(image_shape in, description& list) const {
    if (!is_identity(in)) list.inside("downsample", [&] { layers_.describe(in, list); });
  }

  [[nodiscard]] std::size_t memory_size(image_shape in, std::size_t images) const {
    return is_identity(in) ? 0 : layers_.memory_size(in, images);
  }
  [[nodiscard]] double multiply_adds(image_shape in) const { return is_identity(in) ? 0 : layers_.multiply_adds(in); }

  template <class T>
  void forward(const forward_pass<T>& pass) const {
    if (is_identity(pass.in))
      std::copy(pass.input.begin(), pass.input.end(), pass.output.begin());
    else
      layers_.forward(pass);
  }

  template <class T>
  void backward(const backward_pass<T>& pass) const {
    if (!is_identity(pass.in))
      layers_.backward(pass);
    else if (!pass.input_gradient.empty())
      std::copy(pass.output_gradient.begin(), pass.output_gradient.end(), pass.input_gradient.begin());
  }

 private:
  std::size_t channels_;
  std::size_t stride_;
  sequential<Convolution, Normalization> layers_;
};

/// The policy that picks projection_shortcut.
struct projection {
  template <class Convolution, class Normalization>
  using layer = projection_shortcut<Convolution, Normalization>;
};

static_assert(Shortcut<identity_padded>);

}  // namespace comdml::nn
