// SPDX-License-Identifier: BSL-1.0
/// \file
/// Stochastic gradient descent with momentum, as PyTorch's torch.optim.SGD computes it. Models Optimizer.
#pragma once

#include <cstddef>
#include <span>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/nn/optimizer.hpp"

namespace comdml::nn {

/// d = gradient + weight_decay w; v = momentum v + d; w -= rate (d + momentum v), or without Nesterov w -= rate v.
/// Slots: v, if there is momentum.
struct sgd {
  double learning_rate = 0.05;
  double momentum = 0.9;
  bool nesterov = true;
  double weight_decay = 5e-4;

  [[nodiscard]] std::size_t slots() const noexcept { return momentum > 0 ? 1 : 0; }

  template <Scalar T>
  void update(std::span<T> weights, std::span<const T> gradient, optimizer_view<T> state, double rate) const {
    COMDML_REQUIRE(weights.size() == gradient.size(), gradient.size(), " gradients for ", weights.size(), " weights");
    const auto step = static_cast<T>(rate);
    const auto decay = static_cast<T>(weight_decay);
    const auto keep = static_cast<T>(momentum);
    if (momentum <= 0) {
      for (std::size_t i = 0; i < weights.size(); ++i) weights[i] -= step * (gradient[i] + decay * weights[i]);
      return;
    }
    COMDML_REQUIRE(state.size == weights.size(), "memory for ", state.size, " of ", weights.size(), " weights");
    const std::span<T> velocity = state.slot(0);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const T d = gradient[i] + decay * weights[i];
      velocity[i] = keep * velocity[i] + d;
      weights[i] -= step * (nesterov ? d + keep * velocity[i] : velocity[i]);
    }
  }
};

static_assert(Optimizer<sgd> && Optimizer<sgd, double>);

}  // namespace comdml::nn
