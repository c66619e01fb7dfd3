// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml simulate: rounds of a fleet without learning.
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "comdml/comm/routes.hpp"
#include "comdml/comm/through_server.hpp"
#include "comdml/core/atomic_file.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/random.hpp"
#include "comdml/learn/timeline.hpp"
#include "comdml/report/metrics.hpp"
#include "comdml/report/timeline.hpp"
#include "comdml/simulation/simulator.hpp"
#include "config_file.hpp"
#include "interruption.hpp"
#include "policies.hpp"
#include "report_facts.hpp"
#include "simulate_options.hpp"

namespace program {

namespace {

namespace fs = std::filesystem;
namespace simulation = comdml::simulation;
using comdml::bytes;
using comdml::input_error;
using comdml::seconds;
using comdml::text;

/// Agents whose average a collective can form in reasonable time.
constexpr std::uint64_t most_joined = 5000;
/// Agents whose pairs are listed in metrics.jsonl, and who are described in run.json.
constexpr std::uint64_t most_listed = 2000;

using simulator = simulation::simulator<any_pairing, any_collective>;

comdml::fleet::split_profile profile_of(const simulate_options& o, const any_network& network) {
  const profile_request wanted{
      .model = o.model, .auxiliary_head = o.auxiliary_head, .cuts = o.cuts, .wire = o.wire, .batch = o.batch};
  return o.profile == "analytic" ? count_profile(network, wanted) : load_profile(o.profile, network, wanted);
}

/// How many images each agent owns.
std::vector<std::size_t> images_of(const simulate_options& o, std::size_t agents) {
  comdml::random_stream rng{o.seed, comdml::purpose::partition};
  std::vector<std::size_t> images;
  for (std::size_t i = 0; i < agents; ++i) {
    const double drawn = static_cast<double>(o.own_images) * std::pow(o.spread, rng.uniform(-1, 1));
    images.push_back(std::max<std::size_t>(2, static_cast<std::size_t>(std::llround(drawn))));
  }
  return images;
}

/// Whether everything given means something to the algorithm, and can be played.
void require_meaning(const simulate_options& o) {
  const bool neighbors = o.join == "neighbors";
  const auto refuse = [](bool when, const char* option, const char* what, const char* remedy) {
    if (when) throw input_error{option, what, remedy};
  };
  refuse(neighbors && o.weight_wire != "fp32", "--weight-wire", "is of the average of all, which nobody forms here",
         "leave it out, or give --join allreduce");
  if (o.algorithm != "fedavg") return;
  refuse(neighbors, "--join", "neighbors: fedavg's server forms the average of all", "give --join allreduce");
  refuse(o.collective != "halving-doubling", "--collective", "fedavg's server forms the average", "leave it out");
  // Agents that are away change the ranks, and the server among them would be missed.
  refuse(o.fleet.sample < 1 || !o.fleet.come_and_go.empty() || !o.fleet.trace.empty(), "--algorithm",
         "fedavg: the server and its clients must be there in all rounds",
         "leave out --sample, --come-and-go and --trace, or choose allreduce");
}

/// All that can be wrong with the input has been found.
struct task {
  simulate_options options;  ///< complete
  std::size_t links = 0;
  std::unique_ptr<simulator> engine;
  std::string facts{};                                  ///< run.json, of fleets that are listed
  std::shared_ptr<comdml::learn::timeline> recorder{};  ///< of what is drawn
};

/// \param typed  the command line; empty if no results are kept
task prepare(simulate_options o, const std::string& typed) {
  require_meaning(o);
  const bool neighbors = o.join == "neighbors";
  if (!o.cost) o.cost = neighbors ? "handover" : "overlapped";
  const auto shape = program::images_of(o.images);
  const any_network network = make_model(o.model, usual_shortcut(o.model), shape.shape, shape.classes);
  comdml::fleet::split_profile profile = profile_of(o, network);
  comdml::fleet::description fleet = make_fleet(o.fleet, most_simulated, o.rounds, o.seed, profile.speed);
  const std::size_t agents = fleet.agents.size();
  o.fleet.agents = agents;
  if (!neighbors && agents > most_joined)
    throw input_error{"--join", text("allreduce: ", agents, " agents cannot all exchange with each other"),
                      text("give --join neighbors, or at most ", most_joined, " agents")};
  const std::vector<std::size_t> images = images_of(o, agents);
  task result{.options = o, .links = 0, .engine = {}};
  if (!typed.empty() && agents <= most_listed) result.facts = run_facts(fleet, images, profile, network.units(), typed);
  if (!typed.empty() && agents <= most_recorded && !neighbors)
    result.recorder = std::make_shared<comdml::learn::timeline>(recorded_rounds(agents, o.rounds));
  const std::size_t slots = o.optimizer == "sgd" ? 1 : 3;
  const bool current = o.replan == "current";
  simulation::model what{network,
                         any_head{o.auxiliary_head},
                         any_cuts{o.cuts},
                         std::move(profile),
                         slots,
                         o.optimizer_state == "averaged" ? comdml::learn::optimizer_carry::averaged
                                                         : comdml::learn::optimizer_carry::reset_each_round};
  any_collective collective;
  if (o.collective == "ring") collective.choice = comdml::comm::ring{};
  if (o.algorithm == "fedavg")
    collective.choice =
        comdml::comm::through_server{comdml::comm::best_connected(comdml::comm::routes{fleet.links}).value};
  for (std::uint32_t from = 0; from < agents; ++from)
    fleet.links.for_each_link(comdml::agent_id{from},
                              [&](comdml::agent_id, comdml::link_matrix::kind_index) { ++result.links; });
  result.engine = std::make_unique<simulator>(
      std::move(fleet), std::move(what), images,
      simulation::settings<any_pairing, any_collective>{
          .rounds = o.rounds,
          .batch = o.batch,
          .local_epochs = o.local_epochs,
          .paired = o.algorithm == "comdml",
          .join = neighbors ? simulation::join::neighbors : simulation::join::all_reduce,
          .knowledge = current ? simulation::knowledge::current : simulation::knowledge::declared,
          .pairing = make_pairing({.policy = o.pairing,
                                   .cost = *o.cost,
                                   .time_limit = o.time_limit,
                                   .seed = o.seed,
                                   .steady = current,
                                   .minimum_gain = o.minimum_gain,
                                   .move_cost = o.move_cost,
                                   .optimizer_slots = static_cast<double>(slots)}),
          .collective = collective,
          .weight_wire = wire_of(o.weight_wire),
          .report_pairs = agents <= most_listed,
          .recorder = result.recorder});
  return result;
}

/// A line of metrics.jsonl: the fields of schema 1, and what a simulation knows besides.
nlohmann::ordered_json to_json(const simulation::round& round, std::uint64_t agents) {
  nlohmann::ordered_json line = comdml::report::to_json(round.report, comdml::report::time_kind::simulated);
  if (agents > most_listed) line["pairs"] = line["alone"] = nullptr;
  line["pair_count"] = round.pairs;
  line["pairs_changed"] = round.repaired;
  line["participants"] = round.participants;
  line["cut_off"] = round.cut_off;
  line["idle_share"] = round.idle;
  return line;
}

/// The directory of --out.
class simulation_results {
 public:
  simulation_results(fs::path directory, const task& work) : directory_{std::move(directory)}, work_{work} {
    std::error_code failure;
    fs::create_directories(directory_, failure);
    if (failure)
      throw input_error{directory_.string(), "cannot be made a directory (" + failure.message() + ")",
                        "give --out a directory that you may write to"};
    const fs::path trial = directory_ / ".comdml-trial";
    comdml::replace_file(trial, "");
    fs::remove(trial, failure);
    for (const char* const name : {"config.toml", "run.json", "metrics.jsonl", "timeline.json"})
      if (const fs::path file = directory_ / name; fs::exists(file, failure) && !fs::is_regular_file(file, failure))
        throw input_error{file.string(), "is there, but is not a regular file", "move it away, or give another --out"};
    if (const fs::path model = directory_ / "model.safetensors"; fs::exists(model, failure))
      throw input_error{model.string(), "the directory holds the results of a training run", "give another --out"};
  }

