// SPDX-License-Identifier: BSL-1.0
/// \file
/// Where the values of a fused graph lie in memory: those that are never needed at the same time share a place.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "comdml/nn/detail/fused_graph.hpp"

namespace comdml::nn::detail {

/// A value of `size` floats, and the steps in which it is first written and last read.
struct lifetime {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t size = 0;
};

struct placement {
  std::vector<std::size_t> at;  ///< where each value begins
  std::size_t size = 0;         ///< of the memory that holds them all
};

/// Places the largest values first, each as low as those allow that live at the same time: the greedy rule by size of
/// Pisarchyk and Lee 2020, within a few percent of the best for networks.
[[nodiscard]] inline placement place(std::span<const lifetime> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return values[a].size > values[b].size; });
  placement result{.at = std::vector<std::size_t>(values.size()), .size = 0};
  std::vector<std::size_t> placed;  // ascending by place
  for (const std::size_t index : order) {
    const lifetime& value = values[index];
    std::size_t low = 0;
    for (const std::size_t other : placed) {
      if (values[other].begin > value.end || value.begin > values[other].end) continue;
      if (low + value.size <= result.at[other]) break;
      low = std::max(low, result.at[other] + values[other].size);
    }
    result.at[index] = low;
    result.size = std::max(result.size, low + value.size);
    placed.insert(std::ranges::upper_bound(placed, low, {}, [&](std::size_t i) { return result.at[i]; }), index);
  }
  return result;
}

/// The values that a graph's passes write, and where: floats per image from the start of the batch's memory.
/// `nowhere` for those that are not written, and for the output, whose place is the caller's.
struct batch_layout {
  static constexpr std::size_t nowhere = std::numeric_limits<std::size_t>::max();

  std::vector<std::size_t> raw;       ///< per convolution: its output
  std::vector<std::size_t> values;    ///< per activation
  std::vector<std::size_t> gradient;  ///< per activation; the input's too
  std::vector<std::size_t> partial;   ///< per activation: what later readers leave for the first
  std::size_t size = 0;               ///< floats per image
};

/// For a forward pass, and if `training` the backward pass after it.
[[nodiscard]] inline batch_layout lay_out(const fused_graph& graph, bool training) {
  const auto& activations = graph.activations;
  const std::size_t count = graph.convolutions.size(), last = activations.size() - 1;
  // Steps: convolution k forward is k; the output is made in step `count`, its gradient in the one after it; then
  // convolution k backward is:
  const auto back = [&](std::size_t k) { return 2 * count + 1 - k; };
  const auto made = [&](std::size_t a) {
    return activations[a].readers.empty() ? count : activations[a].readers.front();
  };
  const auto finished = [&](std::size_t a) {
    return activations[a].readers.empty() ? count + 1 : back(activations[a].readers.front());
  };
  // Forward: an activation that is not kept is made anew for its reader, and for the sum that adds it.
  const auto last_read = [&](const auto& self, std::size_t a) -> std::size_t {
    const std::size_t read = activations[a].readers.empty() ? count : activations[a].readers.back();
    if (!activations[a].residual_of) return read;
    const std::size_t sum = *activations[a].residual_of;
    return std::max(read, activations[sum].kept ? made(sum) : self(self, sum));
  };

  batch_layout layout;
  std::vector<lifetime> lives;
  std::vector<std::size_t*> places;
  const auto add = [&](std::size_t& place, const lifetime& life) {
    lives.push_back(life);
    places.push_back(&place);
  };
  layout.raw.assign(count, batch_layout::nowhere);
  for (auto* list : {&layout.values, &layout.gradient, &layout.partial})
    list->assign(activations.size(), batch_layout::nowhere);
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t into = graph.convolutions[k].into;
    const std::size_t read = activations[into].kept ? made(into) : last_read(last_read, into);
    add(layout.raw[k], {k, training ? back(k) : read, graph.convolutions[k].shape.output_size()});
  }
  for (std::size_t a = 0; a <= last; ++a) {
    const fused_activation& value = activations[a];
    const std::size_t size = value.shape.height * value.shape.width * kernels::padded(value.shape.channels);
    if (value.kept && a != last)
      add(layout.values[a], {made(a), training ? finished(a) : last_read(last_read, a), size});
    if (!training) continue;
    std::size_t end = value.producer ? back(*value.producer) : 2 * count + 2;
    using kind = fused_activation::residual;
    if (value.kind == kind::projected) end = std::max(end, back(value.other));
    if (value.kind == kind::same || value.kind == kind::strided) end = std::max(end, finished(value.other));
    add(layout.gradient[a], {finished(a), end, size});
    if (value.readers.size() > 1) add(layout.partial[a], {back(value.readers.back()), finished(a), size});
  }
  const placement found = place(lives);
  for (std::size_t i = 0; i < places.size(); ++i) *places[i] = found.at[i];
  layout.size = found.size;
  return layout;
}

}  // namespace comdml::nn::detail
