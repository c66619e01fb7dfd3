// SPDX-License-Identifier: BSL-1.0
/// \file
/// Classic split training: the gradient at the cut is returned, so the two sides together do what training the whole
/// network does, and each waits for the other. For local losses, without a way back, see sides.hpp.
#pragma once

#include <cstddef>
#include <span>

#include "comdml/concepts.hpp"
#include "comdml/split/sides.hpp"

namespace comdml::split {

/// Units 0 .. cut: forward, then backward from the gradient that came back, on the same workspace.
template <Network N, class O>
  requires Optimizer<O, typename N::scalar>
struct lower_side {
  using scalar = typename N::scalar;

  const N& network;
  split_point cut;
  O optimizer;

  /// Activations at the cut (NHWC) of a batch of images; valid until the workspace is used again. `inputs` must stay as
  /// they are until update().
  template <Network H>
  std::span<const scalar> forward(const part<scalar>& state, std::span<const scalar> inputs, std::size_t images,
                                  workspace<N, H>& memory, execution exec) const {
    return network.forward(kept_units(network, cut), state.parameters, state.statistics, inputs, images,
                           nn::mode::train, memory.body, exec);
  }

  /// One update, by the gradient of the mean loss with respect to the activations that forward() gave.
  template <Network H>
  void update(const part<scalar>& state, std::span<const scalar> cut_gradient, double learning_rate,
              workspace<N, H>& memory, execution exec) const {
    memory.gradient.resize(state.parameters.size());
    network.backward(kept_units(network, cut), state.parameters, cut_gradient, memory.gradient, {}, memory.body, exec);
    optimizer.update(state.parameters, std::span<const scalar>{memory.gradient}, state.optimizer, learning_rate);
  }
};

template <class N, class O>
lower_side(const N&, split_point, O) -> lower_side<N, O>;

/// Units cut .. end: one step that also gives the gradient at the cut.
template <Network N, class L, class O>
  requires Loss<L, typename N::scalar> && Optimizer<O, typename N::scalar>
struct upper_side {
  using scalar = typename N::scalar;

  const N& network;
  split_point cut;
  L loss;
  O optimizer;

  /// One update on a batch of activations. memory.cut_gradient gets the gradient of the mean loss with respect to them,
  /// by the weights before the update. \returns the loss before the update
  template <Network H>
  nn::loss_result step(const part<scalar>& state, std::span<const scalar> activations, std::span<const label> labels,
                       double learning_rate, workspace<N, H>& memory, execution exec) const {
    memory.cut_gradient.resize(activations.size());
    const nn::loss_result result =
        gradient_of_tail(network, handed_over_units(network, cut), state, activations, labels, loss, memory.body,
                         memory.output_gradient, memory.gradient, std::span{memory.cut_gradient}, exec);
    optimizer.update(state.parameters, std::span<const scalar>{memory.gradient}, state.optimizer, learning_rate);
    return result;
  }
};

template <class N, class L, class O>
upper_side(const N&, split_point, L, O) -> upper_side<N, L, O>;

}  // namespace comdml::split
