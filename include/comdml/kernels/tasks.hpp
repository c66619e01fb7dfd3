// SPDX-License-Identifier: BSL-1.0
/// \file
/// What the kernels are asked to do, as plain numbers and pointers. Nothing here depends on the instruction set: every
/// set's kernels (text/) read these structs, and the same memory.
///
/// Activations are NHWC with a pitch of `padded(channels)` floats per pixel; the added channels hold zeros. A pass over
/// a convolution goes image by image, while the image is in the nearest cache:
///
///     source --(prologue: normalize, rectify, add)--> padded image --(kernel)--> raw output --(moments)--> sums
#pragma once

#include <cstddef>

namespace comdml::kernels {

/// Channels come in blocks of this many floats, one cache line.
inline constexpr std::size_t channel_block = 16;

[[nodiscard]] constexpr std::size_t padded(std::size_t channels) noexcept {
  return (channels + channel_block - 1) / channel_block * channel_block;
}

/// How a convolution is computed.
enum class algorithm {
  direct,      ///< sums over the kernel's window; any shape
  winograd_2,  ///< F(2x2, 3x3) of Lavin and Gray 2016: 16 products for 4 outputs; 3x3, stride 1
  winograd_4,  ///< F(4x4, 3x3): 36 products for 16 outputs
};

/// A convolution with odd kernel, zeros around (kernel / 2 on each side), and no bias.
struct convolution_shape {
  std::size_t height = 1;    ///< of the input
  std::size_t width = 1;     ///< of the input
  std::size_t channels = 1;  ///< of the input
  std::size_t outputs = 1;   ///< channels of the output
  std::size_t kernel = 1;
  std::size_t stride = 1;
  std::size_t pitch = 16;  ///< floats per pixel of the padded image: padded(channels), or channels (then direct only)
  algorithm how = algorithm::direct;

  [[nodiscard]] constexpr std::size_t pad() const noexcept { return kernel / 2; }
  [[nodiscard]] constexpr std::size_t output_height() const noexcept { return (height - 1) / stride + 1; }
  [[nodiscard]] constexpr std::size_t output_width() const noexcept { return (width - 1) / stride + 1; }
  [[nodiscard]] constexpr std::size_t output_pitch() const noexcept { return padded(outputs); }
  [[nodiscard]] constexpr std::size_t output_size() const noexcept {
    return output_height() * output_width() * output_pitch();
  }
  [[nodiscard]] constexpr std::size_t input_pixels() const noexcept { return height * width; }

  /// Side of an output tile; 1 for direct.
  [[nodiscard]] constexpr std::size_t tile() const noexcept {
    return how == algorithm::direct ? 1 : how == algorithm::winograd_2 ? 2 : 4;
  }
  /// Products per tile and channel pair: the points of the transformed domain.
  [[nodiscard]] constexpr std::size_t points() const noexcept {
    return how == algorithm::direct ? kernel * kernel : (tile() + 2) * (tile() + 2);
  }
  [[nodiscard]] constexpr std::size_t tile_rows() const noexcept { return (height + tile() - 1) / tile(); }
  [[nodiscard]] constexpr std::size_t tile_columns() const noexcept { return (width + tile() - 1) / tile(); }
  [[nodiscard]] constexpr std::size_t tiles() const noexcept { return tile_rows() * tile_columns(); }

  /// Images that a kernel takes at once: small ones share the reading of the weights.
  [[nodiscard]] constexpr std::size_t group() const noexcept {
    return how == algorithm::direct ? 1 : tiles() >= 16 ? 1 : 16 / tiles();
  }

  /// Rows and columns of the padded image.
  [[nodiscard]] constexpr std::size_t padded_height() const noexcept {
    return how == algorithm::direct ? height + 2 * pad() : tile_rows() * tile() + 2;
  }
  [[nodiscard]] constexpr std::size_t padded_width() const noexcept {
    return how == algorithm::direct ? width + 2 * pad() : tile_columns() * tile() + 2;
  }
  [[nodiscard]] constexpr std::size_t padded_image() const noexcept { return padded_height() * padded_width() * pitch; }

  /// The padded image of the output's gradient: pad() pixels around.
  [[nodiscard]] constexpr std::size_t gradient_height() const noexcept {
    return how == algorithm::direct ? output_height() + 2 * pad() : padded_height();
  }
  [[nodiscard]] constexpr std::size_t gradient_width() const noexcept {
    return how == algorithm::direct ? output_width() + 2 * pad() : padded_width();
  }
  [[nodiscard]] constexpr std::size_t gradient_image() const noexcept {
    return gradient_height() * gradient_width() * output_pitch();
  }

