// SPDX-License-Identifier: BSL-1.0
/// \file
/// Plays the rounds of an experiment.
#include "compare_time.hpp"

#include <algorithm>
#include <utility>

#include "comdml/comm/routes.hpp"
#include "comdml/comm/through_server.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/learn/split_placement.hpp"
#include "policies.hpp"
#include "profiles.hpp"
#include "report_facts.hpp"

namespace program {

namespace simulation = comdml::simulation;
using comdml::agent_id;
using comdml::bytes;
using comdml::directed_link;
using comdml::seconds;
using comdml::text;

namespace {

comdml::fleet::split_profile profile_of(const experiment::time_model& time, const experiment::setting& setting,
                                        const experiment::contender& contender, const any_network& network) {
  comdml::fleet::split_profile profile = count_profile(network, {.model = time.model,
                                                                 .auxiliary_head = time.auxiliary_head,
                                                                 .cuts = contender.cuts.value_or(time.cuts),
                                                                 .wire = setting.wire,
                                                                 .batch = time.batch});
  if (!contender.cut) return profile;
  std::erase_if(profile.splits, [&](const auto& split) { return split.point.value != *contender.cut; });
  if (profile.splits.empty())
    throw comdml::input_error{contender.name, text("no cut after ", *contender.cut, " units of ", time.model),
                              "see comdml plan"};
  return profile;
}

/// Split learning's rounds by the formula that places it: turn after turn, everyone waiting.
std::vector<simulation::round> add_up(const comdml::fleet::description& fleet,
                                      const comdml::fleet::split_profile& profile,
                                      const std::vector<std::size_t>& images, std::uint64_t batch,
                                      std::uint64_t rounds) {
  const comdml::comm::routes ways{fleet.links};
  std::vector<comdml::learn::split_member> members;
  comdml::batches sent{};
  for (std::size_t i = 0; i < images.size(); ++i)
    members.push_back(
        {fleet.agents[i].speed, comdml::batches{static_cast<double>(images[i]) / static_cast<double>(batch)}});
  const auto where = comdml::learn::place_split(members, ways, profile, std::nullopt, std::nullopt);
  for (std::uint32_t i = 0; i < members.size(); ++i)
    if (agent_id{i} != where.server) sent += members[i].work;
  std::vector<simulation::round> all;
  for (std::uint32_t r = 0; r < rounds; ++r) {
    auto& report = all.emplace_back().report;
    const double so_far = static_cast<double>(r + 1);
    report.round = comdml::round_index{r};
    report.epoch = comdml::epoch_index{r};
    report.rounds_planned = rounds;
    report.elapsed = report.elapsed_alone = so_far * where.estimate;
    report.activation_bytes = bytes{2 * so_far * sent.value() * profile.splits[where.entry].wire.value()};
  }
  return all;
}

}  // namespace

comdml::fleet::description fleet_of(const experiment::setting& setting, std::uint64_t rounds, std::uint64_t seed) {
  comdml::fleet::description fleet = make_fleet(setting.fleet, 5000, rounds, seed, {});
  if (!setting.mbps) return fleet;
  const bool complete = setting.fleet.topology == "complete";
  const directed_link link{.rate = comdml::megabits_per_second(*setting.mbps),
                           .latency = 1e-3 * seconds{setting.fleet.latency}};
  const auto agents = static_cast<std::uint32_t>(fleet.agents.size());
  for (std::uint32_t a = 0; a < agents; ++a)
    for (std::uint32_t b = 0; b < agents; ++b)
      if (a != b && (complete || fleet.links(agent_id{a}, agent_id{b}).rate.value() > 0))
        fleet.links.set(agent_id{a}, agent_id{b}, link);
  return fleet;
}

any_network timed_network(const experiment::time_model& time) {
  const image_kind images = images_of(time.images);
  return make_model(time.model, usual_shortcut(time.model), images.shape, images.classes);
}

bytes size_of(const any_network& network) {
  const index_range all{0, network.units()};
  return bytes{static_cast<double>(sizeof(float) * (network.parameters(all).size() + network.statistics(all).size()))};
}

timing play(const experiment& all, const experiment::setting& setting, const experiment::contender& contender,
            const std::vector<std::size_t>& images, std::uint64_t rounds, std::uint64_t seed) {
  const experiment::time_model& time = all.time;
  const any_network network = timed_network(time);
  comdml::fleet::split_profile profile = profile_of(time, setting, contender, network);
  comdml::fleet::description fleet = fleet_of(setting, rounds, seed);
  timing played{
      .rounds = {}, .members = {}, .recorded = {}, .fleet = fleet, .profile = profile, .units = network.units()};
  if (contender.algorithm == "splitlearning") {
    played.rounds = add_up(fleet, profile, images, time.batch, rounds);
    return played;
  }
  std::shared_ptr<comdml::learn::timeline> recorder;
  if (images.size() <= most_recorded)
    recorder = std::make_shared<comdml::learn::timeline>(
        comdml::learn::timeline::selection{.first = 1, .every = std::max<std::size_t>(2, rounds)});
  any_collective collective;
  if (contender.algorithm == "fedavg")
    collective.choice =
        comdml::comm::through_server{comdml::comm::best_connected(comdml::comm::routes{fleet.links}).value};
  const std::size_t slots = 1;
  const bool current = contender.replan == "current";
  simulation::model what{network, any_head{time.auxiliary_head}, any_cuts{contender.cuts.value_or(time.cuts)},
                         std::move(profile), slots};
  simulation::simulator<any_pairing, any_collective> engine{
      std::move(fleet),
      std::move(what),
      images,
      {.rounds = rounds,
       .batch = time.batch,
       .local_epochs = 1,
       .paired = contender.algorithm == "comdml",
       .join = simulation::join::all_reduce,
       .knowledge = current ? simulation::knowledge::current : simulation::knowledge::declared,
       .pairing = make_pairing({.policy = contender.pairing,
                                .cost = contender.cost,
                                .time_limit = 10,
                                .seed = seed,
                                .steady = current,
                                .optimizer_slots = static_cast<double>(slots)}),
       .collective = collective,
       .weight_wire = wire_of(setting.weight_wire),
       .report_pairs = true,
       .recorder = recorder}};
  while (!engine.done()) {
    played.rounds.push_back(engine.next());
    if (all.learn) played.members.push_back(engine.members());
  }
  played.recorded = std::move(recorder);
  return played;
}

comdml::fleet::description scaled_fleet(comdml::fleet::description fleet, double small_batches, double timed_batches,
                                        double size_ratio, double exchanges) {
  for (auto& agent : fleet.agents) agent.speed = (small_batches / timed_batches) * agent.speed;
  for (auto& change : fleet.changes) change.speed = (small_batches / timed_batches) * change.speed;
  comdml::link_matrix links{fleet.links.agents()};
  for (std::uint32_t from = 0; from < fleet.links.agents(); ++from)
    fleet.links.for_each_link(agent_id{from}, [&](agent_id to, comdml::link_matrix::kind_index kind) {
      const directed_link& old = fleet.links.kinds()[kind];
      links.set(agent_id{from}, to, {.rate = (size_ratio / exchanges) * old.rate, .latency = exchanges * old.latency});
    });
  fleet.links = std::move(links);
  return fleet;
}

}  // namespace program
