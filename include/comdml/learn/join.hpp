// SPDX-License-Identifier: BSL-1.0
/// \file
/// The join inside the all-reduce (method, section 3): every agent writes its term of the weighted sum of all models.
/// The slow agent of a pair contributes the units it kept, its helper the units it was handed, so the two halves meet
/// in the sum and the trained fast part never travels back on its own.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/split/sides.hpp"

namespace comdml::learn {

/// Everything that the agents share at the start of a round: the model, one auxiliary head per cut, and the memory of
/// the optimizer of each.
struct replica {
  split::training_state<float> body;
  std::vector<split::training_state<float>> heads;
};

/// Whether every weight and statistic of a part is finite.
[[nodiscard]] inline bool all_finite(const split::part<float>& values) {
  const auto finite = [](float value) { return std::isfinite(value); };
  return std::ranges::all_of(values.parameters, finite) && std::ranges::all_of(values.statistics, finite);
}

/// Values that a part of a replica, the body or a head, has in the sum.
[[nodiscard]] constexpr std::size_t join_size(std::size_t parameters, std::size_t statistics,
                                              std::size_t optimizer_values, bool with_optimizer) noexcept {
  return parameters + statistics + (with_optimizer ? optimizer_values + 1 : 0);  // 1: the number of updates
}

/// One agent's term of the weighted sum, as one flat vector for the collective:
/// parameters, statistics, [optimizer slots, updates], then the same for the head of every cut that was used.
/// With the optimizer's memory left out (reset_each_round), only weights and statistics travel.
class join_term {
 public:
  /// \param shape         any replica of this fleet; only sizes are read
  /// \param used_heads    ascending numbers of the heads that are averaged in this round
  join_term(const replica& shape, std::vector<std::size_t> used_heads, bool with_optimizer)
      : used_heads_{std::move(used_heads)}, with_optimizer_{with_optimizer} {
    std::size_t size = block_size(shape.body);
    for (const std::size_t head : used_heads_) size += block_size(shape.heads[head]);
    values_.assign(size, -0.0F);  // minus zero is what leaves every number, zeros included, as it is when added
  }

  /// The vector to be summed over all agents.
  [[nodiscard]] std::span<float> values() noexcept { return values_; }

  /// Adds coefficient x the trained values of one run of units.
  template <Network N>
  void add_units(const N& net, const split::training_state<float>& state, index_range units, double coefficient) {
    const index_range weights = net.parameters(units);
    const std::size_t parameters = state.model.parameters.size();
    add(0, state.model.parameters, weights, coefficient);
    add(parameters, state.model.statistics, net.statistics(units), coefficient);
    if (!with_optimizer_) return;
    const std::size_t slots_begin = parameters + state.model.statistics.size();
    for (std::size_t slot = 0; slot < state.optimizer.values.size(); slot += parameters)
      add(slots_begin, state.optimizer.values, {slot + weights.begin, slot + weights.end}, coefficient);
  }

  /// Adds coefficient x the number of updates done; once per agent, by the agent itself.
  void add_updates(const split::training_state<float>& state, double coefficient) {
    if (with_optimizer_) add_updates_at(block_size(state) - 1, state, coefficient);
  }

  /// Adds coefficient x all values of a head. The head must be one of the used ones.
  void add_head(const replica& trained, std::size_t head, double coefficient) {
    const split::training_state<float>& state = trained.heads[head];
    const std::size_t begin = head_begin(trained, head);
    std::size_t end = begin;
    for (const auto* values : {&state.model.parameters, &state.model.statistics, &state.optimizer.values}) {
      if (values == &state.optimizer.values && !with_optimizer_) break;
      add(end, *values, {0, values->size()}, coefficient);
      end += values->size();
    }
    if (with_optimizer_) add_updates_at(end, state, coefficient);
  }

  /// Reads the sum back. Heads that nobody used keep their values.
  void store(replica& target) const {
    std::size_t at = load(0, target.body);
    for (const std::size_t head : used_heads_) at = load(at, target.heads[head]);
    COMDML_REQUIRE(at == values_.size(), at, " of ", values_.size(), " values read");
  }

 private:
  [[nodiscard]] std::size_t block_size(const split::training_state<float>& state) const {
    return join_size(state.model.parameters.size(), state.model.statistics.size(), state.optimizer.values.size(),
                     with_optimizer_);
  }
  [[nodiscard]] std::size_t head_begin(const replica& shape, std::size_t head) const {
    std::size_t begin = block_size(shape.body);
    for (const std::size_t used : used_heads_) {
      if (used == head) return begin;
      begin += block_size(shape.heads[used]);
    }
    throw contract_error{text("head ", head, " is not averaged in this round")};
  }
  /// Adds values[range] at position begin + range.begin.
  void add(std::size_t begin, const std::vector<float>& values, index_range range, double coefficient) {
    for (std::size_t i = range.begin; i < range.end; ++i)
      values_[begin + i] += static_cast<float>(coefficient * static_cast<double>(values[i]));
  }
  void add_updates_at(std::size_t position, const split::training_state<float>& state, double coefficient) {
    values_[position] += static_cast<float>(coefficient * state.optimizer.updates);
  }
  std::size_t load(std::size_t at, split::training_state<float>& state) const {
    for (auto* values : {&state.model.parameters, &state.model.statistics, &state.optimizer.values}) {
      if (values == &state.optimizer.values && !with_optimizer_) return at;
      std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(at), values->size(), values->begin());
      at += values->size();
    }
    state.optimizer.updates = static_cast<double>(values_[at]);
    return at + 1;
  }

  std::vector<std::size_t> used_heads_;
  bool with_optimizer_;
  std::vector<float> values_;
};

}  // namespace comdml::learn
