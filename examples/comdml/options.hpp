// SPDX-License-Identifier: BSL-1.0
/// \file
/// What `comdml train` can be told, in one table: the command line, the configuration file, and the copy of it that a
/// run leaves behind are all made from it.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

#include "data_sets.hpp"
#include "fleets.hpp"
#include "models.hpp"
#include "pairings.hpp"
#include "profiles.hpp"
#include "texts.hpp"

namespace program {

struct train_options {
  std::string dataset = "digits";
  std::string data_dir{};
  std::uint64_t train_limit = 0;
  std::uint64_t test_limit = 0;

  std::string model = "resnet8";
  std::optional<std::string> shortcut{};
  std::string cuts = "every_block";
  std::string auxiliary_head = "convolution_pool_linear";

  fleet_options fleet{};
  std::uint64_t rounds = 20;
  std::uint64_t batch = 16;
  std::uint64_t local_epochs = 1;
  std::string partition = "iid";
  std::string augment = "none";

  std::string algorithm = "comdml";
  std::optional<std::uint64_t> server{};
  std::optional<std::uint64_t> cut{};
  std::uint64_t mix_every = 1;
  std::optional<double> time_budget{};
  std::string pairing = "greedy";
  std::string cost = "overlapped";
  std::string wire = "fp32";
  std::string weight_wire = "fp32";
  double time_limit = 10;
  std::string replan = "declared";
  std::optional<double> minimum_gain{};
  std::optional<double> move_cost{};
  std::string collective = "halving-doubling";
  std::string profile = "analytic";

  std::string optimizer = "sgd";
  std::string optimizer_state = "reset";
  std::optional<double> learning_rate{};
  double momentum = 0.9;
  double weight_decay = 5e-4;
  std::string schedule = "constant";
  std::string init{};

