// SPDX-License-Identifier: BSL-1.0
/// \file
/// What `comdml simulate` can be told, in one table, as options.hpp does for training.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

#include "data_sets.hpp"
#include "fleets.hpp"
#include "models.hpp"
#include "options.hpp"
#include "pairings.hpp"
#include "profiles.hpp"
#include "texts.hpp"

namespace program {

struct simulate_options {
  fleet_options fleet{};

  std::string model = "resnet56";
  std::string images = "cifar10";
  std::string cuts = "every_block";
  std::string auxiliary_head = "convolution_pool_linear";
  std::string profile = "analytic";
  std::uint64_t batch = 100;
  std::uint64_t own_images = 5000;
  double spread = 1;
  std::uint64_t local_epochs = 1;
  std::string optimizer = "sgd";
  std::string optimizer_state = "reset";

  std::uint64_t rounds = 100;
  std::string algorithm = "comdml";
  std::string join = "allreduce";
  std::string pairing = "greedy";
  std::optional<std::string> cost{};
  std::string wire = "fp32";
  std::string weight_wire = "fp32";
  double time_limit = 10;
  std::string replan = "declared";
  double minimum_gain = .1;
  double move_cost = 0;
  std::string collective = "halving-doubling";
  std::uint64_t seed = 1;
};

/// In one simulation.
inline constexpr std::uint64_t most_simulated = 1'000'000;

template <class Options, class Visitor>
  requires std::same_as<std::remove_const_t<Options>, simulate_options>
void visit_options(Options& o, Visitor&& v) {
  v.group("Fleet");
  visit_options(o.fleet, v, most_simulated);
  v.count("seed", o.seed, {}, "same seed, same rounds");

  v.group("Work");
  v.text("model", o.model, "NAME", one_of(model_names()), "whose cuts and weights count");
  v.text("images", o.images, "NAME", one_of(data_set_names()),
         "data set whose images have the right shape; none is read");
  v.text("cuts", o.cuts, "SET", one_of({"every_block", "stages"}), "where it may be split between two agents");
  v.text("auxiliary-head", o.auxiliary_head, "KIND", one_of(auxiliary_head_names()), "on the slow side of a cut");
  v.text("profile", o.profile, "analytic|FILE", counted_profile_check,
         "what a cut costs: counted, or from a file of comdml profile");
  v.count("batch", o.batch, {2, 1'000'000}, "images in a mini-batch");
  v.count("own-images", o.own_images, {2, 100'000'000}, "that each agent trains on in an epoch");
  v.number("spread", o.spread, {1, 1000},
           "agents own between 1/SPREAD and SPREAD times that number, drawn log-uniformly");
  v.count("local-epochs", o.local_epochs, {1, 10'000}, "passes over an agent's images in a round");
  v.text("optimizer", o.optimizer, "NAME", one_of({"sgd", "adam"}), "whose memory a helper must hold for a guest");
  v.text("optimizer-state", o.optimizer_state, "HOW", one_of({"reset", "averaged"}),
         "the optimizer's memory at the end of a round: forgotten, or sent along with the weights");

  v.group("Rounds");
  v.count("rounds", o.rounds, {1, 1'000'000}, "how many are played");
  v.text(
      "algorithm", o.algorithm, "NAME", one_of({"comdml", "allreduce", "fedavg"}),
      "comdml: slow agents hand work to fast ones; allreduce: everyone trains alone; fedavg: the same, and a server, "
      "the best connected agent, forms the average");
  v.text(
      "join", o.join, "HOW", one_of({"allreduce", "neighbors"}),
      "how models meet; allreduce: the average of all, every exchange is with all, as in comdml train; neighbors: each "
      "agent sends its weights to its neighbors and waits for theirs (as in D-PSGD), statuses go to neighbors only, "
      "and "
      "a helper gets the weights of its guest's layers and sends them back; for large fleets");
  v.text("pairing", o.pairing, "POLICY", pairing_check, "who helps whom: " + pairing_values());
  v.text("cost", o.cost, "MODEL", one_of(cost_names()),
         "how pairs are rated, see comdml train --help [default: overlapped; with --join neighbors handover]");
  v.text("wire", o.wire, "CODEC", one_of(wire_names()), "how activations travel");
  v.text("weight-wire", o.weight_wire, "CODEC", one_of(wire_names()),
         "how weights travel into the average; not with --join neighbors");
  v.number("time-limit", o.time_limit, {0, 1e6, true}, "seconds that milp may take for a plan");
  v.text("replan", o.replan, "FROM", one_of({"declared", "current"}),
         "what plans are made from; declared: the speeds that agents had at the start; current: those of the round, as "
         "if every change were known at once, and pairs stay together unless others gain enough");
  v.number("minimum-gain", o.minimum_gain, {0, .99},
           "with --replan current: share of a round's time that other pairs must save");
  v.number("move-cost", o.move_cost, {0, 1e6},
           "with --replan current: seconds that they must save besides, for each agent that gets another helper");
  v.text("collective", o.collective, "NAME", one_of({"halving-doubling", "ring"}),
         "with --join allreduce: how models are averaged");
}

/// Where the results go.
struct simulate_output {
  std::string out{};
  bool json = false;
};

template <class Options, class Visitor>
  requires std::same_as<std::remove_const_t<Options>, simulate_output>
void visit_options(Options& o, Visitor&& v) {
  v.group("Results");
  v.text(
      "out", o.out, "DIR", not_empty,
      "write config.toml, run.json, metrics.jsonl and timeline.json (some rounds of up to 512 agents with --join "
      "allreduce) there, for comdml report; those of an earlier simulation are replaced when the first round is over "
      "[default: nothing is written]");
  v.flag("json", o.json, "print one JSON object as the last line of standard output");
}

}  // namespace program
