// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml emulate: the same fleet by virtual time and by the wall clock, on slices of this processor.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iomanip>
#include <iostream>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/learn/timeline.hpp"
#include "interruption.hpp"
#include "train_task.hpp"

namespace program {

namespace {

using comdml::input_error;
using comdml::seconds;
using comdml::text;
namespace learn = comdml::learn;

/// Of a core: what all agents together may use, so that two cores keep up with them beside what else runs.
constexpr double most_shares = 1.6;

struct emulate_options {
  std::string cpus = "0.6,0.6,0.2,0.2";
  double mbps = 100;
  std::string dataset = "digits";
  std::string data_dir{};
  std::uint64_t train_limit = 0;
  std::string model = "resnet8";
  std::uint64_t batch = 16;
  std::uint64_t rounds = 10;
  std::string pairing = "greedy";
  std::string wire = "fp32";
  std::uint64_t seed = 1;
  bool json = false;
};

std::vector<double> shares_of(const std::string& written) {
  const auto wrong = [&](const std::string& what) {
    return input_error{
        "--cpus", text('"', written, "\": ", what),
        text("give each agent's share of a core, as 0.6,0.6,0.2,0.2: more than 0, at most 1, and at most ", most_shares,
             " in sum")};
  };
  std::vector<double> shares;
  for (std::string_view rest = written; !rest.empty() || shares.empty();) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    const auto share = to_number(rest.substr(0, comma));
    if (!share || !(*share > 0) || *share > 1) throw wrong(text("\"", rest.substr(0, comma), "\" is no share"));
    shares.push_back(*share);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  if (shares.size() < 2) throw wrong("one agent only");
  if (std::accumulate(shares.begin(), shares.end(), 0.0) > most_shares + 1e-9) throw wrong("too much in sum");
  return shares;
}

/// How long each round took, and each agent's training in it.
struct timing {
  std::vector<seconds> rounds;
  std::vector<std::vector<seconds>> agents;  ///< by round, then agent
};

using runner = learn::history (*)(const train_task&, any_observer, const learn::control&);

timing play(const train_task& task, runner run, const std::string& what) {
  const interruption signals;
  const auto recorder = std::make_shared<learn::timeline>(learn::timeline::selection{.first = task.options.rounds});
  timing result;
  seconds before{};
  const any_observer observer{[&](const learn::round_report& report) {
    result.rounds.push_back(report.elapsed - before);
    before = report.elapsed;
    std::cerr << what << ": round " << report.round.value + 1 << " of " << report.rounds_planned << std::endl;
    return learn::verdict::go_on;
  }};
  const learn::history past = run(task, observer, {.stop = signals.token(), .pause = {}, .recorder = recorder});
  if (past.interrupted) throw comdml::run_error{"interrupted"};
  result.agents.assign(result.rounds.size(), std::vector<seconds>(task.fleet.agents.size()));
  const auto trains = [](const learn::span_of_time& span) {
    return span.what == learn::activity::own_work || span.what == learn::activity::guest_work ||
           span.what == learn::activity::sending;
  };
  for (const learn::track& track :
       recorder->tracks(comdml::round_index{static_cast<std::uint32_t>(result.rounds.size())})) {
    const auto first = std::ranges::find_if(track.spans, trains);
    seconds end{};
    for (const learn::span_of_time& span : track.spans)
      if (trains(span)) end = span.end;
    if (first != track.spans.end()) result.agents[track.round.value][track.agent.value] = end - first->begin;
  }
  return result;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

std::string with_sign(double share) { return (share < 0 ? "-" : "+") + percent(std::abs(share)); }

int emulate(const emulate_options& options) {
  const std::vector<double> shares = shares_of(options.cpus);
  train_options o;
  o.dataset = options.dataset;
  o.data_dir = options.data_dir;
  o.train_limit = options.train_limit;
  o.test_limit = shares.size();  // looked at once, and never timed alone
  o.model = options.model;
  o.batch = options.batch;
  o.rounds = options.rounds;
  o.pairing = options.pairing;
  o.wire = options.wire;
  o.seed = options.seed;
  o.evaluate_every = 0;
  o.fleet.fleet = "uniform";
  o.fleet.agents = shares.size();
  train_task task = prepare(std::move(o));
  const double all_shares = std::accumulate(shares.begin(), shares.end(), 0.0);
  task.profile = measure_profile(task.network(), {.model = options.model, .wire = options.wire, .batch = options.batch},
                                 20, static_cast<std::size_t>(std::ceil(all_shares)));
  task.fleet =
      comdml::fleet::uniform({.agents = shares.size(), .bandwidth = comdml::megabits_per_second(options.mbps)});
  for (std::size_t i = 0; i < shares.size(); ++i) task.fleet.agents[i].speed = shares[i] * task.profile.speed;
  task.emulated = {.shares = shares, .links = true};

  const timing predicted = play(task, run_virtual, "virtual time");
  const timing measured = play(task, run_wall, "wall clock");

  const std::size_t rounds = predicted.rounds.size();
  std::vector<double> round_errors;
  std::vector<std::vector<double>> agent_errors(shares.size());
  std::vector<double> all_errors;
  for (std::size_t r = 0; r < rounds; ++r) {
    round_errors.push_back(measured.rounds[r] / predicted.rounds[r] - 1);
    for (std::size_t i = 0; i < shares.size(); ++i)
      agent_errors[i].push_back(measured.agents[r][i] / predicted.agents[r][i] - 1);
  }
  const auto size_of_error = [](std::vector<double> errors) {
    for (double& error : errors) error = std::abs(error);
    return median(std::move(errors));
  };
  for (const std::vector<double>& errors : agent_errors)
    all_errors.insert(all_errors.end(), errors.begin(), errors.end());

  if (options.json) {
    using json = nlohmann::ordered_json;
    json agents = json::array();
    for (std::size_t i = 0; i < shares.size(); ++i)
      agents.push_back({{"share", shares[i]}, {"median_error", median(agent_errors[i])}, {"errors", agent_errors[i]}});
    json each = json::array();
    for (std::size_t r = 0; r < rounds; ++r)
      each.push_back({{"predicted_s", predicted.rounds[r].value()}, {"measured_s", measured.rounds[r].value()}});
    std::cout << json{{"schema", 1},
                      {"rounds", std::move(each)},
                      {"agents", std::move(agents)},
                      {"median_error_rounds", size_of_error(round_errors)},
                      {"median_error_agents", size_of_error(all_errors)}}
                     .dump()
              << std::endl;
    return exit_code::done;
  }
  std::cout << "round   predicted    measured     error\n";
  for (std::size_t r = 0; r < rounds; ++r)
    std::cout << std::setw(5) << r + 1 << std::setw(10) << fixed(predicted.rounds[r].value(), 3) << " s"
              << std::setw(10) << fixed(measured.rounds[r].value(), 3) << " s" << std::setw(10)
              << with_sign(round_errors[r]) << '\n';
  std::cout << "\nagent   share   predicted    measured     error   (its training in a round, medians)\n";
  for (std::size_t i = 0; i < shares.size(); ++i) {
    std::vector<double> expected;
    std::vector<double> found;
    for (std::size_t r = 0; r < rounds; ++r) {
      expected.push_back(predicted.agents[r][i].value());
      found.push_back(measured.agents[r][i].value());
    }
    std::cout << std::setw(5) << i << std::setw(8) << fixed(shares[i], 2) << std::setw(10) << fixed(median(expected), 3)
              << " s" << std::setw(10) << fixed(median(found), 3) << " s" << std::setw(10)
              << with_sign(median(agent_errors[i])) << '\n';
  }
  std::cout << "\nmedian size of the error: " << percent(size_of_error(round_errors)) << " of a round, "
            << percent(size_of_error(all_errors)) << " of an agent's training\n";
  return exit_code::done;
}

}  // namespace

action add_emulate(command options) {
  const auto given = std::make_shared<emulate_options>();
  options.text("cpus", given->cpus, "SHARES", not_empty,
               text("each agent's share of a core, in sum at most ", most_shares));
  options.number("mbps", given->mbps, {0, 1e6, true}, "rate of every link, in 1e6 bits per second");
  options.text("dataset", given->dataset, "NAME", one_of(data_set_names()), "training images");
  options.text("data-dir", given->data_dir, "DIR", existing_directory, "directory with the data set's files");
  options.count("train-limit", given->train_limit, {}, "use the first N training images; 0 = all");
  options.text("model", given->model, "NAME", one_of(model_names()), "what is trained");
  options.count("batch", given->batch, {2, 1'000'000}, "images in a mini-batch");
  options.count("rounds", given->rounds, {1, 10'000}, "rounds");
  options.text("pairing", given->pairing, "POLICY", pairing_check, "who helps whom: " + pairing_values());
  options.text("wire", given->wire, "CODEC", one_of(wire_choices()), "how activations travel");
  options.count("seed", given->seed, {}, "of weights and data");
  options.flag("json", given->json, "print one JSON object on one line");
  options.footer(
      "How well does simulated time predict real time? Measures the split profile on this processor, plays the fleet\n"
      "under the virtual clock, then trains it under the wall clock: agents rest so that each computes on its share\n"
      "of a core, messages arrive as the links allow. Leave the machine alone meanwhile.\n\n"
      "Example:\n"
      "  comdml emulate --cpus 0.6,0.6,0.2,0.2 --mbps 50 --rounds 10");
  return [given] { return emulate(*given); };
}

}  // namespace program
