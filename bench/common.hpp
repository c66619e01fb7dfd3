// SPDX-License-Identifier: BSL-1.0
/// \file
/// What the benchmarks share: networks by name, the example batch as ComDML wants it, and a check before the timing.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <span>
#include <string>
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

/// A whole network that trains on the example batch.
template <comdml::Network N>
class trainer {
 public:
  trainer(N net, std::size_t images, comdml::execution exec)
      : net_{std::move(net)}, exec_{exec}, batch_{images}, state_{starting_state(net_)} {}

  [[nodiscard]] std::size_t parameters() const { return state_.model.parameters.size(); }
  [[nodiscard]] const std::vector<float>& gradient() const { return memory_.gradient; }

  /// \returns the mean loss before the update.
  double train() {
    const comdml::split::fast_side whole{net_, comdml::split_point{0}, comdml::nn::softmax_cross_entropy{}, optimizer};
    const auto all = comdml::split::part_of(net_, state_, {0, net_.units()});
    const auto result =
        whole.step(all, std::span<const float>{batch_.inputs}, batch_.labels, learning_rate, memory_, exec_);
    return result.sum / static_cast<double>(batch_.labels.size());
  }

  std::span<const float> infer() {
    return net_.forward({0, net_.units()}, state_.model.parameters, state_.model.statistics, batch_.inputs,
                        batch_.labels.size(), comdml::nn::mode::infer, memory_.body, exec_);
  }

 private:
  N net_;
  comdml::execution exec_;
  example_batch batch_;
  comdml::split::training_state<float> state_;
  comdml::split::workspace<N> memory_;
};

/// One rectifier that flips between an engine and its reference moves a gradient by up to 1e-2; a wrong kernel moves it
/// by much more.
inline constexpr double gradient_tolerance = 2e-2;

/// Ends the program with 3 unless `mine` is `reference` up to rounding: the norm of the difference against the
/// reference's.
inline void require_close(const std::string& what, std::span<const float> mine, std::span<const float> reference,
                          double tolerance = 1e-3) {
  double difference = 0;
  double size = 0;
  for (std::size_t i = 0; i < std::min(mine.size(), reference.size()); ++i) {
    const auto expected = static_cast<double>(reference[i]);
    difference += std::pow(static_cast<double>(mine[i]) - expected, 2);
    size += expected * expected;
  }
  const double error = std::sqrt(difference / size);
  if (mine.size() == reference.size() && error <= tolerance) return;  // an error that is no number fails
  std::cerr << "wrong result, not timed: " << what << ": " << mine.size() << " values against the reference's "
            << reference.size() << ", relative error " << error << ", allowed " << tolerance << '\n';
  std::exit(3);
}

}  // namespace bench
