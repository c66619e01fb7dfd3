// SPDX-License-Identifier: BSL-1.0
/// \file
/// Runs a task as a job of one type.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "comdml/core/errors.hpp"
#include "comdml/learn/fleet_trainer.hpp"
#include "policies.hpp"
#include "train_task.hpp"

namespace program {

namespace detail {

/// The policy of the name that `chosen` is; the pairs are (name, policy).
template <class Any, class... Policies>
Any choose(const std::string& chosen, std::pair<const char*, Policies>... choices) {
  std::optional<Any> found;
  (void)((chosen == choices.first && (found = Any{std::move(choices.second)}, true)) || ...);
  COMDML_REQUIRE(found.has_value(), "nothing is called ", chosen);
  return *std::move(found);
}

/// One by one: g++ 12 takes a variant of such small types, moved through an optional, for uninitialized.
inline any_algorithm algorithm_of(const train_options& o) {
  using namespace comdml;
  std::optional<agent_id> server;
  if (o.server) server = agent_id{static_cast<std::uint32_t>(*o.server)};
  std::optional<split_point> cut;
  if (o.cut) cut = split_point{static_cast<std::uint32_t>(*o.cut)};
  any_algorithm chosen;
  if (o.algorithm == "allreduce") chosen.choice = learn::all_reduce{};
  if (o.algorithm == "fedavg") chosen.choice = learn::fedavg{.server = server};
  if (o.algorithm == "dpsgd") chosen.choice = learn::dpsgd{.mix_every = o.mix_every};
  if (o.algorithm == "splitlearning") chosen.choice = learn::split_learning{.server = server, .cut = cut};
  if (o.algorithm == "gossip") chosen.choice = learn::gossip{};
  if (o.algorithm == "braintorrent") chosen.choice = learn::braintorrent{};
  return chosen;
}

template <class J>
comdml::learn::settings<J> settings_of(const train_task& task) {
  using namespace comdml;
  using std::pair;
  const train_options& o = task.options;
  const double rate = *o.learning_rate;
  learn::settings<J> how;
  how.rounds = o.rounds;
  how.batch = o.batch;
  how.local_epochs = o.local_epochs;
  how.seed = o.seed;
  how.evaluate_every = o.evaluate_every;
  how.target_accuracy = o.target_accuracy;
  how.optimizer_state =
      o.optimizer_state == "averaged" ? learn::optimizer_carry::averaged : learn::optimizer_carry::reset_each_round;
  how.cuts = any_cuts{o.cuts};
  how.auxiliary_head = any_head{o.auxiliary_head};
  how.optimizer = choose<any_optimizer>(
      o.optimizer,
      pair{"sgd",
           nn::sgd{.learning_rate = rate, .momentum = o.momentum, .nesterov = true, .weight_decay = o.weight_decay}},
      pair{"adam", nn::adam{.learning_rate = rate, .weight_decay = o.weight_decay, .amsgrad = true}});
  how.schedule = choose<any_schedule>(
      o.schedule, pair{"constant", nn::constant{}}, pair{"plateau", nn::plateau{.patience = 10, .factor = 0.3}},
      pair{"step", nn::step{.every = std::max<std::size_t>(1, (o.rounds + 2) / 3), .factor = 0.1}});
  how.augmentation =
      choose<any_augmentation>(o.augment, pair{"none", data::none{}}, pair{"crop-flip", data::crop_flip{}},
                               pair{"crop-flip-cutout", data::crop_flip_cutout{}});
  const bool measured = o.replan == "measured";
  how.knowledge = measured ? learn::knowledge::measured : learn::knowledge::declared;
  how.pairing = make_pairing({.policy = o.pairing,
                              .cost = o.cost,
                              .time_limit = o.time_limit,
                              .seed = o.seed,
                              .steady = measured,
                              .minimum_gain = o.minimum_gain.value_or(.1),
                              .move_cost = o.move_cost.value_or(0),
                              .optimizer_slots = static_cast<double>(how.optimizer.slots())});
  if (task.pairing) how.pairing = *task.pairing;
  how.collective = choose<any_collective>(o.collective, pair{"halving-doubling", comm::halving_doubling{}},
                                          pair{"ring", comm::ring{}}, pair{"native", native_sum{}});
  how.weight_wire = wire_of(o.weight_wire);
  how.algorithm = algorithm_of(o);
  if (task.script) how.algorithm.choice = scripted{task.script};
  if (o.time_budget) how.time_budget = seconds{*o.time_budget};
  how.make_model = [&o](image_shape input, std::size_t classes) {
    return make_model(o.model, *o.shortcut, input, classes);
  };
  how.profile = task.profile;
  how.initial = task.initial;
  return how;
}

}  // namespace detail

template <class J>
comdml::learn::history run_job(const train_task& task, any_observer observer, const comdml::learn::control& hold) {
  comdml::learn::fleet_trainer<J> trainer{task.fleet, detail::settings_of<J>(task), task.options.threads};
  trainer.emulate(task.emulated);
  const auto deal = [&](std::span<const comdml::label>, std::size_t, std::size_t, const comdml::random_stream&) {
    return task.shards;
  };
  return trainer.run(task.images, deal, std::move(observer), hold);
}

/// One agent of the task, in a process of its own.
template <class J>
void run_agent_job(const train_task& task, typename J::transport& line, const seat& place, comdml::learn::history& past,
                   any_observer observer, const comdml::learn::control& hold) {
  using images = std::remove_cvref_t<decltype(task.images.train)>;
  const std::size_t self = comdml::agent_id{line.self()}.value;
  comdml::learn::settings<J> how = detail::settings_of<J>(task);
  how.survival = place.survival;
  const comdml::data::shard<images> own{task.images.train, task.shards.at(self)};
  const comdml::data::shares<images> tests{task.images.test};
  comdml::learn::membership mine{.routes = place.founders.empty()
                                               ? comdml::comm::routes{task.fleet.links}
                                               : comdml::comm::routes{task.fleet.links, place.founders},
                                 .speed = task.fleet.agents.at(self).speed,
                                 .memory = task.fleet.agents.at(self).memory,
                                 .life = place.life};
  comdml::learn::agent<J> agent{line, std::move(mine), std::move(how),
                                comdml::execution{static_cast<int>(place.threads)}};
  agent.run_into(past, own, &tests, observer, hold);
}

}  // namespace program
