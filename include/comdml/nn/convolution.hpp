// SPDX-License-Identifier: BSL-1.0
/// \file
/// Two-dimensional convolutions on the kernels of kernels/. Models of Layer; inside a network of blocks that the engine
/// knows (detail/engine.hpp) their passes are fused with what stands around them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "comdml/core/errors.hpp"
#include "comdml/kernels/kernels.hpp"
#include "comdml/nn/convolution_gemm.hpp"
#include "comdml/nn/layer.hpp"

namespace comdml::nn {

namespace detail {

/// Copies the channels that both have, pixel by pixel.
inline void copy_channels(const float* from, std::size_t from_pitch, float* to, std::size_t to_pitch,
                          std::size_t pixels) {
  for (std::size_t pixel = 0; pixel < pixels; ++pixel)
    std::copy_n(from + pixel * from_pitch, std::min(from_pitch, to_pitch), to + pixel * to_pitch);
}

}  // namespace detail

/// Picks per shape: F(4x4, 3x3) where a kernel is 3x3 with stride 1 and the image is large enough, direct elsewhere.
struct automatic_algorithm {
  [[nodiscard]] static kernels::algorithm choose(image_shape in) noexcept {
    return std::min(in.height, in.width) > 2 ? kernels::algorithm::winograd_4 : kernels::algorithm::winograd_2;
  }
};
struct direct_algorithm {
  [[nodiscard]] static kernels::algorithm choose(image_shape) noexcept { return kernels::algorithm::direct; }
};
/// F(2x2, 3x3) throughout: fewer savings, rounding as small as that of the direct sums.
struct small_tile_algorithm {
  [[nodiscard]] static kernels::algorithm choose(image_shape) noexcept { return kernels::algorithm::winograd_2; }
};

/// Square kernel of odd size up to 11, zero padding of (kernel - 1) / 2, no bias. Tensors and meaning are those of
/// convolution_gemm, its reference twin, which computes in double in its place. `Algorithm` says how a 3x3 kernel of
/// stride 1 is computed where the pixels it reads lie a multiple of 16 floats apart, as they do behind another
/// convolution; other shapes are direct.
template <class Algorithm>
struct basic_convolution {
  static constexpr bool backward_reads_output = false;

  std::size_t channels = 1;
  std::size_t kernel = 3;
  std::size_t stride = 1;

  [[nodiscard]] image_shape output_shape(image_shape in) const {
    COMDML_REQUIRE(kernel <= kernels::most_kernel, "kernel ", kernel, " is wider than ", kernels::most_kernel,
                   ": use convolution_gemm");
    return reference().output_shape(in);
  }
  void describe(image_shape in, description& list) const { reference().describe(in, list); }
  [[nodiscard]] std::size_t memory_size(image_shape, std::size_t) const { return 0; }
  [[nodiscard]] double multiply_adds(image_shape in) const { return reference().multiply_adds(in); }

  /// \param pitch  floats from one pixel of the input to the next
  [[nodiscard]] kernels::convolution_shape shape(image_shape in, std::size_t pitch) const {
    const bool tiles = kernel == 3 && stride == 1 && pitch % kernels::channel_block == 0;
    return {.height = in.height,
            .width = in.width,
            .channels = in.channels,
            .outputs = channels,
            .kernel = kernel,
            .stride = stride,
            .pitch = pitch,
            .how = tiles ? Algorithm::choose(in) : kernels::algorithm::direct};
  }

