// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml agent.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent_board.hpp"
#include "agent_config.hpp"
#include "agent_log.hpp"
#include "agent_watch.hpp"
#include "commands.hpp"
#include "comdml/core/digest.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/learn/checkpoint.hpp"
#include "comdml/learn/history.hpp"
#include "resumption.hpp"
#include "told_run.hpp"
#include "train_task.hpp"
#include "zeromq_line.hpp"

namespace program {

namespace {

using comdml::agent_id;
using comdml::input_error;
using comdml::text;
namespace fs = std::filesystem;
namespace learn = comdml::learn;

train_task prepare_agent(const agent_config& config) {
  train_options options = config.train;
  options.fleet.agents = config.peers.size() + 1;
  options.clock = "wall";
  if (!config.agent.data_dir.empty()) options.data_dir = config.agent.data_dir;
  train_task task = prepare(std::move(options));
  if (task.fleet.agents.size() != config.peers.size() + 1)
    throw input_error{"[train] fleet",
                      text("has ", task.fleet.agents.size(), " agents, and with this one there are ",
                           config.peers.size() + 1, " by the [[peer]]s"),
                      "list all others as [[peer]], or choose another fleet"};
  require_for_processes(task, "[train]");
  if (config.agent.own_data) {
    auto& own = task.shards.at(*config.agent.id);
    own.resize(task.images.train.size());
    std::iota(own.begin(), own.end(), 0u);
  }
  return task;
}

/// How long a peer may give no sign of life. On a slow link what is under way before it, 256 KiB, takes its time.
comdml::seconds heartbeat_of(const train_task& task) {
  constexpr comdml::bytes under_way{3.0 * (1 << 18)};
  comdml::seconds longest{2};
  const auto count = static_cast<std::uint32_t>(task.fleet.agents.size());
  for (std::uint32_t i = 0; i < count; ++i)
    for (std::uint32_t j = 0; j < count; ++j)
      if (const auto rate = task.fleet.links(agent_id{i}, agent_id{j}).rate; i != j && rate.value() > 0)
        longest = std::max(longest, under_way / rate);
  return longest;
}

/// Where it begins: by its latest checkpoint, if there is one.
std::optional<learn::checkpoint> saved_run(const learn::checkpoints& folder, const train_task& task, agent_log& log) {
  std::optional<learn::checkpoint> saved =
      folder.latest([&](const std::string& what) { log.write(log_level::warning, what); });
  if (!saved) return saved;
  const bool over = saved->round.value >= task.options.rounds;
  log.write(log_level::info, text("goes on from the checkpoint of round ", saved->round.value,
                                  over ? ": the last one, which others may have missed" : ""));
  return saved;
}

/// With whom the run begins, ascending.
std::vector<agent_id> founders_of(const agent_config& config) {
  std::vector<agent_id> founders;
  const auto add = [&](std::uint64_t id, bool later) {
    if (!later) founders.push_back(agent_id{static_cast<std::uint32_t>(id)});
  };
  add(*config.agent.id, config.agent.later);
  for (const peer_options& peer : config.peers) add(*peer.id, peer.later);
  std::ranges::sort(founders);
  return founders;
}

/// Of all that agents who take part in one run must be told alike.
std::uint64_t fleet_digest(std::uint64_t settings, const agent_config& config) {
  comdml::digest64 all;
  const auto add = [&](std::uint64_t number) { all.update(std::as_bytes(std::span{&number, 1})); };
  add(settings);
  add(config.survival.quorum);  // or two sides of a split network might both go on
  for (const agent_id one : founders_of(config)) add(one.value);
  return all.value();
}

/// What peers and observers are told.
std::vector<std::byte> bytes_of(const agent_board& board) {
  const std::string told = board.text();
  const auto bytes = std::as_bytes(std::span{told});
  return {bytes.begin(), bytes.end()};
}

/// Until all of `founders` are there, or one of them takes part in rounds already.
void wait_for_fleet(zeromq_line& line, const std::vector<agent_id>& founders, agent_board& board, agent_log& log,
                    const std::stop_token& stop) {
  constexpr comdml::seconds while_looking{.5};
  std::optional<std::vector<agent_id>> told;
  const auto is_there = [&](agent_id peer) {
    const auto seen = line.transport().peek(peer);
    return seen && is_running({reinterpret_cast<const char*>(seen->data.data()), seen->data.size()});
  };
  while (true) {
    std::vector<agent_id> missing = line.missing(told ? while_looking : comdml::seconds{});
    std::erase_if(missing, [&](agent_id one) { return !std::ranges::binary_search(founders, one); });
    if (stop.stop_requested()) throw learn::interrupted{};
    const bool changed = told != missing;
    told = missing;
    board.wait_for(missing);
    if (missing.empty()) board.begin();
    if (changed) line.transport().publish(bytes_of(board));
    if (missing.empty()) return;
    if (std::ranges::any_of(line.transport().peers(), is_there)) {
      log.write(log_level::info, "the fleet runs already: asking to be taken in");
      return;
    }
    if (!changed) continue;
    std::string names;
    for (const agent_id one : missing) names += text(' ', one);
    log.write(log_level::info, text("waiting for agent", missing.size() > 1 ? "s" : "", names));
  }
}

int run_configured(const agent_config& config, const std::string& typed) {
  const train_task task = prepare_agent(config);
  agent_log log{config.log, *config.agent.id};
  agent_board board{task, *config.agent.id};
  agent_watch watch{log, board};
  const std::uint64_t settings = settings_digest(task, config.agent.own_data);
  const std::uint64_t fleet = fleet_digest(settings, config);

  learn::control kept;
  if (!config.checkpoint.folder.empty()) {
    const auto folder =
        std::make_shared<const learn::checkpoints>(config.checkpoint.folder, config.checkpoint.every,
                                                   text("agent ", *config.agent.id, " of ", hexadecimal(settings)));
    if (!config.output.out.empty() && fs::weakly_canonical(config.checkpoint.folder) ==
                                          fs::weakly_canonical(checkpoints_of(fs::path{config.output.out})))
      throw input_error{config.checkpoint.folder, "is where --out keeps files of its own", "name another folder"};
    kept.keep = folder;
    if (auto saved = saved_run(*folder, task, log))
      kept.resume = [saved = std::move(*saved)](agent_id) { return saved; };
  }
  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  const seat place{.threads = config.emulate.share < 1   ? 1
                              : task.options.threads > 0 ? task.options.threads
                                                         : cores,
                   .survival = {.wanted = true,
                                .patience = comdml::seconds{config.survival.patience},
                                .endurance = comdml::seconds{config.survival.endurance},
                                .quorum = config.survival.quorum},
                   .life = std::random_device{}() | 1u,
                   .founders = founders_of(config)};

  zeromq_line* to = nullptr;
  const auto tell_round = [&](const learn::round_report& report) {
    watch.on_round(report);
    to->transport().publish(bytes_of(board));
  };
  const auto live = [&](const any_observer& observer, const learn::control& given) {
    learn::history past;
    learn::control hold = given;
    hold.keep = kept.keep;
    hold.resume = kept.resume;
    try {
      zeromq_line line{
          config,
          fleet,
          heartbeat_of(task),
          hold.stop,
          {.on_event = [&](const auto& event) { watch.on_event(event); }, .observed = [&] { return bytes_of(board); }}};
      to = &line;
      log.write(log_level::info, text("agent ", *config.agent.id, " listens at ", line.address(), ", public key ",
                                      line.public_key(), ", settings ", hexadecimal(fleet), ", ",
                                      task.shards[*config.agent.id].size(), " images of ", task.options.dataset));
      wait_for_fleet(line, place.founders, board, log, hold.stop);
      line.restart_clock();
      run_agent(task, line.transport(), place, past, observer, hold);
    } catch (const learn::interrupted&) {
      past.interrupted = true;
    } catch (const comdml::run_error& error) {
      log.write(log_level::error, error.what());
      throw learn::incomplete_run{error.what(), std::move(past)};
    }
    log.write(log_level::info, past.interrupted ? "stopped, and said bye" : "the run is over, said bye");
    return past;
  };
  return run_told(task, config.output, typed, live, {.told = tell_round});
}

}  // namespace

action add_agent(command options) {
  struct settings {
    agent_config config;
    std::string file;
  };
  const auto given = std::make_shared<settings>();
  options.text("config", given->file, "FILE", existing_file, "TOML file of this agent, see below");
  options.require("config");
  visit_options(given->config.output, options);
  options.footer(
      std::string{
          "One agent of a fleet of processes, on any machines: encrypted, and certain of who is who (ZeroMQ with\n"
          "CURVE). Who is lost is done without, as long as a majority is there; who is started again joins the\n"
          "running fleet, or goes on with the others from the latest checkpoint. See docs/agents.md.\n\n"
          "The file:\n"} +
      agent_config_example());
  return [given, options] {
    read_agent_config(
        given->file,
        [&](const std::string& name) { return (name == "out" || name == "json") && options.is_given(name); },
        given->config);
    return run_configured(given->config, options.typed());
  };
}

}  // namespace program