  /// The first round replaces the files of an earlier simulation.
  void add(const simulation::round& round) {
    const fs::path metrics = directory_ / "metrics.jsonl";
    if (!lines_.is_open()) {
      comdml::replace_file(directory_ / "config.toml", write_config(work_.options));
      std::error_code failure;
      for (const char* const name : {"run.json", "timeline.json"}) fs::remove(directory_ / name, failure);
      if (!work_.facts.empty()) comdml::replace_file(directory_ / "run.json", work_.facts);
      lines_.open(metrics, std::ios::binary | std::ios::trunc);
    }
    lines_ << to_json(round, *work_.options.fleet.agents).dump() << '\n' << std::flush;
    if (!lines_) throw comdml::run_error{metrics.string() + ": writing failed; is the disk full?"};
  }

  /// What was recorded of the rounds that were played.
  void save_timeline(std::size_t rounds) const {
    if (work_.recorder)
      comdml::replace_file(
          directory_ / "timeline.json",
          comdml::report::trace(*work_.recorder, rounds, comdml::report::time_kind::simulated).dump() + '\n');
  }

  [[nodiscard]] std::string names() const {
    return (directory_ / "config.toml").string() + (work_.facts.empty() ? "" : ", run.json") + ", metrics.jsonl" +
           (work_.recorder ? ", timeline.json" : "");
  }

