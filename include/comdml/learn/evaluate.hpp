// SPDX-License-Identifier: BSL-1.0
/// \file
/// Evaluation and prediction with trained weights.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/data/loader.hpp"
#include "comdml/nn/layer.hpp"
#include "comdml/nn/loss.hpp"

namespace comdml::learn {

/// Integer counts, so that the sum over agents is the same in any order.
struct evaluation {
  std::int64_t seen = 0;
  std::int64_t right = 0;
  /// Sum of the losses in millionths; `uncountable` if one of them is.
  std::int64_t loss_micro = 0;

  static constexpr std::int64_t uncountable = std::numeric_limits<std::int64_t>::max();

  evaluation& operator+=(const evaluation& other) {
    seen += other.seen;
    right += other.right;
    const bool countable = loss_micro != uncountable && other.loss_micro != uncountable;
    if (!countable || __builtin_add_overflow(loss_micro, other.loss_micro, &loss_micro)) loss_micro = uncountable;
    return *this;
  }
  /// Share of right answers, 0 .. 1; 0 if nothing was seen.
  [[nodiscard]] double accuracy() const {
    return seen == 0 ? 0 : static_cast<double>(right) / static_cast<double>(seen);
  }
  /// Infinite if a batch's loss was not finite, or too large to count; 0 if nothing was seen.
  [[nodiscard]] double mean_loss() const {
    if (loss_micro == uncountable) return std::numeric_limits<double>::infinity();
    return seen == 0 ? 0 : static_cast<double>(loss_micro) / 1e6 / static_cast<double>(seen);
  }
};

/// A batch's sum of losses in millionths; uncountable if it is not finite or above a million: nine million batches can
/// be added up.
[[nodiscard]] inline std::int64_t to_micro(double loss) {
  return std::abs(loss) <= 1e6 ? std::llround(1e6 * loss) : evaluation::uncountable;
}

/// Counts right answers and losses of a set. `between_batches()` is called before every batch and may throw to stop.
template <Network N, Dataset D, class L, class Check>
  requires Loss<L, typename N::scalar> evaluation evaluate(const N& net, nn::model_state<float>& state, const D& set,
                                                           const L& loss, typename N::workspace& memory, execution exec,
                                                           Check&& between_batches, std::size_t batch = 100) {
    evaluation sum;
    data::batch images;
    for (std::size_t begin = 0; begin < set.size(); begin += batch) {
      between_batches();
      data::read_batch(set, {begin, std::min(begin + batch, set.size())}, images);
      const std::span<const float> outputs =
          net.forward({0, net.units()}, state.parameters, state.statistics, images.inputs, images.labels.size(),
                      nn::mode::infer, memory, exec);
      const nn::loss_result result = loss(outputs, std::span<const label>{images.labels}, std::span<float>{});
      sum += {static_cast<std::int64_t>(images.labels.size()), static_cast<std::int64_t>(result.right),
              to_micro(result.sum)};
    }
    return sum;
  }

/// Class probabilities of one normalized image (NHWC), by softmax.
template <Network N>
[[nodiscard]] std::vector<double> predict(const N& net, nn::model_state<float>& state, std::span<const float> image,
                                          typename N::workspace& memory, execution exec = {}) {
  COMDML_REQUIRE(image.size() == net.input().size(), image.size(), " values for an image of ", net.input());
  const std::span<const float> outputs =
      net.forward({0, net.units()}, state.parameters, state.statistics, image, 1, nn::mode::infer, memory, exec);
  const double largest = static_cast<double>(*std::ranges::max_element(outputs));
  std::vector<double> probabilities;
  double sum = 0;
  for (const float value : outputs) sum += probabilities.emplace_back(std::exp(static_cast<double>(value) - largest));
  for (double& p : probabilities) p /= sum;
  return probabilities;
}

}  // namespace comdml::learn
