// SPDX-License-Identifier: BSL-1.0
/// \file
/// Shapes and ranges shared by all rooms above.
#pragma once

#include <compare>
#include <cstddef>
#include <ostream>

namespace comdml {

/// Extent of one image or activation. In memory: height, width, channels, the channel running fastest (NHWC).
/// A flat vector of n values is 1 x 1 x n.
struct image_shape {
  std::size_t height = 1;
  std::size_t width = 1;
  std::size_t channels = 1;

  [[nodiscard]] constexpr std::size_t size() const noexcept { return height * width * channels; }
  friend constexpr bool operator==(image_shape, image_shape) noexcept = default;
  friend std::ostream& operator<<(std::ostream& out, image_shape s) {
    return out << s.channels << 'x' << s.height << 'x' << s.width;
  }
};

/// Half-open run of indices [begin, end): units of a network, or values of a flat vector.
struct index_range {
  std::size_t begin = 0;
  std::size_t end = 0;

  [[nodiscard]] constexpr std::size_t size() const noexcept { return end - begin; }
  friend constexpr bool operator==(index_range, index_range) noexcept = default;
};

}  // namespace comdml
