// SPDX-License-Identifier: BSL-1.0
/// \file
/// Layers one after another: what `sequential`, `repeat` and a network's runs of units have in common.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "comdml/nn/layer.hpp"

namespace comdml::nn::detail {

/// Cuts `count` values off the front of `rest`.
template <class T>
[[nodiscard]] std::span<T> cut(std::span<T>& rest, std::size_t count) {
  COMDML_REQUIRE(count <= rest.size(), count, " values of ", rest.size());
  const auto front = rest.first(count);
  rest = rest.subspan(count);
  return front;
}

/// Base of layers made of layers. `Derived` gives `size()` > 0, `name(i)`, and `visit(i, f)`, which calls f with
/// layer i. Memory: for each layer its own, then (but for the last) its output if a backward pass reads it.
template <class Derived>
class chain {
 public:
  [[nodiscard]] image_shape output_shape(image_shape in) const {
    image_shape out = in;
    walk(in, [&](std::size_t, const auto&, image_shape, image_shape to) { out = to; });
    return out;
  }

  void describe(image_shape in, description& list) const {
    walk(in, [&](std::size_t i, const auto& layer, image_shape from, image_shape) {
      list.inside(self().name(i), [&] { layer.describe(from, list); });
    });
  }

  [[nodiscard]] std::size_t memory_size(image_shape in, std::size_t images) const {
    std::size_t sum = 0;
    walk(in, [&](std::size_t i, const auto& layer, image_shape from, image_shape to) {
      sum += layer.memory_size(from, images) + (is_kept(i) ? to.size() * images : 0);
    });
    return sum;
  }

  [[nodiscard]] double multiply_adds(image_shape in) const {
    double sum = 0;
    walk(in, [&](std::size_t, const auto& layer, image_shape from, image_shape) { sum += layer.multiply_adds(from); });
    return sum;
  }

  template <class T>
  void forward(const forward_pass<T>& pass) const {
    const arena::scope release{pass.scratch};
    const bool training = pass.mode == mode::train;
    // For what need not be remembered, two buffers take turns.
    const auto remembered = [&](std::size_t i) { return training && is_kept(i); };
    std::span<T> buffers[2];
    for (auto& buffer : buffers)
      buffer = pass.scratch.template take<T>(largest_inner(pass.in, std::not_fn(remembered)) * pass.images);

    forward_pass<T> rest = pass;
    walk(pass.in, [&](std::size_t i, const auto& layer, image_shape from, image_shape to) {
      const value_counts counts = count_values(layer, from);
      forward_pass<T> step = rest;
      step.in = from;
      step.parameters = cut(rest.parameters, counts.parameters);
      step.statistics = cut(rest.statistics, counts.statistics);
      step.memory = training ? cut(rest.memory, layer.memory_size(from, pass.images)) : std::span<T>{};
      if (!is_last(i)) {
        const std::size_t size = to.size() * pass.images;
        step.output = remembered(i) ? cut(rest.memory, size) : buffers[i % 2].first(size);
      }
      layer.forward(step);
      rest.input = step.output;
    });
  }

  template <class T>
  void backward(const backward_pass<T>& pass) const {
    const arena::scope release{pass.scratch};
    std::span<T> buffers[2];
    for (auto& buffer : buffers)
      buffer = pass.scratch.template take<T>(largest_inner(pass.in, [](std::size_t) { return true; }) * pass.images);

    // Where each layer's values lie is found front to back, the gradients are computed back to front.
    std::vector<backward_pass<T>> steps;
    steps.reserve(self().size());
    backward_pass<T> rest = pass;
    walk(pass.in, [&](std::size_t i, const auto& layer, image_shape from, image_shape to) {
      const std::size_t parameters = count_values(layer, from).parameters;
      backward_pass<T> step = rest;
      step.in = from;
      step.parameters = cut(rest.parameters, parameters);
      step.parameter_gradient = cut(rest.parameter_gradient, parameters);
      step.memory = cut(rest.memory, layer.memory_size(from, pass.images));
      if (i > 0) step.input_gradient = buffers[i % 2].first(from.size() * pass.images);
      if (!is_last(i)) step.output = is_kept(i) ? cut(rest.memory, to.size() * pass.images) : std::span<T>{};
      rest.input = step.output;
      steps.push_back(step);
    });
    for (std::size_t i = self().size(); i-- > 0;) {
      if (!is_last(i)) steps[i].output_gradient = steps[i + 1].input_gradient;
      self().visit(i, [&](const auto& layer) { layer.backward(steps[i]); });
    }
  }

 protected:
  chain() = default;

 private:
  [[nodiscard]] const Derived& self() const noexcept { return static_cast<const Derived&>(*this); }
  [[nodiscard]] bool is_last(std::size_t i) const noexcept { return i + 1 == self().size(); }

  /// Whether the activation after layer i, between two layers, is read in a backward pass.
  [[nodiscard]] bool is_kept(std::size_t i) const {
    if (is_last(i)) return false;
    bool read = false;
    self().visit(i, [&]<class L>(const L&) { read = reads_output<L>; });
    self().visit(i + 1, [&]<class L>(const L&) { read = read || reads_input<L>; });
    return read;
  }

  /// Calls f(i, layer, input shape, output shape) for each layer from front to back.
  template <class Function>
  void walk(image_shape in, Function&& f) const {
    for (std::size_t i = 0; i < self().size(); ++i) {
      self().visit(i, [&](const auto& layer) {
        const image_shape out = layer.output_shape(in);
        f(i, layer, in, out);
        in = out;
      });
    }
  }

  /// Size of the largest activation that lies between two layers i and i + 1, of those for which counts(i).
  template <class Predicate>
  [[nodiscard]] std::size_t largest_inner(image_shape in, Predicate&& counts) const {
    std::size_t largest = 0;
    walk(in, [&](std::size_t i, const auto&, image_shape, image_shape to) {
      if (!is_last(i) && counts(i)) largest = std::max(largest, to.size());
    });
    return largest;
  }
};

}  // namespace comdml::nn::detail
