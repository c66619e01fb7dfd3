// SPDX-License-Identifier: BSL-1.0
/// \file
/// Augmentations of training images: random crop, horizontal flip, Cutout. Each models Augmentation.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/random.hpp"
#include "comdml/tensor/shape.hpp"

namespace comdml::data {

namespace detail {

/// Moves the content by (down - padding, right - padding) pixels; what comes in from outside is black.
inline void shift(std::span<float> image, image_shape shape, std::span<const float> black, std::size_t padding,
                  std::size_t down, std::size_t right) {
  const std::vector<float> original(image.begin(), image.end());
  for (std::size_t y = 0; y < shape.height; ++y)
    for (std::size_t x = 0; x < shape.width; ++x) {
      // Pixel (y, x) comes from (y + padding - down, x + padding - right); below zero it wraps and fails the test.
      const std::size_t from_y = y + padding - down;
      const std::size_t from_x = x + padding - right;
      const bool inside = from_y < shape.height && from_x < shape.width;
      const float* const source = inside ? &original[(from_y * shape.width + from_x) * shape.channels] : black.data();
      float* const target = &image[(y * shape.width + x) * shape.channels];
      for (std::size_t c = 0; c < shape.channels; ++c) target[c] = source[c];  // too few for a call of memmove
    }
}

inline void mirror(std::span<float> image, image_shape shape) {
  for (std::size_t y = 0; y < shape.height; ++y)
    for (std::size_t left = 0, right = shape.width - 1; left < right; ++left, --right)
      std::swap_ranges(&image[(y * shape.width + left) * shape.channels],
                       &image[(y * shape.width + left) * shape.channels] + shape.channels,
                       &image[(y * shape.width + right) * shape.channels]);
}

}  // namespace detail

/// Leaves images as they are.
struct none {
  void operator()(std::span<float>, image_shape, std::span<const float>, random_stream&) const noexcept {}
};

/// Pads the image with `padding` black pixels on every side, cuts the original size out of it at a random place, and
/// mirrors every second one (He et al. 2016, section 4.2).
struct crop_flip {
  std::size_t padding = 4;

  void operator()(std::span<float> image, image_shape shape, std::span<const float> black, random_stream& rng) const {
    const std::size_t down = rng.below(2 * padding + 1);
    const std::size_t right = rng.below(2 * padding + 1);
    detail::shift(image, shape, black, padding, down, right);
    if (rng.below(2) == 1) detail::mirror(image, shape);
  }
};

/// crop_flip, then a square of `cutout` x `cutout` pixels set to the mean color; its center is anywhere in the image,
/// what lies outside is cut off (DeVries, Taylor 2017). It is at most half as high and as wide as the image, as the
/// published 16 pixels are in 32: images of 8x8 would be wiped out.
struct crop_flip_cutout {
  std::size_t padding = 4;
  std::size_t cutout = 16;

  void operator()(std::span<float> image, image_shape shape, std::span<const float> black, random_stream& rng) const {
    crop_flip{padding}(image, shape, black, rng);
    const index_range rows = side(rng.below(shape.height), shape.height);
    const index_range columns = side(rng.below(shape.width), shape.width);
    for (std::size_t y = rows.begin; y < rows.end; ++y)
      std::fill_n(&image[(y * shape.width + columns.begin) * shape.channels], columns.size() * shape.channels, 0.0f);
  }

 private:
  [[nodiscard]] index_range side(std::size_t center, std::size_t extent) const {
    const std::size_t length = std::min(cutout, extent / 2);
    const std::size_t half = length / 2;
    return {center > half ? center - half : 0, std::min(extent, center + length - half)};
  }
};

static_assert(Augmentation<none>);
static_assert(Augmentation<crop_flip>);
static_assert(Augmentation<crop_flip_cutout>);

}  // namespace comdml::data
