// SPDX-License-Identifier: BSL-1.0
/// \file
/// Gets a training job ready.
#include "train_task.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "algorithms.hpp"
#include "any_cuts.hpp"
#include "comdml/core/errors.hpp"
#include "data_sets.hpp"
#include "model_file.hpp"
#include "profiles.hpp"
#include "texts.hpp"

namespace program {

using comdml::input_error;
using comdml::text;

namespace {

comdml::data::image_lists deal(const train_options& options, const comdml::data::image_set& images) {
  const any_partition partition = *to_partition(options.partition);
  return std::visit(
      [&](const auto& partitioner) {
        return partitioner(images.labels(), images.classes(), *options.fleet.agents,
                           comdml::random_stream{options.seed, comdml::purpose::partition});
      },
      partition);
}

comdml::fleet::split_profile make_profile(const train_options& options, const any_network& network) {
  const profile_request wanted{.model = options.model,
                               .auxiliary_head = options.auxiliary_head,
                               .cuts = options.cuts,
                               .wire = options.wire,
                               .batch = options.batch};
  if (options.profile == "measured") return measure_profile(network, wanted, 5);
  return options.profile == "analytic" ? count_profile(network, wanted)
                                       : load_profile(options.profile, network, wanted);
}

}  // namespace

train_task prepare(train_options options) {
  require_meaning(options);
  if (!options.shortcut) options.shortcut = usual_shortcut(options.model);
  if (!options.learning_rate) options.learning_rate = options.optimizer == "adam" ? 0.001 : 0.02;

  train_task task{.options = std::move(options), .images = {}, .shards = {}, .fleet = {}, .profile = {}, .initial = {}};
  const train_options& o = task.options;
  task.images = load_data_set(o.dataset, o.data_dir, o.train_limit, o.test_limit);
  const any_network network = task.network();
  if (!o.init.empty()) task.initial = load_weights(o.init, network);
  task.profile = make_profile(o, network);
  task.fleet = make_fleet(o.fleet, most_agents, o.rounds, o.seed, task.profile.speed);
  require_suitable(o, task.fleet);
  if (o.cut && std::ranges::find(task.profile.splits, comdml::split_point{static_cast<std::uint32_t>(*o.cut)},
                                 &comdml::fleet::split_cost::point) == task.profile.splits.end())
    throw input_error{"--cut", text("there is no cut after ", *o.cut, " units"),
                      "see comdml plan, or leave it out: the fastest one is found"};
  task.options.fleet.agents = task.fleet.agents.size();
  task.shards = deal(o, task.images.train);
  return task;
}

comdml::learn::history run(const train_task& task, any_observer observer, const comdml::learn::control& hold) {
  return task.options.clock == "wall" ? run_wall(task, std::move(observer), hold)
                                      : run_virtual(task, std::move(observer), hold);
}

}  // namespace program
