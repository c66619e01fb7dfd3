// SPDX-License-Identifier: BSL-1.0
/// \file
/// Adam (Kingma, Ba 2015) with AMSGrad (Reddi, Kale, Kumar 2018), as PyTorch's torch.optim.Adam computes it. Models
/// Optimizer.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/nn/optimizer.hpp"

namespace comdml::nn {

/// d = gradient + weight_decay w; m, v = running means of d and d^2; w -= rate m' / (sqrt(v') + epsilon), where m', v'
/// are freed of their bias by the number of updates t, and v' uses the largest v so far with AMSGrad. Slots: m, v, and
/// with AMSGrad the largest v.
struct adam {
  double learning_rate = 0.001;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  bool amsgrad = true;

  [[nodiscard]] std::size_t slots() const noexcept { return amsgrad ? 3 : 2; }

  template <Scalar T>
  void update(std::span<T> weights, std::span<const T> gradient, optimizer_view<T> state, double rate) const {
    COMDML_REQUIRE(weights.size() == gradient.size() && state.size == weights.size(), gradient.size(),
                   " gradients and memory for ", state.size, " of ", weights.size(), " weights");
    const double t = state.updates + 1;
    const auto step = static_cast<T>(rate / (1 - std::pow(beta1, t)));
    const auto root_correction = static_cast<T>(std::sqrt(1 - std::pow(beta2, t)));
    const auto keep1 = static_cast<T>(beta1);
    const auto take1 = static_cast<T>(1 - beta1);
    const auto keep2 = static_cast<T>(beta2);
    const auto take2 = static_cast<T>(1 - beta2);
    const auto decay = static_cast<T>(weight_decay);
    const auto guard = static_cast<T>(epsilon);
    const std::span<T> mean = state.slot(0);
    const std::span<T> square = state.slot(1);
    const std::span<T> largest = state.slot(amsgrad ? 2 : 1);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const T d = gradient[i] + decay * weights[i];
      mean[i] = keep1 * mean[i] + take1 * d;
      square[i] = keep2 * square[i] + take2 * d * d;
      largest[i] = std::max(largest[i], square[i]);
      weights[i] -= step * mean[i] / (std::sqrt(largest[i]) / root_correction + guard);
    }
  }
};

static_assert(Optimizer<adam> && Optimizer<adam, double>);

}  // namespace comdml::nn
