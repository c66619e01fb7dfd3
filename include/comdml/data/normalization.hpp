// SPDX-License-Identifier: BSL-1.0
/// \file
/// Normalization: mean and standard deviation per channel, and how they are applied to an image.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "comdml/core/errors.hpp"

namespace comdml::data {

/// Per channel, in units of pixels that run from 0 to 1. A normalized pixel is (pixel - mean) / deviation.
struct normalization {
  std::vector<double> mean;
  std::vector<double> deviation;

  /// Leaves the pixels as they are.
  [[nodiscard]] static normalization identity(std::size_t channels) {
    return {std::vector<double>(channels, 0.0), std::vector<double>(channels, 1.0)};
  }

  /// Throws contract_error unless there is one finite mean and one positive finite deviation per channel.
  void check(std::size_t channels) const {
    COMDML_REQUIRE(mean.size() == channels && deviation.size() == channels, mean.size(), " means and ",
                   deviation.size(), " deviations for ", channels, " channels");
    for (std::size_t c = 0; c < channels; ++c)
      COMDML_REQUIRE(std::isfinite(mean[c]) && std::isfinite(deviation[c]) && deviation[c] > 0, "channel ", c,
                     " has mean ", mean[c], " and deviation ", deviation[c]);
  }

  friend bool operator==(const normalization&, const normalization&) = default;
};

/// Normalizes whole NHWC pixels in place. Requires pixels.size() to be a multiple of the number of channels.
inline void normalize(std::span<float> pixels, const normalization& how) {
  const std::size_t channels = how.mean.size();
  COMDML_REQUIRE(channels > 0 && pixels.size() % channels == 0, pixels.size(), " values of ", channels, " channels");
  for (std::size_t c = 0; c < channels; ++c) {
    const double mean = how.mean[c];
    const double deviation = how.deviation[c];
    for (std::size_t i = c; i < pixels.size(); i += channels)
      pixels[i] = static_cast<float>((static_cast<double>(pixels[i]) - mean) / deviation);
  }
}

}  // namespace comdml::data
