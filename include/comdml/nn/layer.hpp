// SPDX-License-Identifier: BSL-1.0
/// \file
/// The values that the Layer concept speaks in: descriptions of tensors, model state, and the passes through a layer.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/parallel.hpp"
#include "comdml/core/random.hpp"
#include "comdml/tensor/arena.hpp"
#include "comdml/tensor/shape.hpp"

namespace comdml::nn {

/// Training uses the batch's own statistics and remembers what backward needs; inference does neither.
enum class mode { train, infer };

/// A parameter is trained by the optimizer; a statistic is kept by the layer itself (BN's running mean and variance).
enum class tensor_kind { parameter, statistic };

/// The law that a tensor's first values are drawn from, as PyTorch has it.
struct initializer {
  enum class law { constant, normal, uniform };
  law kind = law::constant;
  /// The constant, the standard deviation, or the bound of the interval around zero.
  double scale = 0;

  [[nodiscard]] static constexpr initializer zeros() noexcept { return {law::constant, 0}; }
  [[nodiscard]] static constexpr initializer ones() noexcept { return {law::constant, 1}; }
  /// Normal with variance 2 / fan_out: He et al. 2015, for ReLU, counted backward.
  [[nodiscard]] static initializer kaiming_normal(std::size_t fan_out) {
    return {law::normal, std::sqrt(2.0 / static_cast<double>(fan_out))};
  }
  /// Uniform within +-1 / sqrt(fan_in): PyTorch's default for linear layers, weight and bias.
  [[nodiscard]] static initializer uniform(std::size_t fan_in) {
    return {law::uniform, 1.0 / std::sqrt(static_cast<double>(fan_in))};
  }

  [[nodiscard]] double draw(random_stream& rng) const {
    switch (kind) {
      case law::normal:
        return scale * rng.normal();
      case law::uniform:
        return rng.uniform(-scale, scale);
      case law::constant:
        break;
    }
    return scale;
  }
};

/// One tensor of a layer. `shape` is PyTorch's: convolutions O x I x H x W, linear layers outputs x inputs.
struct tensor_description {
  std::string name;
  std::vector<std::size_t> shape;
  tensor_kind kind = tensor_kind::parameter;
  initializer initial;

  /// Number of values.
  [[nodiscard]] std::size_t size() const noexcept {
    std::size_t product = 1;
    for (const std::size_t extent : shape) product *= extent;
    return product;
  }
};

/// `prefix.name`; an empty part adds no dot.
[[nodiscard]] inline std::string join_names(std::string_view prefix, std::string_view name) {
  std::string joined{prefix};
  if (!prefix.empty() && !name.empty()) joined += '.';
  return joined += name;
}

/// The list that layers append their tensors to, in the order of PyTorch's state_dict.
struct description {
  std::vector<tensor_description> tensors;

  void add(std::string_view name, std::vector<std::size_t> shape, tensor_kind kind, initializer initial) {
    tensors.push_back({join_names(prefix_, name), std::move(shape), kind, initial});
  }

  /// Calls describe_child(), all of whose tensors get `name.` before their own names.
  template <class Function>
  void inside(std::string_view name, Function&& describe_child) {
    const std::string outer = std::exchange(prefix_, join_names(prefix_, name));
    std::forward<Function>(describe_child)();
    prefix_ = outer;
  }

 private:
  std::string prefix_;
};

/// How many values a layer has in the parameters and in the statistics vector.
struct value_counts {
  std::size_t parameters = 0;
  std::size_t statistics = 0;
};

template <class L>
[[nodiscard]] value_counts count_values(const L& layer, image_shape in) {
  description list;
  layer.describe(in, list);
  value_counts counts;
  for (const auto& tensor : list.tensors)
    (tensor.kind == tensor_kind::parameter ? counts.parameters : counts.statistics) += tensor.size();
  return counts;
}

template <class L>
[[nodiscard]] std::size_t parameter_count(const L& layer, image_shape in) {
  return count_values(layer, in).parameters;
}

template <class L>
[[nodiscard]] std::size_t statistic_count(const L& layer, image_shape in) {
  return count_values(layer, in).statistics;
}

/// What a layer's backward pass reads of its forward pass. A layer that does not need its input or its output says so
/// by `static constexpr bool backward_reads_input = false` (or `..._output`): those who hold the activation need not
/// keep it longer than the forward pass, and give an empty span instead.
template <class L>
inline constexpr bool reads_input = [] {
  if constexpr (requires { L::backward_reads_input; }) return bool{L::backward_reads_input};
  return true;
}();
template <class L>
inline constexpr bool reads_output = [] {
  if constexpr (requires { L::backward_reads_output; }) return bool{L::backward_reads_output};
  return true;
}();

/// One tensor of a network: where its values lie. `offset` counts from the start of the whole model's parameters or
/// statistics, whichever `kind` says.
struct tensor_info {
  std::string name;
  std::vector<std::size_t> shape;
  tensor_kind kind = tensor_kind::parameter;
  std::size_t unit = 0;
  std::size_t offset = 0;
  std::size_t size = 0;
  initializer initial;
};

/// All values of a model: trained ones, and those that layers keep themselves, each in unit order.
template <class T>
struct model_state {
  std::vector<T> parameters;
  std::vector<T> statistics;

  friend bool operator==(const model_state&, const model_state&) = default;
};

/// What a layer is given to compute its outputs. `input` and `output` hold `images` activations, NHWC.
/// In mode::infer `memory` is empty and `statistics` must not be changed.
template <class T>
struct forward_pass {
  image_shape in;
  std::size_t images = 0;
  std::span<const T> input;
  std::span<T> output;
  std::span<const T> parameters;
  std::span<T> statistics;
  std::span<T> memory;
  /// Memory that is needed only during the call: open an arena::scope, then take.
  arena& scratch;
  nn::mode mode = nn::mode::train;
  execution exec;
};

/// What a layer is given to compute its gradients: the forward pass's own values, and the gradient of what comes after.
/// `input` and `output` may be empty if the layer says that it does not read them.
/// `parameter_gradient` has the size of `parameters`; `input_gradient` has that of `input`, or is empty: not wanted.
template <class T>
struct backward_pass {
  image_shape in;
  std::size_t images = 0;
  std::span<const T> input;
  std::span<const T> output;
  std::span<const T> output_gradient;
  std::span<const T> parameters;
  std::span<const T> memory;
  std::span<T> input_gradient;
  std::span<T> parameter_gradient;
  arena& scratch;
  execution exec;
};

}  // namespace comdml::nn
