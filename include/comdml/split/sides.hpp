// SPDX-License-Identifier: BSL-1.0
/// \file
/// Local-loss split training (method of the paper, section 3): the slow side trains the first units of a network
/// through an auxiliary head, the fast side trains the rest on the activations it is sent. Nothing comes back over the
/// cut, so neither side waits for the other's result. A whole model is a fast side whose cut is 0.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/nn/layer.hpp"
#include "comdml/nn/loss.hpp"
#include "comdml/nn/optimizer.hpp"

namespace comdml::split {

/// What training changes: weights, running statistics and the optimizer's memory of a network or of a part of it.
template <class T>
struct training_state {
  nn::model_state<T> model;
  nn::optimizer_state<T> optimizer;
};

/// The sub-spans of a training_state that belong to one run of units.
template <class T>
struct part {
  std::span<T> parameters;
  std::span<T> statistics;
  nn::optimizer_view<T> optimizer;
};

/// The part of `state` that run `units` of `net` owns. The optimizer's memory is slot-major over all parameters.
template <Network N, class T = typename N::scalar>
[[nodiscard]] part<T> part_of(const N& net, training_state<T>& state, index_range units) {
  const index_range weights = net.parameters(units);
  const index_range statistics = net.statistics(units);
  return {std::span{state.model.parameters}.subspan(weights.begin, weights.size()),
          std::span{state.model.statistics}.subspan(statistics.begin, statistics.size()),
          state.optimizer.view(weights, state.model.parameters.size())};
}

template <Network N>
[[nodiscard]] index_range kept_units(const N&, split_point cut) noexcept {
  return {0, cut.value};
}
template <Network N>
[[nodiscard]] index_range handed_over_units(const N& net, split_point cut) noexcept {
  return {cut.value, net.units()};
}

/// Memory of one training step, reusable for any agent, cut and batch; used by one computation at a time.
template <Network N, Network H = N>
struct workspace {
  typename N::workspace body;
  typename H::workspace head;
  std::vector<typename N::scalar> gradient;
  std::vector<typename N::scalar> head_gradient;
  std::vector<typename N::scalar> output_gradient;
  std::vector<typename N::scalar> cut_gradient;
};

/// Gradients of one step on a run of units that ends in a loss: forward, loss, backward. Fills `gradient`; fills
/// `input_gradient` unless it is empty.
template <Network N, class T, class L>
  requires Loss<L, T> nn::loss_result gradient_of_tail(const N& net, index_range units, const part<T>& state,
                                                       std::span<const T> inputs, std::span<const label> labels,
                                                       const L& loss, typename N::workspace& memory,
                                                       std::vector<T>& output_gradient, std::vector<T>& gradient,
                                                       std::span<T> input_gradient, execution exec) {
    const std::span<const T> outputs =
        net.forward(units, state.parameters, state.statistics, inputs, labels.size(), nn::mode::train, memory, exec);
    output_gradient.resize(outputs.size());
    const nn::loss_result result = loss(outputs, labels, std::span{output_gradient});
    gradient.resize(state.parameters.size());
    net.backward(units, state.parameters, output_gradient, gradient, input_gradient, memory, exec);
    return result;
  }

/// Trains units cut .. end of a network by the model's own loss.
template <Network N, class L, class O>
  requires Loss<L, typename N::scalar> && Optimizer<O, typename N::scalar>
struct fast_side {
  using scalar = typename N::scalar;

  const N& network;
  split_point cut;
  L loss;
  O optimizer;

  /// One update on a batch of activations (images, if the cut is 0), detached: their gradient is not even computed.
  /// `state` is the part of units cut .. end. \returns the loss before the update.
  template <Network H>
  nn::loss_result step(const part<scalar>& state, std::span<const scalar> inputs, std::span<const label> labels,
                       double learning_rate, workspace<N, H>& memory, execution exec) const {
    const nn::loss_result result =
        gradient_of_tail(network, handed_over_units(network, cut), state, inputs, labels, loss, memory.body,
                         memory.output_gradient, memory.gradient, std::span<scalar>{}, exec);
    optimizer.update(state.parameters, std::span<const scalar>{memory.gradient}, state.optimizer, learning_rate);
    return result;
  }
};

// Written out for clang 14, which does not deduce the types of an aggregate.
template <class N, class L, class O>
fast_side(const N&, split_point, L, O) -> fast_side<N, L, O>;

/// Trains units 0 .. cut of a network through an auxiliary head.
template <Network N, Network H, class L, class O>
  requires Loss<L, typename N::scalar> && Optimizer<O, typename N::scalar>
struct slow_side {
  using scalar = typename N::scalar;

  const N& network;
  const H& head;
  split_point cut;
  L loss;
  O optimizer;

  /// One update on a batch of images. `emit(z)` is called once with the activations at the cut (NHWC), before any
  /// weight changes; the span is valid during the call. \returns the auxiliary head's loss before the update.
  template <class Emit>
  nn::loss_result step(const part<scalar>& state, const part<scalar>& head_state, std::span<const scalar> inputs,
                       std::span<const label> labels, double learning_rate, workspace<N, H>& memory, execution exec,
                       Emit&& emit) const {
    const index_range kept = kept_units(network, cut);
    const std::span<const scalar> activations = network.forward(kept, state.parameters, state.statistics, inputs,
                                                                labels.size(), nn::mode::train, memory.body, exec);
    emit(activations);
    memory.cut_gradient.resize(activations.size());
    const nn::loss_result result =
        gradient_of_tail(head, {0, head.units()}, head_state, activations, labels, loss, memory.head,
                         memory.output_gradient, memory.head_gradient, std::span{memory.cut_gradient}, exec);
    memory.gradient.resize(state.parameters.size());
    network.backward(kept, state.parameters, memory.cut_gradient, memory.gradient, {}, memory.body, exec);
    optimizer.update(state.parameters, std::span<const scalar>{memory.gradient}, state.optimizer, learning_rate);
    optimizer.update(head_state.parameters, std::span<const scalar>{memory.head_gradient}, head_state.optimizer,
                     learning_rate);
    return result;
  }
};

template <class N, class H, class L, class O>
slow_side(const N&, const H&, split_point, L, O) -> slow_side<N, H, L, O>;

}  // namespace comdml::split
