// SPDX-License-Identifier: BSL-1.0
/// \file
/// What the benchmarks share: networks by name, and the example batch as ComDML wants it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "comdml/nn/loss.hpp"
#include "comdml/nn/resnet.hpp"
#include "comdml/nn/sgd.hpp"
#include "comdml/split/sides.hpp"
#include "problem.hpp"

namespace bench {

inline constexpr comdml::image_shape image{image_side, image_side, image_channels};
inline constexpr comdml::nn::sgd optimizer{
    .learning_rate = learning_rate, .momentum = momentum, .nesterov = false, .weight_decay = weight_decay};

/// The network that users get.
struct default_engine {
  static auto basic(std::size_t depth) { return comdml::nn::make_resnet(depth, image, classes); }
  static auto bottleneck(std::size_t depth) { return comdml::nn::make_bottleneck_resnet(depth, image, classes); }
};

/// Its reference twin: im2col and OpenBLAS.
struct reference_engine {
  static auto basic(std::size_t depth) {
    using namespace comdml::nn;
    return make_resnet<identity_padded, convolution_gemm>(depth, image, classes);
  }
  static auto bottleneck(std::size_t depth) {
    using namespace comdml::nn;
    return make_bottleneck_resnet<projection, convolution_gemm>(depth, image, classes);
  }
};

/// The example images, NHWC, and their labels.
struct example_batch {
  std::vector<float> inputs;
  std::vector<comdml::label> labels;

  explicit example_batch(std::size_t images)
      : inputs(images * image.size()), labels{example_labels<comdml::label>(images)} {
    const std::vector<float> planes = example_images(images);
    const std::size_t pixels = image_side * image_side;
    for (std::size_t i = 0; i < images; ++i)
      for (std::size_t channel = 0; channel < image_channels; ++channel)
        for (std::size_t pixel = 0; pixel < pixels; ++pixel)
          inputs[(i * pixels + pixel) * image_channels + channel] =
              planes[(i * image_channels + channel) * pixels + pixel];
  }
};

/// A state with starting_values, as every worker has them.
template <comdml::Network N>
comdml::split::training_state<float> starting_state(const N& net) {
  comdml::split::training_state<float> state;
  net.initialize(state.model, comdml::random_stream{0, comdml::purpose::initialization});
  std::size_t number = 0;
  for (const auto& tensor : net.tensors()) {
    if (tensor.kind != comdml::nn::tensor_kind::parameter) continue;
    const std::vector<float> values = starting_values(number++, tensor.shape, tensor.name);
    std::copy(values.begin(), values.end(),
              state.model.parameters.begin() + static_cast<std::ptrdiff_t>(tensor.offset));
  }
  state.optimizer.reset(optimizer.slots(), state.model.parameters.size());
  return state;
}

/// The parameters' tensors in `values`, which are a run of units' parameters or their gradient.
template <comdml::Network N>
std::vector<std::vector<float>> tensors_of(const N& net, comdml::index_range units, const std::vector<float>& values) {
  const std::size_t begin = net.parameters(units).begin;
  std::vector<std::vector<float>> all;
  for (const auto& tensor : net.tensors()) {
    if (tensor.kind != comdml::nn::tensor_kind::parameter || tensor.unit < units.begin || tensor.unit >= units.end)
      continue;
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(tensor.offset - begin);
    all.emplace_back(first, first + static_cast<std::ptrdiff_t>(tensor.size));
  }
  return all;
}

/// A whole network that trains on the example batch.
template <comdml::Network N>
class trainer {
 public:
  trainer(N net, std::size_t images, comdml::execution exec, double rate = learning_rate)
      : net_{std::move(net)}, exec_{exec}, rate_{rate}, batch_{images}, state_{starting_state(net_)} {}

  /// Tensor by tensor, in the order of starting_values.
  [[nodiscard]] std::vector<std::vector<float>> parameters() const { return by_tensor(state_.model.parameters); }
  /// Of the last step, likewise.
  [[nodiscard]] std::vector<std::vector<float>> gradient() const { return by_tensor(memory_.gradient); }

  /// \returns the mean loss before the update.
  double train() {
    const comdml::split::fast_side whole{net_, comdml::split_point{0}, comdml::nn::softmax_cross_entropy{}, optimizer};
    const auto all = comdml::split::part_of(net_, state_, {0, net_.units()});
    const auto result = whole.step(all, std::span<const float>{batch_.inputs}, batch_.labels, rate_, memory_, exec_);
    return result.sum / static_cast<double>(batch_.labels.size());
  }

  std::span<const float> infer() {
    return net_.forward({0, net_.units()}, state_.model.parameters, state_.model.statistics, batch_.inputs,
                        batch_.labels.size(), comdml::nn::mode::infer, memory_.body, exec_);
  }

 private:
  [[nodiscard]] std::vector<std::vector<float>> by_tensor(const std::vector<float>& values) const {
    return tensors_of(net_, {0, net_.units()}, values);
  }

  N net_;
  comdml::execution exec_;
  double rate_;
  example_batch batch_;
  comdml::split::training_state<float> state_;
  comdml::split::workspace<N> memory_;
};

}  // namespace bench
