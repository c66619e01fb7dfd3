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
  /// \param start         the state that all agents began the round with; must outlive this
  /// \param used_heads    ascending numbers of the heads that are averaged in this round
  /// \param as_changes    whether differences from `start` are averaged, which codecs that lose something want
  join_term(const replica& start, std::vector<std::size_t> used_heads, bool with_optimizer, bool as_changes = false)
      : start_{start}, used_heads_{std::move(used_heads)}, with_optimizer_{with_optimizer}, as_changes_{as_changes} {
    std::size_t size = block_size(start.body);
    for (const std::size_t head : used_heads_) size += block_size(start.heads[head]);
    values_.assign(size, -0.0F);  // minus zero is what leaves every number, zeros included, as it is when added
  }

  /// The vector to be summed over all agents.
  [[nodiscard]] std::span<float> values() noexcept { return values_; }

  /// Adds coefficient x the trained values of one run of units.
  template <Network N>
  void add_units(const N& net, const split::training_state<float>& state, index_range units, double coefficient) {
    const index_range weights = net.parameters(units);
    const std::size_t parameters = state.model.parameters.size();
    const split::training_state<float>& start = start_.body;
    add(0, state.model.parameters, start.model.parameters, weights, coefficient);
    add(parameters, state.model.statistics, start.model.statistics, net.statistics(units), coefficient);
    if (!with_optimizer_) return;
    const std::size_t slots_begin = parameters + state.model.statistics.size();
    for (std::size_t slot = 0; slot < state.optimizer.values.size(); slot += parameters)
      add(slots_begin, state.optimizer.values, start.optimizer.values, {slot + weights.begin, slot + weights.end},
          coefficient);
  }

  /// Adds coefficient x the number of updates done; once per agent, by the agent itself.
  void add_updates(const split::training_state<float>& state, double coefficient) {
    if (with_optimizer_) add_updates_at(block_size(state) - 1, state, start_.body, coefficient);
  }

  /// Adds coefficient x all values of a head. The head must be one of the used ones.
  void add_head(const replica& trained, std::size_t head, double coefficient) {
    const split::training_state<float>& state = trained.heads[head];
    const split::training_state<float>& start = start_.heads[head];
    std::size_t end = head_begin(trained, head);
    const auto append = [&](const std::vector<float>& values, const std::vector<float>& before) {
      add(end, values, before, {0, values.size()}, coefficient);
      end += values.size();
    };
    append(state.model.parameters, start.model.parameters);
    append(state.model.statistics, start.model.statistics);
    if (!with_optimizer_) return;
    append(state.optimizer.values, start.optimizer.values);
    add_updates_at(end, state, start, coefficient);
  }

  /// Reads the sum back, into what held the start. Heads that nobody used keep their values.
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
  void add(std::size_t begin, const std::vector<float>& values, const std::vector<float>& before, index_range range,
           double coefficient) {
    for (std::size_t i = range.begin; i < range.end; ++i) {
      const double value = as_changes_ ? static_cast<double>(values[i]) - static_cast<double>(before[i])
                                       : static_cast<double>(values[i]);
      values_[begin + i] += static_cast<float>(coefficient * value);
    }
  }
  void add_updates_at(std::size_t position, const split::training_state<float>& state,
                      const split::training_state<float>& before, double coefficient) {
    values_[position] += static_cast<float>(
        coefficient * (as_changes_ ? state.optimizer.updates - before.optimizer.updates : state.optimizer.updates));
  }
  std::size_t load(std::size_t at, split::training_state<float>& state) const {
    const auto take = [&](float& value) { value = as_changes_ ? value + values_[at] : values_[at], ++at; };
    for (auto* values : {&state.model.parameters, &state.model.statistics, &state.optimizer.values}) {
      if (values == &state.optimizer.values && !with_optimizer_) return at;
      for (float& value : *values) take(value);
    }
    const auto updates = static_cast<double>(values_[at]);
    state.optimizer.updates = as_changes_ ? state.optimizer.updates + updates : updates;
    return at + 1;
  }

  const replica& start_;
  std::vector<std::size_t> used_heads_;
  bool with_optimizer_;
  bool as_changes_;
  std::vector<float> values_;
};

}  // namespace comdml::learn
