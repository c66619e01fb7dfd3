// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml plan: who would help whom, and what that would be worth, without training.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "commands.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/random.hpp"
#include "comdml/fleet/fleet_file.hpp"
#include "data_sets.hpp"
#include "models.hpp"
#include "pairings.hpp"
#include "plan_report.hpp"
#include "profiles.hpp"

namespace program {

namespace {

using comdml::agent_id;
using comdml::input_error;
using comdml::seconds;
using comdml::text;
using comdml::fleet::instance;

/// Agents up to which the optimum and the sensitivity are worked out unasked.
constexpr std::size_t many_agents = 2000;

struct plan_options {
  std::string fleet{};
  std::string profile{};
  std::string model{};
  std::optional<std::uint64_t> batch{};
  std::optional<std::string> images{};
  std::optional<std::string> cuts{};
  pairing_choice pairing{.policy = "bottleneck"};
  std::string wire = "fp32";
  bool optimal = false;
  bool json = false;
};

comdml::fleet::split_profile profile_of(const plan_options& options) {
  if (options.profile.empty() == options.model.empty())
    throw input_error{
        "--profile",
        options.profile.empty() ? "neither --profile nor --model was given" : "--profile and --model were both given",
        "give one of them: a file of comdml profile, or a model, whose cuts are then counted"};
  if (!options.profile.empty()) {
    for (const auto& [name, given] :
         {std::pair{"--batch", options.batch.has_value()}, std::pair{"--images", options.images.has_value()},
          std::pair{"--cuts", options.cuts.has_value()}})
      if (given)
        throw input_error{name, "was given with --profile, which says it",
                          "leave it out, or give --model instead of --profile"};
    return load_profile(options.profile, options.wire);
  }
  const image_kind images = images_of(options.images.value_or("cifar10"));
  const any_network network = make_model(options.model, usual_shortcut(options.model), images.shape, images.classes);
  return count_profile(network, {.model = options.model,
                                 .cuts = options.cuts.value_or("every_block"),
                                 .wire = options.wire,
                                 .batch = options.batch.value_or(100)});
}

instance read_instance(const plan_options& options) {
  instance fleet{{}, {}, profile_of(options)};
  const comdml::fleet::listed_fleet listed = comdml::fleet::read_fleet(options.fleet, fleet.profile.speed);
  if (listed.agents.size() == 1)
    throw input_error{listed.place(0), "one agent only: there is nobody to help it",
                      "list at least two agents, each under a line [[agent]]"};
  for (std::size_t i = 0; i < listed.agents.size(); ++i) {
    const comdml::fleet::listed_agent& agent = listed.agents[i];
    if (!agent.work)
      throw input_error{listed.place(i), text("agent ", i, " has no amount of work"),
                        "give batches = 50, say: what it trains on in a round"};
    fleet.agents.push_back({agent.speed, *agent.work, agent.memory.value_or(comdml::bytes::infinity())});
  }
  fleet.links = listed.links;
  return fleet;
}

comdml::link_matrix half_as_fast(const comdml::link_matrix& links) {
  comdml::link_matrix slower{links.agents()};
  for (std::uint32_t from = 0; from < links.agents(); ++from)
    links.for_each_link(agent_id{from}, [&](agent_id to, comdml::link_matrix::kind_index kind) {
      const comdml::directed_link& link = links.kinds()[kind];
      slower.set(agent_id{from}, to, {link.rate / 2.0, link.latency});
    });
  return slower;
}

void find_sensitivity(planned_round& round, const any_pairing& policy, std::uint64_t seed) {
  const auto kept = [&](const instance& fleet) {
    return comdml::pairing::complete(fleet, round.plan.pairs, round.cost);
  };
  const auto add = [&](std::string change, const instance& fleet) {
    const comdml::pairing::plan same = kept(fleet);
    round.sensitivity.push_back({std::move(change), same.alone_makespan, same.makespan, policy.plan(fleet).makespan});
  };
  instance slow_links = round.fleet;
  slow_links.links = half_as_fast(round.fleet.links);
  add("every link half as fast", slow_links);
  for (const double factor : {0.8, 1.2}) {
    instance other = round.fleet;
    for (instance::agent& agent : other.agents) agent.speed = factor * agent.speed;
    add(factor < 1 ? "every speed 20 % lower" : "every speed 20 % higher", other);
  }
  constexpr int draws = 100;
  seconds alone{};
  seconds same{};
  comdml::random_stream rng{seed, comdml::purpose::testing};
  for (int draw = 0; draw < draws; ++draw) {
    instance other = round.fleet;
    for (instance::agent& agent : other.agents) agent.speed = (rng.below(2) == 0 ? 0.8 : 1.2) * agent.speed;
    const comdml::pairing::plan now = kept(other);
    alone += now.alone_makespan / draws;
    same += now.makespan / draws;
  }
  round.sensitivity.push_back({text("each speed 20 % off (mean of ", draws, ")"), alone, same, std::nullopt});
}

int plan(const plan_options& options) {
  instance fleet = read_instance(options);
  const any_pairing policy = make_pairing(options.pairing);
  const any_pairing best = make_pairing({.policy = "bottleneck", .cost = options.pairing.cost});
  planned_round round{.fleet = std::move(fleet),
                      .policy = options.pairing.policy,
                      .cost_name = options.pairing.cost,
                      .cost = make_cost(options.pairing.cost, options.pairing.optimizer_slots),
                      .plan = {},
                      .solve_time = {}};
  const auto begin = std::chrono::steady_clock::now();
  explained_plan answer = policy.solve(round.fleet);
  round.solve_time = seconds{std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()};
  round.plan = std::move(answer.plan);
  round.bound = answer.bound;
  round.messages = std::move(answer.messages);
  const std::size_t agents = round.fleet.agents.size();
  if (options.pairing.policy == "bottleneck" || (round.bound && *round.bound >= round.plan.makespan))
    round.optimum = round.plan.makespan;
  else if (agents <= many_agents || options.optimal)
    round.optimum = best.plan(round.fleet).makespan;
  if (options.json) {
    std::cout << to_json(round).dump() << std::endl;
    return exit_code::done;
  }
  // milp would take its time limit again for each, and finds what bottleneck finds.
  if (agents <= many_agents)
    find_sensitivity(round, options.pairing.policy == "milp" ? best : policy, options.pairing.seed);
  print(std::cout, round);
  return exit_code::done;
}

}  // namespace

action add_plan(command options) {
  const auto given = std::make_shared<plan_options>();
  options.text("fleet", given->fleet, "FILE", existing_file, "TOML file with the agents and the links between them");
  options.require("fleet");
  options.text("profile", given->profile, "FILE", existing_file,
               "what each cut of a model costs, as comdml profile measured it");
  options.text("model", given->model, "NAME", one_of(model_names()),
               "instead of --profile: count the multiply-adds and bytes of this model's cuts");
  options.count("batch", given->batch, {2, 1'000'000}, "with --model: images in a mini-batch [default: 100]");
  options.text("images", given->images, "NAME", one_of(data_set_names()),
               "with --model: data set whose images have the right shape; none is read [default: cifar10]");
  options.text("cuts", given->cuts, "SET", one_of({"every_block", "stages"}),
               "with --model: where it may be split [default: every_block]");
  options.text("pairing", given->pairing.policy, "POLICY", pairing_check, "who helps whom: " + pairing_values());
  options.text("cost", given->pairing.cost, "MODEL", one_of(cost_names()),
               "overlapped: computing and sending go on at once; serial: the helper waits for all activations; "
               "handover: overlapped, and the fast side's weights travel there and back");
  options.text(
      "wire", given->wire, "CODEC", one_of(wire_choices()),
      "how activations travel: fp32, fp16 or int8, in 4, 2 or 1 bytes a value; auto: the plan chooses for each "
      "pair; if the profile does not know it, its bytes are converted");
  options.number("time-limit", given->pairing.time_limit, {0, 1e6, true}, "seconds that milp may take");
  options.count("seed", given->pairing.seed, {}, "for random");
  options.flag("optimal", given->optimal, text("compute the optimum for more than ", many_agents, " agents, too"));
  options.flag("json", given->json, "print one JSON object on one line");
  options.footer(
      "A fleet file:\n"
      "  [[agent]]                # id = position, from 0\n"
      "  batches_per_second = 1.6 # of the whole model; or cpus = 2: times the speed in a measured --profile\n"
      "  batches = 50             # that it trains on in a round\n"
      "  memory_mb = 512          # optional: what it can spare for guests, in 1e6 bytes\n"
      "  [[link]]\n"
      "  between = [0, 1]         # both ways; from = 0 and to = 1 for one way\n"
      "  mbps = 50                # 1e6 bits per second; 0 = not connected\n"
      "  latency_ms = 5           # optional\n"
      "  [defaults]\n"
      "  mbps = 10                # links that are not named; without it they are not there\n\n"
      "Examples:\n"
      "  comdml plan --fleet fleet.toml --model resnet56\n"
      "  comdml profile --model resnet20 --batch 100 --out resnet20.json\n"
      "  comdml plan --fleet fleet.toml --profile resnet20.json --pairing star:3 --wire int8 --json");
  return [given] { return plan(*given); };
}

}  // namespace program
