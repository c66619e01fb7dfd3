// SPDX-License-Identifier: BSL-1.0
/// \file
/// What every step starts from: the size of the problem, the names of the models, and the first values of weights and
/// images. Shared with the peers, so that all do the same work on the same numbers; it knows nothing of ComDML.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace bench {

inline constexpr std::size_t image_side = 32;
inline constexpr std::size_t image_channels = 3;
inline constexpr std::size_t classes = 10;

/// So small that thousands of timed steps do the same work: the gradients stay what they are.
inline constexpr double learning_rate = 1e-5;
inline constexpr double momentum = 0.9;
inline constexpr double weight_decay = 5e-4;

/// A model by the name that the comdml program gives it.
struct model_name {
  bool bottleneck;
  std::size_t depth;
};

inline const std::vector<std::string>& model_names() {
  static const std::vector<std::string> names{"resnet8",  "resnet14",  "resnet20",     "resnet32",     "resnet44",
                                              "resnet56", "resnet110", "bottleneck56", "bottleneck110"};
  return names;
}

/// Requires one of model_names().
inline model_name parse_model(const std::string& name) {
  return {name.starts_with("bottleneck"), std::stoul(name.substr(name.find_first_of("0123456789")))};
}

/// Uniform in -bound .. bound. The generator's numbers are the same everywhere, which those of the standard's
/// distributions are not.
inline std::vector<float> uniform_values(std::uint32_t seed, std::size_t count, double bound) {
  std::mt19937 rng{seed};
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(bound * (static_cast<double>(rng()) / 0x1p31 - 1));
  return values;
}

/// First values of a model's parameter number `number`, which has PyTorch's shape (and order in memory) and name. All
/// differ, normalizations' included, so that no two can be mistaken for each other; and normalizations scale down, so
/// that rounding errors do not grow over a hundred layers.
inline std::vector<float> starting_values(std::size_t number, const std::vector<std::size_t>& shape,
                                          const std::string& name) {
  const std::size_t count = std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>{});
  const double fan_out = static_cast<double>(count) / static_cast<double>(shape.size() > 1 ? shape[1] : 1);
  const double bound = shape.size() == 4   ? std::sqrt(6 / fan_out)  // He et al.
                       : shape.size() == 2 ? 1 / std::sqrt(static_cast<double>(shape[1]))
                                           : 0.1;
  std::vector<float> values = uniform_values(static_cast<std::uint32_t>(number), count, bound);
  if (shape.size() == 1 && name.ends_with("weight"))
    for (float& value : values) value += 0.3F;
  return values;
}

/// Images x channels x height x width, of variance 1.
inline std::vector<float> example_images(std::size_t images) {
  return uniform_values(std::numeric_limits<std::uint32_t>::max(), images * image_channels * image_side * image_side,
                        std::sqrt(3.0));
}

template <class Label>
std::vector<Label> example_labels(std::size_t images) {
  std::vector<Label> labels(images);
  for (std::size_t i = 0; i < images; ++i) labels[i] = static_cast<Label>(i * 7 % classes);
  return labels;
}

}  // namespace bench
