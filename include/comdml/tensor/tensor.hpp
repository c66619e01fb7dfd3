// SPDX-License-Identifier: BSL-1.0
/// \file
/// The one door to xtensor: containers and views for the edges of the library (user data, weights in and out, metrics).
/// Hot loops work on spans; per-channel broadcasts are many times slower in xtensor.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#if __has_include(<xtensor/containers/xtensor.hpp>)
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/containers/xtensor.hpp>
#else
#include <xtensor/xadapt.hpp>
#include <xtensor/xtensor.hpp>
#endif

#include "comdml/core/errors.hpp"
#include "comdml/tensor/shape.hpp"

namespace comdml {

/// A tensor of rank N that owns its values, row-major.
template <class T, std::size_t N>
using tensor = xt::xtensor<T, N>;

/// The values as a row-major tensor that owns nothing: valid as long as the values are. T may be const.
/// Requires values.size() == product of shape.
template <class T, std::size_t N>
[[nodiscard]] auto view(std::span<T> values, const std::array<std::size_t, N>& shape) {
  std::size_t size = 1;
  for (const std::size_t extent : shape) size *= extent;
  COMDML_REQUIRE(values.size() == size, values.size(), " values for a shape of ", size);
  return xt::adapt(values.data(), size, xt::no_ownership(), shape);
}

/// A batch of NHWC images as a tensor of rank 4. Requires values.size() to be a multiple of the shape's size.
template <class T>
[[nodiscard]] auto view(std::span<T> values, image_shape shape) {
  COMDML_REQUIRE(shape.size() > 0 && values.size() % shape.size() == 0, values.size(), " values for images of ", shape);
  return view(values, std::array{values.size() / shape.size(), shape.height, shape.width, shape.channels});
}

}  // namespace comdml
