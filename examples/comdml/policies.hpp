// SPDX-License-Identifier: BSL-1.0
/// \file
/// Policies chosen at run time. Each holds one of several models of a concept and is a model of it itself, so that the
/// program compiles one training job, not one per choice.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "any_cuts.hpp"
#include "any_transport.hpp"
#include "comdml/comm/collective.hpp"
#include "comdml/comm/through_server.hpp"
#include "comdml/data/augment.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/learn/agent.hpp"
#include "comdml/learn/all_reduce.hpp"
#include "comdml/learn/braintorrent.hpp"
#include "comdml/learn/comdml.hpp"
#include "comdml/learn/dpsgd.hpp"
#include "comdml/learn/fedavg.hpp"
#include "comdml/learn/gossip.hpp"
#include "comdml/learn/policies.hpp"
#include "comdml/learn/split_learning.hpp"
#include "comdml/nn/adam.hpp"
#include "comdml/nn/schedule.hpp"
#include "comdml/nn/sgd.hpp"
#include "comdml/pairing/plan.hpp"
#include "models.hpp"
#include "pairings.hpp"

namespace program {

struct any_head {
  any_network (*build)(image_shape, std::size_t);

  /// Requires one of --auxiliary-head's values.
  explicit any_head(const std::string& name = "convolution_pool_linear")
      : build{name == "pool_linear" ? make_pool_linear : make_convolution_pool_linear} {}

  template <std::same_as<float> T>
  [[nodiscard]] any_network make(image_shape shape, std::size_t classes) const {
    return build(shape, classes);
  }
};

struct any_optimizer {
  std::variant<comdml::nn::sgd, comdml::nn::adam> choice;
  double learning_rate = std::visit([](const auto& optimizer) { return optimizer.learning_rate; }, choice);

  [[nodiscard]] std::size_t slots() const {
    return std::visit([](const auto& optimizer) { return optimizer.slots(); }, choice);
  }
  void update(std::span<float> weights, std::span<const float> gradient, comdml::nn::optimizer_view<float> state,
              double rate) const {
    std::visit([&](const auto& optimizer) { optimizer.update(weights, gradient, state, rate); }, choice);
  }
};

struct any_schedule {
  std::variant<comdml::nn::constant, comdml::nn::plateau, comdml::nn::step> choice;

  [[nodiscard]] double rate(double base) const {
    return std::visit([&](const auto& schedule) { return schedule.rate(base); }, choice);
  }
  void next_round() {
    std::visit([](auto& schedule) { schedule.next_round(); }, choice);
  }
  void observe(double accuracy) {
    std::visit([&](auto& schedule) { schedule.observe(accuracy); }, choice);
  }
};

struct any_augmentation {
  std::variant<comdml::data::none, comdml::data::crop_flip, comdml::data::crop_flip_cutout> choice;

  void operator()(std::span<float> image, image_shape shape, std::span<const float> black,
                  comdml::random_stream& rng) const {
    std::visit([&](const auto& augment) { augment(image, shape, black, rng); }, choice);
  }
};

/// The engine's own sum.
struct native_sum : comdml::comm::halving_doubling {};

struct any_collective {
  std::variant<comdml::comm::halving_doubling, comdml::comm::ring, comdml::comm::through_server, native_sum> choice;

  [[nodiscard]] comdml::comm::schedule plan(std::size_t members, std::size_t count) const {
    return std::visit([&](const auto& collective) { return collective.plan(members, count); }, choice);
  }
  [[nodiscard]] std::optional<comdml::comm::outcome> sum(any_transport& line, const comdml::comm::group& members,
                                                         comdml::comm::tag what, std::span<float> values,
                                                         comdml::seconds deadline) const {
    if (!std::holds_alternative<native_sum>(choice)) return std::nullopt;
    return line.sum(members, what, values, deadline);
  }
};

/// ComDML by plans that were made beforehand, one for each round.
struct scripted {
  std::shared_ptr<const std::vector<comdml::pairing::plan>> plans;

  [[nodiscard]] static constexpr bool changing_members() noexcept { return true; }

  template <class Session>
  comdml::pairing::plan round(Session& agent) const {
    (void)agent.agree_on_plan();  // agents tell how much each of them has to train
    const comdml::pairing::plan& plan = plans->at(agent.fleet().round().value);
    agent.train(plan);
    agent.join(plan);
    return plan;
  }
};

struct any_algorithm {
  std::variant<comdml::learn::comdml, comdml::learn::all_reduce, comdml::learn::fedavg, comdml::learn::dpsgd,
               comdml::learn::split_learning, comdml::learn::gossip, comdml::learn::braintorrent, scripted>
      choice;

  void settle(const comdml::comm::routes& ways) {
    std::visit([&](auto& algorithm) { comdml::learn::settle(algorithm, ways); }, choice);
  }
  [[nodiscard]] bool changing_members() const {
    return std::visit([](const auto& algorithm) { return comdml::learn::changing_members(algorithm); }, choice);
  }
  /// Whether it knows no rounds.
  [[nodiscard]] bool is_free() const {
    return std::holds_alternative<comdml::learn::gossip>(choice) ||
           std::holds_alternative<comdml::learn::braintorrent>(choice);
  }

  template <class Session>
  comdml::pairing::plan round(Session& agent) const {
    return std::visit(
        [&]<class A>(const A& algorithm) -> comdml::pairing::plan {
          if constexpr (comdml::Algorithm<A, Session>) return algorithm.round(agent);
          throw comdml::contract_error{"an algorithm without rounds was asked for one"};
        },
        choice);
  }
  template <class Agent>
  void live(Agent& agent) const {
    std::visit(
        [&](const auto& algorithm) {
          if constexpr (requires { algorithm.live(agent); }) algorithm.live(agent);
        },
        choice);
  }
};

/// The program's job; what it can choose at run time is erased. The transport decides what time means.
template <comdml::Transport T>
struct job : comdml::learn::default_policies {
  using model = any_network;
  using cuts = any_cuts;
  using auxiliary_head = any_head;
  using optimizer = any_optimizer;
  using schedule = any_schedule;
  using augmentation = any_augmentation;
  using pairing = any_pairing;
  using collective = any_collective;
  using algorithm = any_algorithm;
  using transport = T;
};

using virtual_job = job<comdml::comm::in_process<comdml::comm::virtual_time>::endpoint>;
using wall_job = job<any_transport>;

}  // namespace program
