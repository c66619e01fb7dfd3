// SPDX-License-Identifier: BSL-1.0
/// \file
/// Two-dimensional convolution as a matrix product over unfolded images (im2col): the reference. Models Layer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "comdml/core/errors.hpp"
#include "comdml/nn/layer.hpp"
#include "comdml/tensor/gemm.hpp"

namespace comdml::nn {

/// Square kernel of odd size, zero padding of (kernel - 1) / 2, so that stride 1 keeps height and width.
/// Tensors: weight (channels x input channels x kernel x kernel) and, if asked for, bias (channels).
///
/// An output pixel is one row of the unfolded image: its kernel x kernel x C neighborhood, channels running fastest, so
/// that a kernel row is one contiguous copy. Images are unfolded and multiplied in groups whose size depends on
/// the shape alone.
struct convolution_gemm {
  static constexpr bool backward_reads_output = false;

  std::size_t channels = 1;
  std::size_t kernel = 3;
  std::size_t stride = 1;
  bool bias = false;

  [[nodiscard]] image_shape output_shape(image_shape in) const {
    COMDML_REQUIRE(channels > 0 && kernel % 2 == 1 && stride > 0, "channels ", channels, ", kernel ", kernel,
                   ", stride ", stride);
    COMDML_REQUIRE(in.size() > 0, "input ", in);
    return {(in.height - 1) / stride + 1, (in.width - 1) / stride + 1, channels};
  }

  void describe(image_shape in, description& list) const {
    list.add("weight", {channels, in.channels, kernel, kernel}, tensor_kind::parameter,
             initializer::kaiming_normal(channels * kernel * kernel));
    if (bias) list.add("bias", {channels}, tensor_kind::parameter, initializer::uniform(patch(in)));
  }

  [[nodiscard]] std::size_t memory_size(image_shape, std::size_t) const { return 0; }

  [[nodiscard]] double multiply_adds(image_shape in) const {
    return static_cast<double>(output_shape(in).size()) * static_cast<double>(patch(in));
  }

  template <class T>
  void forward(const forward_pass<T>& pass) const {
    const arena::scope release{pass.scratch};
    const sizes n{*this, pass.in, pass.images};
    const std::span<const T> weights = packed(pass.parameters.first(channels * n.patch), n, pass.scratch);
    const std::span<const T> shift = pass.parameters.subspan(channels * n.patch);
    const std::span<T> unfolded = pass.scratch.template take<T>(lanes(pass.exec, n.groups) * n.unfolded);
    parallel_lanes(pass.exec, n.groups, [&](std::size_t lane, std::size_t group) {
      const std::size_t rows = n.images_in(group) * n.pixels;
      const T* matrix = neighborhoods(pass.input, n, group, unfolded.subspan(lane * n.unfolded, n.unfolded));
      T* out = &pass.output[group * n.group * n.pixels * channels];
      if (bias)
        for (std::size_t row = 0; row < rows; ++row) std::copy(shift.begin(), shift.end(), out + row * channels);
      gemm<T>(transpose::no, transpose::yes, rows, channels, n.patch, 1, matrix, n.patch, weights.data(), n.patch,
              bias ? T{1} : T{0}, out, channels);
    });
  }

  template <class T>
  void backward(const backward_pass<T>& pass) const {
    const arena::scope release{pass.scratch};
    const sizes n{*this, pass.in, pass.images};
    const std::size_t weight_count = channels * n.patch;
    const std::span<const T> weights = packed(pass.parameters.first(weight_count), n, pass.scratch);
    // Weight gradients are sums over images: partial sums of fixed runs of groups, joined in their order.
    const std::size_t runs = std::min(n.groups, reduction_blocks);
    const std::span<T> partial = pass.scratch.template take<T>(runs * pass.parameters.size());
    const std::span<T> unfolded = pass.scratch.template take<T>(lanes(pass.exec, runs) * n.unfolded);
    parallel_lanes(pass.exec, runs, [&](std::size_t lane, std::size_t run) {
      const std::span<T> work = unfolded.subspan(lane * n.unfolded, n.unfolded);
      const std::span<T> sums = partial.subspan(run * pass.parameters.size(), pass.parameters.size());
      std::fill(sums.begin(), sums.end(), T{0});
      for (std::size_t group = n.groups * run / runs; group < n.groups * (run + 1) / runs; ++group) {
        const std::size_t rows = n.images_in(group) * n.pixels;
        const T* gradient = &pass.output_gradient[group * n.group * n.pixels * channels];
        const T* matrix = neighborhoods(pass.input, n, group, work);
        gemm<T>(transpose::yes, transpose::no, channels, n.patch, rows, 1, gradient, channels, matrix, n.patch, 1,
                sums.data(), n.patch);
        if (bias)
          for (std::size_t row = 0; row < rows; ++row)
            for (std::size_t o = 0; o < channels; ++o) sums[weight_count + o] += gradient[row * channels + o];
        if (pass.input_gradient.empty()) continue;
        T* target = n.plain ? &pass.input_gradient[group * n.group * n.in.size()] : work.data();
        gemm<T>(transpose::no, transpose::no, rows, n.patch, channels, 1, gradient, channels, weights.data(), n.patch,
                0, target, n.patch);
        if (!n.plain) fold<T>(work, n, group, pass.input_gradient);
      }
    });
    join(partial, runs, n, pass.parameter_gradient, pass.exec);
  }

 private:
  /// Values in one row of the unfolded image.
  [[nodiscard]] std::size_t patch(image_shape input) const noexcept { return kernel * kernel * input.channels; }

