// SPDX-License-Identifier: BSL-1.0
/// \file
/// What agents of one process show each other beside the transport, at no simulated cost: for looking at models, not
/// for training them. Safe to be used by all agents at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/learn/evaluate.hpp"
#include "comdml/split/sides.hpp"

namespace comdml::learn {

/// What was seen of an agent that knows no rounds, at one of the instants that take their place in a history.
struct sample {
  evaluation test{};       ///< of the model that it held then, on its share of the test images
  evaluation training{};   ///< of the mini-batches since the sample before
  std::size_t cycles = 0;  ///< since the sample before
  bytes weights{};         ///< sent or fetched since the sample before
  bool diverged = false;   ///< whether a cycle's result was thrown away because it was not finite
  double learning_rate = 0;
};

/// What a history has in place of rounds: `count` instants, `interval` apart; the last one is the end.
struct instants {
  seconds interval{};
  std::size_t count = 0;

  [[nodiscard]] seconds at(std::size_t number) const { return static_cast<double>(number + 1) * interval; }
  [[nodiscard]] seconds end() const { return at(count - 1); }
};

/// States by agent, and samples by instant and agent. An instant is told of when all agents have given their samples,
/// instants in their order.
class side_channel {
 public:
  using state = split::training_state<float>;
  /// Called under the channel's lock, on some agent's thread; samples are in the order of the agents. \returns whether
  /// to go on.
  using listener = std::function<bool(std::size_t instant, const std::vector<sample>& samples)>;

  explicit side_channel(std::size_t agents, instants when = {}, listener tell = {})
      : when_{when}, states_(agents), tell_{std::move(tell)} {}

  [[nodiscard]] const instants& when() const noexcept { return when_; }

  void show(agent_id agent, state what) {
    auto shown = std::make_shared<const state>(std::move(what));
    const std::lock_guard lock{mutex_};
    states_[agent.value] = std::move(shown);
  }
  /// What the agent has shown last. Requires that it has: let an exchange of messages lie between.
  [[nodiscard]] std::shared_ptr<const state> shown(agent_id agent) const {
    const std::lock_guard lock{mutex_};
    COMDML_REQUIRE(states_[agent.value] != nullptr, "agent ", agent, " has shown nothing");
    return states_[agent.value];
  }

  /// Requires that each agent gives one sample per instant, in their order from 0.
  void add(agent_id agent, std::size_t instant, const sample& seen) {
    const std::lock_guard lock{mutex_};
    auto& [missing, samples] =
        instants_.try_emplace(instant, states_.size(), std::vector<sample>(states_.size())).first->second;
    samples[agent.value] = seen;
    if (--missing > 0) return;
    if (go_on_ && tell_) go_on_ = tell_(instant, samples);
    instants_.erase(instant);
  }
  /// Whether whoever is told of samples wants more of them.
  [[nodiscard]] bool go_on() const {
    const std::lock_guard lock{mutex_};
    return go_on_;
  }

 private:
  instants when_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const state>> states_;
  std::map<std::size_t, std::pair<std::size_t, std::vector<sample>>> instants_;  ///< samples that are missing, samples
  listener tell_;
  bool go_on_ = true;
};

}  // namespace comdml::learn