  std::uint64_t evaluate_every = 1;
  std::string clock = "virtual";
  std::string transport = "in-process";
  std::uint64_t seed = 1;
  std::uint64_t threads = 0;
  std::optional<double> target_accuracy{};
  std::uint64_t checkpoint_every = 0;
};

/// In one process.
inline constexpr std::uint64_t most_agents = 512;

/// Where the results go; no part of what is computed, so config.toml leaves it out.
struct output_options {
  std::string out{};
  bool json = false;
};

/// Shows every option to a visitor: `group(title)`, `text(name, value, type, check, help)`,
/// `count(name, value, range, help)`, `number(name, value, range, help)`. A value may be a std::optional.
template <class Options, class Visitor>
  requires std::same_as<std::remove_const_t<Options>, train_options>
void visit_options(Options& o, Visitor&& v) {
  v.group("Data");
  v.text("dataset", o.dataset, "NAME", one_of(data_set_names()),
         "training and test images; digits are part of the program, cifar100 is taken with its 100 fine labels");
  v.text("data-dir", o.data_dir, "DIR", existing_directory,
         "directory with the data set's files; not needed for digits, nor for fashion-mnist where Debian's "
         "dataset-fashion-mnist is installed");
  v.count("train-limit", o.train_limit, {}, "use the first N training images; 0 = all");
  v.count("test-limit", o.test_limit, {}, "use the first N test images; 0 = all");
  v.text("partition", o.partition, "HOW", partition_check,
         "how training images are dealt to the agents: iid, dirichlet:ALPHA (uneven classes), shards:N (N runs of "
         "images sorted by class each)");
  v.text("augment", o.augment, "HOW", one_of({"none", "crop-flip", "crop-flip-cutout"}),
         "random changes of training images");

  v.group("Model");
  v.text("model", o.model, "NAME", one_of(model_names()), "what is trained");
  v.text(
      "shortcut", o.shortcut, "KIND", one_of(shortcut_names()),
      "residual shortcut where the shape changes [default: identity_padded for resnet*, projection for bottleneck*]");
  v.text("cuts", o.cuts, "SET", one_of({"every_block", "stages"}), "where a model may be split between two agents");
  v.text("auxiliary-head", o.auxiliary_head, "KIND", one_of(auxiliary_head_names()),
         "small network that gives the slow side of a cut its own loss");
  v.text("init", o.init, "FILE", existing_file,
         "start from the weights of a .safetensors file [default: drawn from the seed]");

  v.group("Training");
  v.count("rounds", o.rounds, {1, 1'000'000},
          "rounds: everyone trains on its own images, then all models are averaged");
  v.count("local-epochs", o.local_epochs, {1, 10'000}, "passes over an agent's images in a round");
  v.count("batch", o.batch, {2, 1'000'000}, "images in a mini-batch");
  v.text("optimizer", o.optimizer, "NAME", one_of({"sgd", "adam"}), "sgd (Nesterov momentum), or adam (AMSGrad)");
  v.text("optimizer-state", o.optimizer_state, "HOW", one_of({"reset", "averaged"}),
         "the optimizer's memory at the end of a round: forgotten, or averaged like the weights");
  v.number("learning-rate", o.learning_rate, {0, 1000, true}, "step size [default: 0.02 for sgd, 0.001 for adam]");
  v.number("momentum", o.momentum, {0, 1}, "of sgd");
  v.number("weight-decay", o.weight_decay, {0, 1000}, "of either optimizer");
  v.text("schedule", o.schedule, "NAME", one_of({"constant", "plateau", "step"}),
         "learning rate over the rounds; plateau: x 0.3 after more than 10 evaluations without a better accuracy; "
         "step: x 0.1 after each third of the rounds");
  v.number("target-accuracy", o.target_accuracy, {0, 1},
           "stop once the test accuracy is at least this [default: none]");
  v.count("evaluate-every", o.evaluate_every, {},
          "rounds between two evaluations; the last round is always evaluated, 0 = only that");

  v.group("Agents");
  visit_options(o.fleet, v, most_agents);
  v.text("algorithm", o.algorithm, "NAME",
         one_of({"comdml", "allreduce", "fedavg", "dpsgd", "splitlearning", "gossip", "braintorrent"}),
         "comdml: slow agents hand work to fast ones; the others are what it is compared with (docs/rivals.md). "
         "allreduce: everyone trains alone, then all models are averaged; fedavg: the same through a server; dpsgd: "
         "neighbors average after every mini-batch; splitlearning: agents take turns with a server that holds the "
         "upper part; gossip: models walk at random, without rounds; braintorrent: newer models are fetched, without "
         "rounds");
  v.count("server", o.server, {0, most_agents - 1},
          "for fedavg and splitlearning: the agent that is the server, too [default: the best connected one; for "
          "splitlearning the one with the fastest round]");
  v.count("cut", o.cut, {1, 1000},
          "for splitlearning: units of the model below the cut [default: the cut with the fastest round]");
  v.count("mix-every", o.mix_every, {1, 1'000'000}, "for dpsgd: mini-batches from one averaging to the next");
  v.number("time-budget", o.time_budget, {0, 1e9, true},
           "for gossip and braintorrent: simulated seconds, --rounds of which are told of, evenly spaced [default: as "
           "long as --rounds rounds of allreduce]");
  v.text("pairing", o.pairing, "POLICY", pairing_check, "who helps whom: " + pairing_values());
  v.text("cost", o.cost, "MODEL", one_of(cost_names()),
         "how pairs are rated; overlapped: computing and sending go on at once; serial: the helper waits for all "
         "activations; handover: overlapped, and the fast side's weights travel there and back");
  v.text(
      "wire", o.wire, "CODEC", one_of(wire_choices()),
      "how activations travel: fp32, fp16 or int8, in 4, 2 or 1 bytes a value; auto: the plan chooses for each pair");
  v.text("weight-wire", o.weight_wire, "CODEC", one_of(wire_names()),
         "how weights travel when models are averaged: fp32, fp16 or int8; but for fp32, their changes do");
  v.number("time-limit", o.time_limit, {0, 1e6, true}, "seconds that milp may take for a plan");
  v.text("replan", o.replan, "FROM", one_of({"declared", "measured"}),
         "what each round's plan is made from; declared: the fleet's speeds and links; measured: the speeds and links "
         "that agents find, smoothed over rounds, and pairs stay together unless others gain enough");
  v.number("minimum-gain", o.minimum_gain, {0, .99},
           "with --replan measured: share of a round's time that other pairs must save [default: 0.1]");
  v.number("move-cost", o.move_cost, {0, 1e6},
           "with --replan measured: seconds that they must save besides, for each agent that gets another helper "
           "[default: 0]");
  v.text("collective", o.collective, "NAME", one_of({"halving-doubling", "ring", "native"}),
         "how models are averaged; native: by MPI's own all-reduce (--transport mpi), faster where ranks share memory, "
         "and other bits than everywhere else");
  v.text("profile", o.profile, "analytic|measured|FILE", profile_check,
         "what a cut costs: counted, measured on this processor before training, or from a file of comdml profile");
  v.text(
      "clock", o.clock, "KIND", one_of({"virtual", "wall"}),
      "virtual: time is simulated from the fleet's speeds and links; wall: real time, agents as fast as this machine");
  v.text("transport", o.transport, "KIND", one_of({"in-process", "mpi"}),
         "in-process: all agents in this process; mpi: each is a rank of an MPI program, and the clock is wall "
         "(mpirun -n 4 comdml train --transport mpi ...). Agents on machines that do not trust their network: comdml "
         "agent");
  v.count("seed", o.seed, {}, "same seed, same weights, to the last bit");
  v.count("threads", o.threads, {0, 1024}, "cores to use, no matter for the result; 0 = all");
  v.count("checkpoint-every", o.checkpoint_every, {0, 1'000'000},
          "write a checkpoint to the folder checkpoints in --out every N rounds, and when the run is interrupted; "
          "--resume goes on from there (docs/checkpoints.md); 0 = none");
}

template <class Options, class Visitor>
  requires std::same_as<std::remove_const_t<Options>, output_options>
void visit_options(Options& o, Visitor&& v) {
  v.group("Results");
  v.text("out", o.out, "DIR", not_empty,
         "write config.toml, run.json, metrics.jsonl, timeline.json (some rounds, for comdml report and Perfetto) and "
         "model.safetensors there. Files of an earlier run are replaced when the "
         "first round is over; its model is kept as model.safetensors.previous [default: nothing is written]");
  v.flag("json", o.json, "print one JSON object as the last line of standard output");
}

}  // namespace program
