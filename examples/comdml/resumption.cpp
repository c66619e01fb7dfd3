// SPDX-License-Identifier: BSL-1.0
/// \file
/// Going on with a run.
#include "resumption.hpp"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "comdml/core/errors.hpp"
#include "comdml/core/sha256.hpp"
#include "comdml/core/text_file.hpp"
#include "comdml/learn/commit_log.hpp"
#include "config_file.hpp"

namespace program {

namespace fs = std::filesystem;
using comdml::input_error;
using comdml::text;

namespace {

constexpr const char* give_a_run = "give a folder that comdml train --checkpoint-every N --out has written";

/// Lets a digest see numbers, as their bytes.
template <class T>
void update(comdml::sha256& digest, std::span<const T> values) {
  digest.update(std::as_bytes(values));
}
void update(comdml::sha256& digest, std::initializer_list<double> values) {
  update(digest, std::span{values.begin(), values.size()});
}

/// Some of the images, all of the labels.
void update(comdml::sha256& digest, const comdml::data::image_set& images) {
  update(digest, images.labels());
  const std::size_t step = 1 + images.size() / 1000;
  for (std::size_t i = 0; i < images.size(); i += step) update(digest, images.pixels(i));
}

/// What the run is, whatever its files are called: settings, data, how it is dealt, the fleet, what cuts cost.
std::string name_of(const train_task& task) {
  train_options o = task.options;
  if (o.schedule != "step") o.rounds = 1;  // what has been trained does not depend on them
  o.checkpoint_every = 0;
  o.threads = 0;
  o.profile = "analytic";
  o.data_dir.clear();
  o.init.clear();
  comdml::sha256 digest;
  const std::string settings = write_config(o);
  update(digest, std::span{settings});
  update(digest, task.images.train);
  update(digest, task.images.test);
  for (const auto& shard : task.shards) update(digest, std::span{shard});
  const auto agents = static_cast<std::uint32_t>(task.fleet.agents.size());
  for (std::uint32_t from = 0; from < agents; ++from) {
    update(digest, {task.fleet.agents[from].speed.value(), task.fleet.agents[from].memory.value()});
    for (std::uint32_t to = 0; to < agents; ++to) {
      if (from == to) continue;
      const auto link = task.fleet.links(comdml::agent_id{from}, comdml::agent_id{to});
      update(digest, {link.rate.value(), link.latency.value()});
    }
  }
  for (const comdml::fleet::split_cost& cut : task.profile.splits) {
    update(digest, {static_cast<double>(cut.point.value), cut.slow_share, cut.fast_share, cut.wire.value()});
    update(digest, std::span{cut.codec});
  }
  if (task.initial)
    for (const auto* values : {&task.initial->parameters, &task.initial->statistics})
      update(digest, std::span{*values});
  return "comdml train " + digest.hex();
}

/// The lines of a configuration by option.
std::map<std::string, std::string> lines_of(const train_options& options) {
  std::istringstream written{write_config(options)};
  std::map<std::string, std::string> found;
  for (std::string line; std::getline(written, line);)
    if (const auto equals = line.find(" = "); equals != std::string::npos)
      found[line.substr(0, equals)] = line.substr(equals + 3);
  return found;
}

/// The lines of metrics.jsonl on rounds 1, 2, ..., as far as they are whole.
std::vector<std::string> told_rounds(const fs::path& file) {
  const std::string content = comdml::read_text_file(
      file, {std::uintmax_t{1} << 31, "metrics of a run", give_a_run, "give a folder that comdml train has written"});
  std::vector<std::string> lines;
  std::string_view rest = content;
  for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
    const std::string_view line = rest.substr(0, end);
    const auto row = nlohmann::json::parse(line, nullptr, false);
    if (!row.is_object() || !row.contains("round") || row["round"] != lines.size() + 1) break;
    lines.emplace_back(line);
    rest.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace

fs::path checkpoints_of(const fs::path& results) { return results / "checkpoints"; }

comdml::learn::checkpoints checkpoints_of(const fs::path& results, const train_task& task) {
  return {checkpoints_of(results), std::max<std::uint64_t>(1, task.options.checkpoint_every), name_of(task)};
}

train_options options_of_run(const fs::path& results, const train_options& given,
                             const std::function<bool(const std::string&)>& is_given) {
  const fs::path config = results / "config.toml";
  std::error_code failure;
  if (!fs::is_regular_file(config, failure))
    throw input_error{results.string(), "holds no run: there is no config.toml", give_a_run};
  if (!fs::is_directory(checkpoints_of(results), failure))
    throw input_error{results.string(), "holds no checkpoints", give_a_run};
  output_options none;
  train_options stored;
  read_config(
      config, [](const std::string&) { return false; }, stored, none);
  train_options merged = given;
  read_config(config, is_given, merged, none);
  const auto before = lines_of(stored);
  for (const auto& [name, value] : lines_of(merged)) {
    const auto found = before.find(name);
    if (found != before.end() && found->second == value) continue;
    if (name == "rounds" || name == "threads" || name == "checkpoint-every") continue;
    throw input_error{"--" + name,
                      text("is ", found == before.end() ? "not set" : found->second, " in ", config.string(),
                           ", and the run goes on as it began"),
                      "leave it out, or begin a new run in another --out"};
  }
  if (merged.rounds != stored.rounds && merged.schedule == "step")
    throw input_error{"--rounds", "the learning rate of --schedule step depends on it",
                      "leave it out, or begin a new run in another --out"};
  return merged;
}

std::string resumption::last_line() const {
  const std::size_t end = metrics.size() - 1;
  const std::size_t before = metrics.rfind('\n', end - 1);
  const std::size_t begin = before == std::string::npos ? 0 : before + 1;
  return metrics.substr(begin, end - begin);
}

resumption find_resumption(const fs::path& results, const train_task& task,
                           const std::function<void(const std::string&)>& warn) {
  const std::vector<std::string> told = told_rounds(results / "metrics.jsonl");
  const auto found = comdml::learn::latest_of_fleet(checkpoints_of(results, task), task.fleet.agents.size(), warn,
                                                    comdml::round_index{static_cast<std::uint32_t>(told.size())});
  if (!found || found->round.value == 0)
    throw input_error{checkpoints_of(results).string(),
                      text("there is no checkpoint of the ", told.size(), " rounds in metrics.jsonl"), give_a_run};
  const std::size_t rounds = found->round.value;
  if (rounds > task.options.rounds)
    throw input_error{"--rounds", text(rounds, " rounds of the run are over"), text("give more than ", rounds)};
  resumption from{.rounds = rounds, .metrics = {}, .resume = found->resume};
  for (std::size_t i = 0; i < rounds; ++i) from.metrics += told[i] + '\n';
  // A run that is over has its model; one that was killed before it was written still needs it.
  const auto last = nlohmann::json::parse(from.last_line());
  const auto& accuracy = last.contains("test_accuracy") ? last["test_accuracy"] : nlohmann::json{};
  const bool reached =
      task.options.target_accuracy && accuracy.is_number() && accuracy.get<double>() >= *task.options.target_accuracy;
  std::error_code failure;
  if ((reached || rounds == task.options.rounds) && fs::exists(results / "model.safetensors", failure))
    throw input_error{results.string(),
                      reached ? text("the run reached its target in round ", rounds)
                              : text("the run is over: it has had its ", rounds, " rounds"),
                      reached ? "begin a new run with another target, in another --out"
                              : text("give --rounds, more than ", rounds, ", to train on")};
  return from;
}

}  // namespace program
