// SPDX-License-Identifier: BSL-1.0
/// \file
/// Losses over a batch of outputs. Models of Loss.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"

namespace comdml::nn {

/// What a loss says of a batch.
struct loss_result {
  double sum = 0;         ///< over the images of the batch; not finite if an output is not
  std::size_t right = 0;  ///< images whose largest output is that of their label; a tie goes to the lowest class
};

/// Cross-entropy of the softmax: log(sum_k exp(x_k)) - x_label, computed in double with the largest output taken off.
struct softmax_cross_entropy {
  /// \param outputs   images x classes
  /// \param gradient  gets d(mean loss)/d(outputs); empty = not wanted
  template <Scalar T>
  [[nodiscard]] loss_result operator()(std::span<const T> outputs, std::span<const label> labels,
                                       std::span<T> gradient) const {
    const std::size_t images = labels.size();
    COMDML_REQUIRE(images > 0 && outputs.size() % images == 0, outputs.size(), " outputs for ", images, " labels");
    COMDML_REQUIRE(gradient.empty() || gradient.size() == outputs.size(), gradient.size(), " gradients for ",
                   outputs.size(), " outputs");
    const std::size_t classes = outputs.size() / images;
    constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
    loss_result result;
    for (std::size_t i = 0; i < images; ++i) {
      const std::span<const T> row = outputs.subspan(i * classes, classes);
      COMDML_REQUIRE(labels[i] >= 0 && static_cast<std::size_t>(labels[i]) < classes, "label ", labels[i], " of ",
                     classes, " classes");
      const auto answer = static_cast<std::size_t>(labels[i]);
      const auto best = static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
      const double largest = static_cast<double>(row[best]);
      double sum = 0;
      for (const T value : row)  // minus infinity would pass as a probability of 0
        sum += std::isfinite(value) ? std::exp(static_cast<double>(value) - largest) : not_a_number;
      result.sum += std::log(sum) - (static_cast<double>(row[answer]) - largest);
      result.right += best == answer ? 1 : 0;
      if (gradient.empty()) continue;
      for (std::size_t k = 0; k < classes; ++k) {
        const double probability = std::exp(static_cast<double>(row[k]) - largest) / sum;
        gradient[i * classes + k] =
            static_cast<T>((probability - (k == answer ? 1.0 : 0.0)) / static_cast<double>(images));
      }
    }
    return result;
  }
};

static_assert(Loss<softmax_cross_entropy> && Loss<softmax_cross_entropy, double>);

}  // namespace comdml::nn