  /// Floats of the packed weights, [point][channel][output], and of those for the data gradient,
  /// [point][output][channel].
  [[nodiscard]] constexpr std::size_t packed() const noexcept { return points() * pitch * output_pitch(); }
  [[nodiscard]] constexpr std::size_t packed_transposed() const noexcept {
    return points() * output_pitch() * padded(channels);
  }
  /// Floats of a block's part of the weight gradient, [kernel row][kernel column][channel][output].
  [[nodiscard]] constexpr std::size_t gradient_part() const noexcept {
    return kernel * kernel * pitch * output_pitch();
  }

  /// Floats of one transformed image group of `width` channels. Points lie one cache line further apart than needed:
  /// else all of a tile's values would fall into the same set of the cache.
  [[nodiscard]] constexpr std::size_t point_stride(std::size_t floats) const noexcept {
    return group() * tiles() * floats + channel_block;
  }
  [[nodiscard]] constexpr std::size_t transformed(std::size_t floats) const noexcept {
    return how == algorithm::direct ? 0 : points() * point_stride(floats);
  }
};

/// The other side of a shortcut that takes every `stride`-th pixel of a large image and puts zero channels around it:
/// `before` lie in front of its own in the wider image.
struct strided_image {
  const float* values = nullptr;
  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t pitch = 0;
  std::size_t channels = 0;  ///< of the narrower image
  std::size_t stride = 1;
  std::size_t before = 0;
};

/// How the values of an activation are found: stored ones are copied; others are made from a convolution's raw output
/// y as relu(y scale + shift + residual). All pointers are to the first image of the batch.
struct source {
  const float* stored = nullptr;

  const float* raw = nullptr;
  const float* scale = nullptr;
  const float* shift = nullptr;

  /// The residual: an activation of the same shape; the raw output of a projection; both of them, which is an
  /// activation relu(projected + same) that was never written; or a strided one, which is larger
  /// and narrower.
  const float* same = nullptr;
  const float* projected = nullptr;
  const float* projected_scale = nullptr;
  const float* projected_shift = nullptr;
  strided_image strided{};

  /// Where the values are kept besides, if anywhere; pitch as raw.
  float* keep = nullptr;
};

/// Per-channel moments of a block of images: their number, mean and sum of squared differences, in double.
/// Layout of the block's array: [mean: pitch][squares: pitch].
struct moments {
  double* values = nullptr;
  double count = 0;
};

struct forward_task {
  convolution_shape shape;
  source from{};
  const float* weights = nullptr;  ///< packed
  float* output = nullptr;         ///< raw, of the first image
};

/// Completes the gradient of one activation: all that flows in, the rectifier's mask, and what the normalization
/// behind it needs to know.
struct gradient_sink {
  std::size_t height = 0;
  std::size_t width = 0;
  std::size_t pitch = 0;

  /// Further gradients to be added: of the same shape, or one that reaches only every stride-th pixel.
  const float* same = nullptr;
  const float* other = nullptr;
  strided_image strided{};

  /// The mask: where the stored activation is positive, or the raw output scaled and shifted, with `residual` added
  /// unless that is null; none if stored and raw are null.
  const float* stored = nullptr;
  const float* raw = nullptr;
  const float* scale = nullptr;
  const float* shift = nullptr;
  const float* mean = nullptr;
  const float* residual = nullptr;
  /// A projection's raw output, whose normalization sees the same gradient.
  const float* projected = nullptr;
  const float* projected_mean = nullptr;

  float* result = nullptr;
};

struct backward_task {
  convolution_shape shape;
  source from{};
  const float* raw = nullptr;       ///< the convolution's output y
  const float* gradient = nullptr;  ///< dz; that of the output is dy = a dz + b y + c
  const float* a = nullptr;
  const float* b = nullptr;
  const float* c = nullptr;
  const float* weights = nullptr;  ///< packed for the data gradient; null: it is not wanted
  /// The data gradient goes through the sink.
  gradient_sink sink{};
};

/// Floats of scratch memory that one thread needs for a forward or a backward pass over images.
[[nodiscard]] constexpr std::size_t forward_scratch(const convolution_shape& s) noexcept {
  return s.group() * s.padded_image() + s.transformed(s.pitch) + s.transformed(s.output_pitch()) + s.width * s.pitch;
}
[[nodiscard]] constexpr std::size_t backward_scratch(const convolution_shape& s) noexcept {
  const std::size_t widest = padded(s.channels) > s.output_pitch() ? padded(s.channels) : s.output_pitch();
  return s.group() * (s.padded_image() + s.gradient_image() + s.input_pixels() * padded(s.channels)) +
         2 * s.transformed(widest) + (s.how == algorithm::direct ? 0 : s.packed()) + s.width * s.pitch;
}

}  // namespace comdml::kernels
