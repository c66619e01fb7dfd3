// SPDX-License-Identifier: BSL-1.0
/// \file
/// Gets a training job ready.
#include "train_task.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "algorithms.hpp"
#include "any_cuts.hpp"
#include "comdml/core/digest.hpp"
#include "comdml/core/errors.hpp"
#include "config_file.hpp"
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
  if (options.transport != "in-process") options.clock = "wall";
  require_meaning(options);
  if (options.collective == "native") {
    if (options.transport != "mpi")
      throw input_error{"--collective native", "only MPI has an all-reduce of its own",
                        "add --transport mpi, or choose halving-doubling or ring"};
    if (options.weight_wire != "fp32")
      throw input_error{"--collective native", text("MPI cannot add weights that travel as ", options.weight_wire),
                        "leave --weight-wire or --collective out"};
  }
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

std::uint64_t settings_digest(const train_task& task, bool own_data) {
  train_options alike = task.options;
  alike.data_dir = alike.init = alike.fleet.trace = "";
  alike.threads = 0;
  // What these name is read, and goes in itself.
  alike.fleet.fleet = alike.fleet.topology = alike.profile = "";
  comdml::digest64 digest;
  const auto add = [&](const std::string& what) { digest.update(std::as_bytes(std::span{what})); };
  const auto add_number = [&](double what) { digest.update(std::as_bytes(std::span{&what, 1})); };
  add("comdml " COMDML_VERSION "\n" + write_config(alike));
  const auto agents = static_cast<std::uint32_t>(task.fleet.agents.size());
  for (std::uint32_t i = 0; i < agents; ++i) {
    add_number(task.fleet.agents[i].speed.value());
    add_number(task.fleet.agents[i].memory.value());
    for (std::uint32_t j = 0; j < agents; ++j) {
      if (i == j) continue;
      const comdml::directed_link link = task.fleet.links(comdml::agent_id{i}, comdml::agent_id{j});
      add_number(link.rate.value());
      add_number(link.latency.value());
    }
  }
  for (const comdml::fleet::split_cost& split : task.profile.splits) {
    add(split.codec);
    for (const double number :
         {static_cast<double>(split.point.value), split.slow_share, split.fast_share, split.wire.value()})
      add_number(number);
  }
  if (task.initial) {
    digest.update(std::as_bytes(std::span{task.initial->parameters}));
    digest.update(std::as_bytes(std::span{task.initial->statistics}));
  }
  if (!own_data) {
    digest.update(std::as_bytes(std::span{task.images.train.labels()}));
    digest.update(std::as_bytes(std::span{task.images.test.labels()}));
  }
  return digest.value();
}

void require_for_processes(const train_task& task, const std::string& where) {
  const auto& fleet = task.fleet;
  if (!fleet.changes.empty() || !fleet.link_changes.empty() || !fleet.presence.empty() || fleet.sampled < 1 ||
      fleet.jitter > comdml::seconds{})
    throw input_error{where, "agents that are processes change when they change, not by a schedule",
                      "leave out change, sample, come-and-go, trace and jitter"};
  if (task.options.profile == "measured")
    throw input_error{where, "every agent would measure a split profile of its own, and plan by another one",
                      "run comdml profile on one machine, and give all of them its file as the profile"};
}

comdml::learn::history run(const train_task& task, any_observer observer, const comdml::learn::control& hold) {
  return task.options.clock == "wall" ? run_wall(task, std::move(observer), hold)
                                      : run_virtual(task, std::move(observer), hold);
}

}  // namespace program