 private:
  fs::path directory_;
  const task& work_;
  std::ofstream lines_;
};

/// What is left of a simulation.
struct totals {
  std::size_t rounds = 0;
  simulation::round last{};
  seconds longest{};
  double idle = 0;          ///< sum over the rounds
  double pairs = 0;         ///< sum
  double participants = 0;  ///< sum
  std::size_t pairs_changed = 0;
  std::size_t cut_off = 0;
  seconds wall{};
  bool interrupted = false;

  void add(const simulation::round& round) {
    longest = std::max(longest, round.report.elapsed - last.report.elapsed);
    idle += round.idle;
    pairs += static_cast<double>(round.pairs);
    participants += static_cast<double>(round.participants);
    pairs_changed += round.repaired;
    cut_off += round.cut_off;
    last = round;
    ++rounds;
  }
  [[nodiscard]] double mean(double sum) const { return rounds == 0 ? 0 : sum / static_cast<double>(rounds); }
  [[nodiscard]] double saved() const {
    const seconds alone = last.report.elapsed_alone;
    return alone > seconds{} ? 1 - last.report.elapsed / alone : 0;
  }
};

nlohmann::ordered_json to_json(const totals& all, const task& done) {
  const auto whole = [](bytes size) { return static_cast<std::int64_t>(size.value()); };
  return {{"schema", 1},
          {"agents", *done.options.fleet.agents},
          {"links", done.links},
          {"rounds", all.rounds},
          {"interrupted", all.interrupted},
          {"simulated_seconds", all.last.report.elapsed.value()},
          {"simulated_seconds_alone", all.last.report.elapsed_alone.value()},
          {"saved", all.saved()},
          {"mean_round_seconds", all.mean(all.last.report.elapsed.value())},
          {"longest_round_seconds", all.longest.value()},
          {"mean_participants", all.mean(all.participants)},
          {"cut_off", all.cut_off},
          {"mean_pairs", all.mean(all.pairs)},
          {"pairs_changed", all.pairs_changed},
          {"idle_share", all.mean(all.idle)},
          {"bytes_activations", whole(all.last.report.activation_bytes)},
          {"bytes_weights", whole(all.last.report.weight_bytes)},
          {"wall_seconds", all.wall.value()}};
}

std::string in_bytes(bytes size) {
  double value = size.value();
  const char* unit = "B";
  for (const char* const larger : {"kB", "MB", "GB", "TB", "PB"}) {
    if (value < 1000) break;
    value /= 1000;
    unit = larger;
  }
  return fixed(value, value < 10 ? 2 : 1) + " " + unit;
}

void print(std::ostream& out, const totals& all, const task& done) {
  const simulate_options& o = done.options;
  const auto line = [&](const std::string& name, const std::string& value) {
    out << name << std::string(name.size() < 20 ? 20 - name.size() : 1, ' ') << value << '\n';
  };
  const double rounds = static_cast<double>(std::max<std::size_t>(1, all.rounds));
  const auto& last = all.last.report;
  line("rounds", text(all.rounds, all.interrupted ? text(" of ", o.rounds, ", interrupted") : "", ", ", o.algorithm,
                      ", ", o.join == "neighbors" ? "weights to neighbors" : "average of all"));
  line(
      "agents",
      text(*o.fleet.agents, ", ", done.links, " links; ", fixed(all.mean(all.participants), 1), " take part in a round",
           all.cut_off > 0 ? text(", ", fixed(static_cast<double>(all.cut_off) / rounds, 1), " cut off") : ""));
  line("round, mean",
       text(fixed(last.elapsed.value() / rounds, 2), " s, longest ", fixed(all.longest.value(), 2), " s"));
  line("nobody helped", text(fixed(last.elapsed_alone.value() / rounds, 2), " s: ", percent(all.saved()), " saved"));
  line("idle", percent(all.mean(all.idle)) + " of the participants' time");
  if (o.algorithm == "comdml")
    line("pairs", text(fixed(all.mean(all.pairs), 1), " a round; ", all.pairs_changed, " times another helper"));
  line("sent, a round", text(in_bytes(last.activation_bytes / rounds), " of activations, ",
                             in_bytes(last.weight_bytes / rounds), " of weights"));
  line("simulated time", fixed(last.elapsed.value(), 1) + " s");
  line("wall time", fixed(all.wall.value(), 1) + " s");
}

int simulate(const simulate_options& wanted, const simulate_output& output, const std::string& typed) {
  const auto begin = std::chrono::steady_clock::now();
  const auto since_begin = [&] {
    return seconds{std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()};
  };
  const task work = prepare(wanted, output.out.empty() ? "" : typed);
  std::optional<simulation_results> files;
  if (!output.out.empty()) files.emplace(output.out, work);

  // From here on the input is good.
  const interruption signals{"round"};
  std::cerr << *work.options.fleet.agents << " agents, " << work.links << " links" << std::endl;
  totals all;
  seconds told{};
  std::string failure;
  try {
    while (!work.engine->done()) {
      simulation::round round = work.engine->next();
      round.report.wall = since_begin();
      if (files) files->add(round);
      all.add(round);
      const seconds now = round.report.wall;
      if (now - told >= seconds{1} || work.engine->done()) {
        told = now;
        const double left = static_cast<double>(wanted.rounds - all.rounds) / static_cast<double>(all.rounds);
        std::cerr << "round " << all.rounds << '/' << wanted.rounds << "  simulated "
                  << fixed(round.report.elapsed.value(), 1) << " s, alone "
                  << fixed(round.report.elapsed_alone.value(), 1) << " s  pairs " << round.pairs;
        if (isatty(STDERR_FILENO) == 1 && left > 0) std::cerr << "  ETA " << fixed(left * now.value(), 0) << " s";
        std::cerr << std::endl;
      }
      if (signals.token().stop_requested() && !work.engine->done()) {
        all.interrupted = true;
        break;
      }
    }
  } catch (const comdml::run_error& error) {
    failure = error.what();
  }
  all.wall = since_begin();
  const bool kept = files && all.rounds > 0;
  if (kept) files->save_timeline(all.rounds);
  if (!failure.empty()) throw comdml::run_error{failure + (kept ? "\nresults until then: " + files->names() : "")};
  if (output.json) {
    std::cout << to_json(all, work).dump() << std::endl;
  } else {
    print(std::cout, all, work);
    if (kept) std::cout << "results: " << files->names() << '\n';
  }
  return all.interrupted ? exit_code::interrupted : exit_code::done;
}

}  // namespace

action add_simulate(command options) {
  struct settings {
    simulate_options simulate;
    simulate_output output;
    std::string config;
  };
  const auto given = std::make_shared<settings>();
  visit_options(given->simulate, options);
  visit_options(given->output, options);
  options.text("config", given->config, "FILE", existing_file,
               "TOML file with any of these options as keys (rounds = 10); the command line overrides it");
  options.footer(
      "Examples:\n"
      "  comdml simulate --agents 50 --sample 0.2 --wire int8\n"
      "  comdml simulate --agents 1000 --rounds 1000 --fleet loguniform --change 0.3:50 --replan current\n"
      "  comdml simulate --agents 100000 --topology degree:20 --join neighbors --json");
  return [given, options] {
    if (!given->config.empty())
      read_config(
          given->config, [&](const std::string& name) { return options.is_given(name); }, given->simulate,
          given->output);
    return simulate(given->simulate, given->output, options.typed());
  };
}

}  // namespace program