  /// What the passes count with.
  struct sizes {
    sizes(const convolution_gemm& layer, image_shape input, std::size_t image_count)
        : in{input},
          out{layer.output_shape(input)},
          images{image_count},
          pixels{out.height * out.width},
          patch{layer.patch(input)},
          plain{layer.kernel == 1 && layer.stride == 1},
          group{std::clamp<std::size_t>(group_values / (pixels * patch), 1, group_images)},
          groups{(images + group - 1) / group},
          unfolded{plain ? 0 : group * pixels * patch} {}

    /// A group unfolds into about half a megabyte of floats, so as to stay in the cache between its making and its use,
    /// and is small enough that a batch makes several groups.
    static constexpr std::size_t group_values = std::size_t{1} << 17;
    static constexpr std::size_t group_images = 32;

    [[nodiscard]] std::size_t images_in(std::size_t which) const { return std::min(group, images - which * group); }

    image_shape in;
    image_shape out;
    std::size_t images;
    std::size_t pixels;
    std::size_t patch;
    bool plain;  // the image is its own unfolded matrix
    std::size_t group;
    std::size_t groups;
    std::size_t unfolded;
  };

  /// Calls f(row of the unfolded image, its first value, pixel of the input, number of values) for each stretch that
  /// the kernel rows of one image's output pixels share with the image; what is not visited is padding.
  template <class Function>
  void each_stretch(const sizes& n, Function&& f) const {
    const std::size_t padding = (kernel - 1) / 2;
    for (std::size_t row = 0; row < n.pixels; ++row) {
      const std::size_t top = row / n.out.width * stride, left = row % n.out.width * stride;
      const std::size_t first = left < padding ? padding - left : 0;
      const std::size_t last = std::min(kernel, n.in.width + padding - left);
      for (std::size_t k = 0; k < kernel; ++k) {
        const std::size_t y = top + k;  // of the padded image
        if (y < padding || y >= n.in.height + padding) continue;
        f(row * n.patch + (k * kernel + first) * n.in.channels,
          ((y - padding) * n.in.width + left + first - padding) * n.in.channels, (last - first) * n.in.channels);
      }
    }
  }

  /// The unfolded matrix of a group of images; `work` is where it is built, if it must be.
  template <class T>
  const T* neighborhoods(std::span<const T> input, const sizes& n, std::size_t group, std::span<T> work) const {
    const T* images = &input[group * n.group * n.in.size()];
    if (n.plain) return images;
    std::fill(work.begin(), work.end(), T{0});
    for (std::size_t image = 0; image < n.images_in(group); ++image) {
      const T* from = images + image * n.in.size();
      T* to = work.data() + image * n.pixels * n.patch;
      each_stretch(n, [&](std::size_t unfolded, std::size_t pixel, std::size_t count) {
        std::copy_n(from + pixel, count, to + unfolded);
      });
    }
    return work.data();
  }

  /// Adds the gradients of an unfolded matrix up in the images that it was unfolded from.
  template <class T>
  void fold(std::span<const T> work, const sizes& n, std::size_t group, std::span<T> input_gradient) const {
    T* images = &input_gradient[group * n.group * n.in.size()];
    std::fill_n(images, n.images_in(group) * n.in.size(), T{0});
    for (std::size_t image = 0; image < n.images_in(group); ++image) {
      const T* from = work.data() + image * n.pixels * n.patch;
      T* to = images + image * n.in.size();
      each_stretch(n, [&](std::size_t unfolded, std::size_t pixel, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) to[pixel + i] += from[unfolded + i];
      });
    }
  }

  /// O x I x H x W turned into O x (H W I), the order of the unfolded rows.
  template <class T>
  std::span<const T> packed(std::span<const T> weights, const sizes& n, arena& scratch) const {
    if (kernel == 1) return weights;
    const std::span<T> result = scratch.template take<T>(weights.size());
    each_weight(n, [&](std::size_t file, std::size_t row) { result[row] = weights[file]; });
    return result;
  }

  /// Calls f(index in O x I x H x W, index in O x (H W I)) for every weight.
  template <class Function>
  void each_weight(const sizes& n, Function&& f) const {
    const std::size_t taps = kernel * kernel;
    for (std::size_t o = 0; o < channels; ++o)
      for (std::size_t c = 0; c < n.in.channels; ++c)
        for (std::size_t tap = 0; tap < taps; ++tap)
          f(o * n.patch + c * taps + tap, o * n.patch + tap * n.in.channels + c);
  }

  /// Adds the runs' partial sums in their order, and puts them where the parameters lie.
  template <class T>
  void join(std::span<T> partial, std::size_t runs, const sizes& n, std::span<T> gradient, execution exec) const {
    const std::size_t count = gradient.size();
    const std::span<T> total = partial.first(count);
    parallel_blocks(exec, count, [&](std::size_t, std::size_t begin, std::size_t end) {
      for (std::size_t run = 1; run < runs; ++run)
        for (std::size_t i = begin; i < end; ++i) total[i] += partial[run * count + i];
    });
    each_weight(n, [&](std::size_t file, std::size_t row) { gradient[file] = total[row]; });
    std::copy(total.begin() + static_cast<std::ptrdiff_t>(channels * n.patch), total.end(),
              gradient.begin() + static_cast<std::ptrdiff_t>(channels * n.patch));
  }
};

static_assert(Layer<convolution_gemm>);

}  // namespace comdml::nn
