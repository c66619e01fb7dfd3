// SPDX-License-Identifier: BSL-1.0
/// \file
/// Gets a training job ready.
#include "train_task.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "any_cuts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/fleet/profile_file.hpp"
#include "data_sets.hpp"
#include "model_file.hpp"
#include "texts.hpp"

namespace program {

using comdml::input_error;
using comdml::text;

namespace {

comdml::data::image_lists deal(const train_options& options, const comdml::data::image_set& images) {
  const any_partition partition = *to_partition(options.partition);
  return std::visit(
      [&](const auto& partitioner) {
        return partitioner(images.labels(), images.classes(), options.agents,
                           comdml::random_stream{options.seed, comdml::purpose::partition});
      },
      partition);
}

comdml::fleet::description make_fleet(const train_options& options) {
  const fleet_choice kind = *to_fleet(options.fleet);
  if (kind.uniform) return comdml::fleet::uniform({.agents = options.agents});
  return comdml::fleet::paper({.agents = options.agents, .seed = options.seed, .rate = kind.rate});
}

comdml::fleet::split_profile read_profile_for(const train_options& options, const any_network& network) {
  comdml::fleet::split_profile profile = comdml::fleet::read_profile(options.profile);
  const auto require = [&](bool good, const std::string& what) {
    if (!good)
      throw input_error{options.profile, what, "measure it with the options of this run, or give --profile analytic"};
  };
  require(profile.model.empty() || profile.model == options.model,
          text("is the profile of ", profile.model, ", not of ", options.model));
  require(profile.batch == options.batch,
          text("is for mini-batches of ", profile.batch, " images, not ", options.batch));
  const auto cuts = any_cuts{options.cuts}.points(network);
  for (const comdml::fleet::split_cost& split : profile.splits) {
    require(std::ranges::find(cuts, split.point) != cuts.end(),
            text("has a cut after ", split.point, " units, which is not one of --cuts ", options.cuts));
    require(split.codec == "fp32", text("has a cut whose activations travel as ", split.codec, ", not as fp32"));
  }
  return profile;
}

}  // namespace

train_task prepare(train_options options) {
  if (!options.shortcut) options.shortcut = usual_shortcut(options.model);
  if (!options.learning_rate) options.learning_rate = options.optimizer == "adam" ? 0.001 : 0.02;

  train_task task{.options = std::move(options), .images = {}, .shards = {}, .fleet = {}, .profile = {}, .initial = {}};
  const train_options& o = task.options;
  task.images = load_data_set(o.dataset, o.data_dir, o.train_limit, o.test_limit);
  task.shards = deal(o, task.images.train);
  task.fleet = make_fleet(o);
  const any_network network = task.network();
  if (o.profile != "analytic") task.profile = read_profile_for(o, network);
  if (!o.init.empty()) task.initial = load_weights(o.init, network);
  return task;
}

comdml::learn::history run(const train_task& task, any_observer observer, const comdml::learn::control& hold) {
  return task.options.clock == "wall" ? run_wall(task, std::move(observer), hold)
                                      : run_virtual(task, std::move(observer), hold);
}

}  // namespace program