  template <class T>
  void forward(const forward_pass<T>& pass) const {
    if constexpr (!std::same_as<T, float>) {
      reference().forward(pass);
    } else {
      const arena::scope release{pass.scratch};
      const auto& set = *kernels::active_set().set;
      const kernels::convolution_shape s = shape(pass.in, pass.in.channels);
      const std::span<float> weights = pass.scratch.template take<float>(s.packed());
      const std::span<float> plain = pass.scratch.template take<float>(s.gradient_part());
      const bool exact = s.output_pitch() == channels;
      const std::span<float> out =
          exact ? pass.output : pass.scratch.template take<float>(pass.images * s.output_size());
      const std::size_t scratch_size = kernels::padded(kernels::forward_scratch(s));
      const std::span<float> scratch = pass.scratch.template take<float>(lanes(pass.exec, pass.images) * scratch_size);
      set.pack_weights(s, pass.parameters.data(), false, weights.data(), plain.data());
      kernels::forward_task task{.shape = s, .weights = weights.data(), .output = out.data()};
      task.from.stored = pass.input.data();
      parallel_lanes(pass.exec, std::min(pass.images, reduction_blocks), [&](std::size_t lane, std::size_t block) {
        const std::size_t blocks = std::min(pass.images, reduction_blocks);
        set.forward_images(task, pass.images * block / blocks, pass.images * (block + 1) / blocks, nullptr,
                           &scratch[lane * scratch_size]);
      });
      if (!exact)
        detail::copy_channels(out.data(), s.output_pitch(), pass.output.data(), channels,
                              out.size() / s.output_pitch());
    }
  }

  template <class T>
  void backward(const backward_pass<T>& pass) const {
    if constexpr (!std::same_as<T, float>) {
      reference().backward(pass);
    } else {
      const arena::scope release{pass.scratch};
      const auto& set = *kernels::active_set().set;
      const kernels::convolution_shape s = shape(pass.in, pass.in.channels);
      const bool wanted = !pass.input_gradient.empty();
      const auto take = [&](std::size_t count) { return pass.scratch.template take<float>(count); };

      std::span<const float> gradient = pass.output_gradient;
      if (s.output_pitch() != channels) {
        const std::span<float> wide = take(pass.images * s.output_size());
        std::fill(wide.begin(), wide.end(), 0.0F);
        detail::copy_channels(gradient.data(), channels, wide.data(), s.output_pitch(), gradient.size() / channels);
        gradient = wide;
      }
      const std::size_t blocks = std::min(pass.images, reduction_blocks), in_pitch = kernels::padded(pass.in.channels);
      const std::size_t scratch_size = kernels::padded(kernels::backward_scratch(s));
      const std::span<float> one = take(s.output_pitch()), none = take(s.output_pitch());
      std::fill(one.begin(), one.end(), 1.0F);
      std::fill(none.begin(), none.end(), 0.0F);
      const std::span<float> parts = take(blocks * s.gradient_part());
      const std::span<float> scratch = take(lanes(pass.exec, blocks) * scratch_size);
      kernels::backward_task task{.shape = s,
                                  .raw = gradient.data(),
                                  .gradient = gradient.data(),
                                  .a = one.data(),
                                  .b = none.data(),
                                  .c = none.data()};
      task.from.stored = pass.input.data();
      std::span<float> result = pass.input_gradient;
      if (wanted) {
        const std::span<float> weights = take(s.packed_transposed());
        const std::span<float> plain = take(kernel * kernel * s.output_pitch() * in_pitch);
        set.pack_weights(s, pass.parameters.data(), true, weights.data(), plain.data());
        task.weights = weights.data();
        if (in_pitch != pass.in.channels) result = take(pass.images * s.input_pixels() * in_pitch);
        task.sink.height = s.height;
        task.sink.width = s.width;
        task.sink.pitch = in_pitch;
        task.sink.result = result.data();
      }
      parallel_lanes(pass.exec, blocks, [&](std::size_t lane, std::size_t block) {
        set.backward_images(task, pass.images * block / blocks, pass.images * (block + 1) / blocks,
                            &parts[block * s.gradient_part()], nullptr, &scratch[lane * scratch_size]);
      });
      set.unpack_gradient(s, parts.data(), blocks, s.gradient_part(), 0, s.channels, pass.parameter_gradient.data());
      if (wanted && in_pitch != pass.in.channels)
        detail::copy_channels(result.data(), in_pitch, pass.input_gradient.data(), pass.in.channels,
                              result.size() / in_pitch);
    }
  }

 private:
  [[nodiscard]] convolution_gemm reference() const {
    return {.channels = channels, .kernel = kernel, .stride = stride};
  }
};

/// The default.
using convolution = basic_convolution<automatic_algorithm>;
using convolution_direct = basic_convolution<direct_algorithm>;
using convolution_winograd = basic_convolution<small_tile_algorithm>;

static_assert(Layer<convolution> && Layer<convolution_direct> && Layer<convolution_winograd>);

}  // namespace comdml::nn
