// SPDX-License-Identifier: BSL-1.0
/// \file
/// Learning runs of an experiment.
#include "compare_learning.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <memory>
#include <span>
#include <sstream>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "comdml/core/atomic_file.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/sha256.hpp"
#include "comdml/data/loader.hpp"
#include "comdml/fleet/attendance.hpp"
#include "comdml/pairing/plan.hpp"
#include "config_file.hpp"
#include "policies.hpp"
#include "train_task.hpp"

namespace program {

namespace fs = std::filesystem;
using comdml::text;

namespace {

/// Looks at the agents of an algorithm without rounds, for each round of allreduce.
constexpr std::uint64_t looks = 8;

any_network small_network(const train_options& options) {
  const image_kind images = images_of(options.dataset);
  return make_model(options.model, options.shortcut.value_or(usual_shortcut(options.model)), images.shape,
                    images.classes);
}

/// With the standard values of what an experiment does not choose.
train_options options_of(const experiment& all, std::size_t agents, std::uint64_t seed) {
  train_options options = *all.learn;
  options.fleet.fleet = "uniform";
  options.fleet.agents = agents;
  options.seed = seed;
  options.threads = 1;
  options.target_accuracy = all.target;
  options.auxiliary_head = train_options{}.auxiliary_head;  // means something to comdml alone
  return options;
}

std::string hex_of(const std::string& content) {
  comdml::sha256 sum;
  sum.update(std::as_bytes(std::span{content}));
  return sum.hex();
}

void write(std::ostream& out, const fixed_plan<any_cost>& plan) {
  for (const auto& pair : plan.pairs)
    out << ' ' << pair.slow.value << '>' << pair.fast.value << '@' << pair.split.value << '/' << pair.codec;
}

/// What changes during a run, of a fleet whose own clock counts.
void write_changes(std::ostream& out, const comdml::fleet::description& fleet) {
  for (const auto& change : fleet.changes)
    out << "from " << change.from.value << " agent " << change.agent.value << " makes " << to_text(change.speed.value())
        << '\n';
  for (const auto& change : fleet.presence)
    out << "from " << change.from.value << " agent " << change.agent.value
        << (change.present ? " is there\n" : " is away\n");
  if (fleet.sampled < 1) out << "drawn " << to_text(fleet.sampled) << " by " << fleet.seed << '\n';
}

/// The plans as training wants them.
std::vector<comdml::pairing::plan> script_of(const learning_run& run) {
  std::vector<comdml::pairing::plan> script;
  for (std::size_t r = 0; r < run.plans.size(); ++r) {
    comdml::pairing::plan& plan = script.emplace_back();
    plan.alone = run.members[r];
    for (const auto& one : run.plans[r].pairs) {
      comdml::pairing::assignment& pair = plan.pairs.emplace_back();
      pair.slow = one.slow;
      pair.fast = one.fast;
      pair.split = one.split;
      pair.codec = one.codec;
      std::erase_if(plan.alone, [&](comdml::agent_id agent) { return agent == one.slow || agent == one.fast; });
    }
  }
  return script;
}

/// Who is there when, so that those who take part in a round are these, and nobody else.
std::vector<comdml::fleet::presence_change> presence_of(const std::vector<std::vector<comdml::agent_id>>& members,
                                                        std::size_t agents) {
  std::vector<comdml::fleet::presence_change> changes;
  comdml::fleet::agent_set before(agents, true);
  for (std::uint32_t r = 0; r < members.size(); ++r) {
    comdml::fleet::agent_set now = comdml::fleet::set_of(members[r], agents);
    for (std::uint32_t i = 0; i < agents; ++i)
      if (now[i] != before[i]) changes.push_back({comdml::round_index{r}, comdml::agent_id{i}, now[i]});
    before = std::move(now);
  }
  return changes;
}

fs::path result_file(const fs::path& folder, const std::string& key) { return folder / key / "result.json"; }

}  // namespace

std::string learning_run::about() const {
  std::ostringstream out;
  out << "comdml " COMDML_VERSION ", learning 1\n" << write_config(options);
  if (plan) {
    out << "plan";
    write(out, *plan);
    out << '\n';
  }
  for (std::size_t r = 0; r < members.size(); ++r) {
    out << "round " << r << ':';
    for (const comdml::agent_id agent : members[r]) out << ' ' << agent.value;
    if (!plans.empty()) write(out << ';', plans[r]);
    out << '\n';
  }
  if (fleet) {
    out << "bytes " << to_text(bytes_factor) << "\nspeeds";
    for (const auto& agent : fleet->agents) out << ' ' << to_text(agent.speed.value());
    for (std::uint32_t i = 0; i < fleet->agents.size(); ++i) {
      out << "\nlinks " << i;
      fleet->links.for_each_link(comdml::agent_id{i}, [&](comdml::agent_id to, comdml::link_matrix::kind_index kind) {
        const auto& link = fleet->links.kinds()[kind];
        out << ' ' << to.value << ':' << to_text(link.rate.value()) << ':' << to_text(link.latency.value());
      });
    }
    out << '\n';
    write_changes(out, *fleet);
  }
  return out.str();
}

std::string learning_run::key() const { return hex_of(about()).substr(0, 24); }

dealt deal_images(const experiment& all, std::size_t agents, std::uint64_t seed) {
  dealt images;
  if (!all.learn) {
    images.timed.assign(agents, all.time.batches * all.time.batch);
    return images;
  }
  train_options options = options_of(all, agents, seed);
  options.algorithm = "allreduce";
  for (const auto& shard : prepare(options).shards) images.small.push_back(shard.size());
  const auto [least, most] = std::ranges::minmax(images.small);
  double mean = 0;
  for (const std::size_t own : images.small) mean += static_cast<double>(own) / static_cast<double>(agents);
  const double whole = static_cast<double>(all.time.batches * all.time.batch);
  for (const std::size_t own : images.small)  // shares that differ by an image are meant to be even
    images.timed.push_back(static_cast<std::size_t>(
        most - least <= 1 ? whole : std::max(2.0, std::round(whole * static_cast<double>(own) / mean))));
  return images;
}

learning_run learning_of(const experiment& all, const experiment::setting& setting,
                         const experiment::contender& contender, std::uint64_t seed, const dealt& images,
                         const timing& played, const timing& together) {
  const std::size_t agents = images.small.size();
  learning_run run{.options = options_of(all, agents, seed), .label = text(contender.name, ", seed ", seed)};
  train_options& o = run.options;
  o.algorithm = contender.algorithm;
  if (o.algorithm == "allreduce" || o.algorithm == "fedavg" || o.algorithm == "comdml")
    o.weight_wire = setting.weight_wire;
  // The same average, but for rounding; where a codec loses more, partial sums lose otherwise than at a server.
  if (o.algorithm == "fedavg" && o.weight_wire == "fp32") o.algorithm = "allreduce";
  const auto whole = [&](const std::vector<comdml::agent_id>& members) { return members.size() == agents; };
  const bool away = !std::ranges::all_of(together.members, whole);
  const any_network small = small_network(o);
  const any_network timed = timed_network(all.time);
  if (o.algorithm == "comdml") {
    o.auxiliary_head = all.learn->auxiliary_head;
    o.wire = "auto";  // the plan names the codecs
    o.pairing = "none";
    const auto cuts = any_cuts{o.cuts}.points(small);
    for (const auto& round : played.rounds)
      run.plans.push_back(mapped_plan<any_cost>(round.report.plan, timed, small, cuts));
    const auto same = [&](const auto& one) { return one.pairs == run.plans.front().pairs; };
    if (!away && std::ranges::all_of(run.plans, same)) {
      run.plan = std::move(run.plans.front());
      run.plans.clear();
    } else {
      run.members = played.members;
    }
    run.label = text(contender.name, " in ", setting.name, ", seed ", seed);
    return run;
  }
  const bool free = o.algorithm == "gossip" || o.algorithm == "braintorrent";
  if (!free && o.algorithm != "dpsgd" && !contender.timed_by_training) {
    if (away) run.members = played.members;
    return run;
  }

  // Time passes for the small model as it would for the timed one.
  run.label = text(contender.name, " in ", setting.name, ", seed ", seed);
  double small_batches = 0;
  double timed_batches = 0;
  std::size_t small_steps = 0;
  std::size_t timed_steps = 0;
  for (std::size_t i = 0; i < agents; ++i) {
    small_batches += static_cast<double>(images.small[i] * o.local_epochs) / static_cast<double>(o.batch);
    timed_batches += static_cast<double>(images.timed[i]) / static_cast<double>(all.time.batch);
    small_steps = std::max(small_steps, comdml::data::batch_plan(images.small[i], o.batch).size() * o.local_epochs);
    timed_steps = std::max(timed_steps, comdml::data::batch_plan(images.timed[i], all.time.batch).size());
  }
  const double exchanges =
      o.algorithm == "dpsgd" ? static_cast<double>(timed_steps) / static_cast<double>(small_steps) : 1;
  const double size_ratio = size_of(small) / size_of(timed);
  run.fleet = scaled_fleet(fleet_of(setting, o.rounds, seed), small_batches, timed_batches, size_ratio, exchanges);
  run.bytes_factor = exchanges / size_ratio;
  if (free) {
    o.time_budget = static_cast<double>(o.rounds) * together.per_round().value();
    o.rounds *= looks;
  }
  return run;
}

std::optional<learned> kept_learning(const fs::path& folder, const learning_run& run) {
  const fs::path file = result_file(folder, run.key());
  std::ifstream in{file, std::ios::binary};
  if (!in) return std::nullopt;
  const nlohmann::json kept = nlohmann::json::parse(in, nullptr, false);
  if (kept.is_discarded() || !kept.is_object() || kept.value("about", "") != run.about()) return std::nullopt;
  try {
    learned result;
    result.failure = kept.at("failure").get<std::string>();
    for (const nlohmann::json& one : kept.at("rows")) {
      const auto number = [&](std::size_t at) { return one.at(at).is_null() ? INFINITY : one.at(at).get<double>(); };
      result.rows.push_back({number(0), number(1), number(2), number(3), number(4), number(5)});
    }
    return result;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;  // whatever it is, it is no result
  }
}

std::optional<learned> run_learning(const fs::path& folder, const learning_run& run, const std::stop_token& stop) {
  train_task task = prepare(run.options);
  if (run.plan) task.pairing = any_pairing{*run.plan};
  if (!run.plans.empty()) task.script = std::make_shared<const std::vector<comdml::pairing::plan>>(script_of(run));
  if (!run.members.empty()) task.fleet.presence = presence_of(run.members, task.fleet.agents.size());
  if (run.fleet) task.fleet = *run.fleet;
  learned result;
  const double target = *run.options.target_accuracy;
  const any_observer observer{[&](const comdml::learn::round_report& report) {
    result.rows.push_back({.accuracy = report.test_accuracy.value_or(0),
                           .test_loss = report.test_loss.value_or(INFINITY),
                           .train_loss = report.train_loss,
                           .seconds = report.elapsed.value(),
                           .weight_bytes = std::round(report.weight_bytes.value() * run.bytes_factor),
                           .wall = report.wall.value()});
    return result.rows.back().accuracy >= target ? comdml::learn::verdict::stop : comdml::learn::verdict::go_on;
  }};
  try {
    const comdml::learn::history past = program::run(task, observer, {.stop = stop, .pause = {}, .recorder = {}});
    if (past.interrupted) return std::nullopt;
  } catch (const comdml::learn::incomplete_run& error) {
    if (stop.stop_requested()) return std::nullopt;
    result.failure = error.what();
  }
  if (result.rows.empty() && result.failure.empty()) return std::nullopt;  // stopped before anything was known
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const learned::row& one : result.rows)
    rows.push_back({one.accuracy, one.test_loss, one.train_loss, one.seconds, one.weight_bytes, one.wall});
  const nlohmann::ordered_json kept{
      {"schema", 1},
      {"digest", run.key()},
      {"about", run.about()},
      {"columns", "accuracy, test loss, train loss, seconds, bytes of weights, wall seconds"},
      {"failure", result.failure},
      {"rows", std::move(rows)}};
  fs::create_directories(folder / run.key());
  comdml::replace_file(result_file(folder, run.key()),
                       kept.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n');
  return result;
}

}  // namespace program
