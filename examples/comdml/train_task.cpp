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
#include "comdml/fleet/fleet_file.hpp"
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
        return partitioner(images.labels(), images.classes(), *options.agents,
                           comdml::random_stream{options.seed, comdml::purpose::partition});
      },
      partition);
}

/// \param one_thread  speed of an agent with one processor; zero if that is not known
comdml::fleet::description make_fleet(const train_options& options, comdml::batches_per_second one_thread) {
  const auto kind = to_fleet(options.fleet);
  const std::uint64_t agents = options.agents.value_or(10);
  if (kind && kind->uniform) return comdml::fleet::uniform({.agents = agents});
  if (kind) return comdml::fleet::paper({.agents = agents, .seed = options.seed, .rate = kind->rate});

  const comdml::fleet::listed_fleet listed = comdml::fleet::read_fleet(options.fleet, one_thread);
  if (options.agents && *options.agents != listed.agents.size())
    throw input_error{"--agents", text(*options.agents, ", and ", options.fleet, " lists ", listed.agents.size()),
                      "leave --agents out: the file says how many there are"};
  if (listed.agents.size() > most_agents)
    throw input_error{listed.place(most_agents), text(listed.agents.size(), " agents are too many to train"),
                      text("list at most ", most_agents)};
  comdml::fleet::description fleet{{}, listed.links};
  for (const comdml::fleet::listed_agent& agent : listed.agents)
    fleet.agents.push_back({agent.speed, agent.memory.value_or(comdml::bytes::infinity())});
  if (!comdml::fleet::connected(fleet.links))
    throw input_error{options.fleet, "its links do not join all agents, so their models cannot be averaged",
                      "add links, or a rate for all others under [defaults]"};
  return fleet;
}

comdml::fleet::split_profile make_profile(const train_options& options, const any_network& network) {
  const profile_request wanted{.model = options.model,
                               .auxiliary_head = options.auxiliary_head,
                               .cuts = options.cuts,
                               .wire = options.wire,
                               .batch = options.batch};
  if (options.profile == "analytic") return count_profile(network, wanted);
  if (options.profile == "measured") return measure_profile(network, wanted, 5);

  comdml::fleet::split_profile profile = load_profile(options.profile, options.wire);
  const auto require = [&](bool good, const std::string& what) {
    if (!good)
      throw input_error{options.profile, what, "measure it with the options of this run, or give --profile analytic"};
  };
  require(profile.model.empty() || profile.model == options.model,
          text("is the profile of ", profile.model, ", not of ", options.model));
  require(profile.batch == options.batch,
          text("is for mini-batches of ", profile.batch, " images, not ", options.batch));
  const auto cuts = any_cuts{options.cuts}.points(network);
  for (const comdml::fleet::split_cost& split : profile.splits)
    require(std::ranges::find(cuts, split.point) != cuts.end(),
            text("has a cut after ", split.point, " units, which is not one of --cuts ", options.cuts));
  return profile;
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
  task.fleet = make_fleet(o, task.profile.speed);
  require_suitable(o, task.fleet);
  if (o.cut && std::ranges::find(task.profile.splits, comdml::split_point{static_cast<std::uint32_t>(*o.cut)},
                                 &comdml::fleet::split_cost::point) == task.profile.splits.end())
    throw input_error{"--cut", text("there is no cut after ", *o.cut, " units"),
                      "see comdml plan, or leave it out: the fastest one is found"};
  task.options.agents = task.fleet.agents.size();
  task.shards = deal(o, task.images.train);
  return task;
}

comdml::learn::history run(const train_task& task, any_observer observer, const comdml::learn::control& hold) {
  return task.options.clock == "wall" ? run_wall(task, std::move(observer), hold)
                                      : run_virtual(task, std::move(observer), hold);
}

}  // namespace program
