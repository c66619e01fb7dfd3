// SPDX-License-Identifier: BSL-1.0
/// \file
/// A whole fleet in one process: deals out the images and runs one agent per thread, under a virtual or the wall clock.
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "comdml/comm/routes.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/random.hpp"
#include "comdml/data/image_set.hpp"
#include "comdml/data/shard.hpp"
#include "comdml/fleet/fleet.hpp"
#include "comdml/fleet/rounds.hpp"
#include "comdml/learn/agent.hpp"
#include "comdml/learn/commit_log.hpp"
#include "comdml/learn/free_run.hpp"
#include "comdml/learn/history.hpp"
#include "comdml/learn/side_channel.hpp"

namespace comdml::learn {

/// Trains a fleet whose transport is an in_process one. Results depend on the settings alone: not on the number of
/// threads, and not on the order in which the operating system runs them.
template <Job J>
class fleet_trainer {
 public:
  using network = typename J::transport::network;

  /// \param threads  cores to use; 0 = all of the machine. At most as many agents compute at once.
  fleet_trainer(fleet::description fleet, settings<J> how, std::size_t threads = 0)
      : fleet_{std::move(fleet)},
        settings_{std::move(how)},
        threads_{threads > 0 ? threads : std::max(1u, std::thread::hardware_concurrency())} {}

  /// Lets agents compute and send as slowly as that, under the wall clock: an agent then computes on one thread.
  void emulate(comm::emulation slow) { emulated_ = std::move(slow); }

  /// Deals `train` to the agents by the partitioner, and `test` evenly, then trains.
  /// \throws input_error if the images do not suffice, incomplete_run if the run could not go on
  template <Dataset Set, Partitioner P, Observer O = no_observer>
  history run(const Set& train, const Set& test, const P& partition, O&& observer = {}, const control& hold = {}) {
    const std::size_t agents = fleet_.agents.size();
    std::vector<label> labels(train.size());
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = train.label(i);
    const auto shards = partition(labels, train.classes(), agents, random_stream{settings_.seed, purpose::partition});
    COMDML_REQUIRE(shards.size() == agents, "the partitioner made ", shards.size(), " shards for ", agents, " agents");

    const auto memory = std::make_shared<typename agent<J>::workspaces>();
    const std::size_t threads_each = emulated_.shares.empty() ? std::max<std::size_t>(1, threads_ / agents) : 1;
    const execution exec{static_cast<int>(threads_each)};
    const auto stages = std::make_shared<const std::vector<stage>>(play());
    const auto first = stages->front().share();
    const comm::routes& routes = first->routes;
    settings<J> how = settings_;
    settle(how.algorithm, routes);
    history past;
    const bool without_rounds = is_free<session<J, data::shard<Set>>>(how.algorithm);
    const auto beside = without_rounds ? free_channel(how, routes, train, shards, past, observer)
                                       : std::make_shared<side_channel>(agents);
    comm::in_process_options options{.compute_slots = threads_, .emulated = emulated_};
    if (!fleet_.link_changes.empty() || fleet_.jitter > seconds{})
      options.link_of = [this, &stages](agent_id from, agent_id to, round_index round) {
        const auto later = std::ranges::upper_bound(*stages, round, {}, &stage::from);
        return fleet::with_jitter(std::prev(later)->links()(from, to), fleet_, from, to, round);
      };
    std::optional<fleet_log> log;
    if (hold.keep) log.emplace(hold, agents);
    const auto start = std::chrono::steady_clock::now();
    network line{fleet_.links, options};
    const data::shares<Set> tests{test};
    const auto live = [&](typename J::transport& endpoint) {
      const std::size_t i = endpoint.self().value;
      const data::shard<Set> own{train, shards[i]};
      membership mine{.routes = routes,
                      .speed = fleet_.agents[i].speed,
                      .memory = fleet_.agents[i].memory,
                      .stages = how.survival.wanted && stages->size() == 1 ? nullptr : stages,
                      .beside = beside};
      for (const fleet::speed_change& change : fleet_.changes)
        if (change.agent == endpoint.self()) mine.changes.emplace_back(change.from, change.speed);
      agent<J> self{endpoint, std::move(mine), how, exec, memory};
      self.run_together(past, own, &tests, observer, hold, log ? &*log : nullptr, start);
    };
    try {
      line.run(live);
      if (log) log->finish();
    } catch (const run_error& failure) {
      if (log) log->finish_if_possible();
      throw incomplete_run{failure.what(), std::move(past)};
    }
    if (without_rounds) past.state = mean_of_shown(*beside, agents);
    return past;
  }

  template <Partitioner P, Observer O = no_observer>
  history run(const data::split& images, const P& partition, O&& observer = {}, const control& hold = {}) {
    return run(images.train, images.test, partition, std::forward<O>(observer), hold);
  }

 private:
  /// The rounds, as far as they are alike in who takes part over which links. \throws run_error if in one nobody does
  [[nodiscard]] std::vector<stage> play() const {
    COMDML_REQUIRE(settings_.rounds > 0, settings_.rounds, " rounds");
    const bool any = changing_members(settings_.algorithm);
    if (!fleet_.link_changes.empty() && !any)
      throw input_error{"algorithm", "it counts on links that stay as they are, and in this fleet they change",
                        "use comdml or allreduce, or leave the changes of links out"};
    std::vector<stage> stages;
    fleet::rounds played{fleet_};
    std::vector<agent_id> members;
    std::size_t version = 0;
    for (std::uint32_t number = 0; number < settings_.rounds; ++number) {
      const round_index round{number};
      if (!played.go_to(round)) continue;
      fleet::turnout turnout = fleet::next_turnout(played.links(), played.participants(), played.present(), members);
      if (turnout.members.empty()) throw run_error{text("round ", number + 1, ": no agent is there")};
      // If all are to take part from the start, the routes tell who does not reach whom.
      if (number == 0 && played.participants().size() == fleet_.agents.size()) turnout.members = played.participants();
      if (turnout.members.size() < fleet_.agents.size() && !any)
        throw input_error{"algorithm", "it needs all agents in every round, and in this fleet some are away",
                          "use comdml or allreduce, or a fleet that stays and is connected"};
      if (!stages.empty() && turnout.members == members && played.links_version() == version) continue;
      members = turnout.members;
      version = played.links_version();
      stages.emplace_back(round, members, played.links(), std::move(turnout.hand_overs));
    }
    return stages;
  }

  /// What agents without rounds show each other, and what becomes of it.
  template <Dataset Set, class Shards, class O>
  std::shared_ptr<side_channel> free_channel(const settings<J>& how, const comm::routes& routes, const Set& train,
                                             const Shards& shards, history& past, O& observer) const {
    if (!std::same_as<typename J::transport, comm::in_process<comm::virtual_time>::endpoint>)
      throw input_error{"algorithm", "it knows no rounds, only time, which has to be simulated",
                        "use the virtual clock, or an algorithm that has rounds"};
    if (fleet_.jitter > seconds{})
      throw input_error{"algorithm", "it knows no rounds, and jitter is drawn for rounds",
                        "use an algorithm that has rounds, or leave jitter out"};
    const blueprint<J> model{how, train.shape(), train.classes()};
    past.state = model.start(how).body.model;
    instants when{.interval = {}, .count = how.rounds};
    COMDML_REQUIRE(how.rounds > 0 && how.batch > 1, how.rounds, " rounds, batch ", how.batch);
    if (how.time_budget) {
      when.interval = *how.time_budget / static_cast<double>(how.rounds);
    } else {
      std::vector<seconds> alone;
      for (std::size_t i = 0; i < shards.size(); ++i)
        alone.push_back(
            batches{static_cast<double>(shards[i].size() * how.local_epochs) / static_cast<double>(how.batch)} /
            fleet_.agents[i].speed);
      when.interval = all_reduce_round(fleet_, routes, alone, how.collective,
                                       past.state.parameters.size() + past.state.statistics.size());
    }
    const auto start = std::chrono::steady_clock::now();
    return std::make_shared<side_channel>(
        shards.size(), when,
        [&past, &observer, target = how.target_accuracy, start, story = free_history{when}](
            std::size_t instant, const std::vector<sample>& samples) mutable {
          round_report report = story.next(instant, samples);
          report.wall = seconds{std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
          past.target_reached =
              past.target_reached || (target && report.test_accuracy && *report.test_accuracy >= *target);
          const verdict wish = observer.on_round(report);
          past.rounds.push_back(std::move(report));
          return wish == verdict::go_on;
        });
  }

  fleet::description fleet_;
  settings<J> settings_;
  std::size_t threads_;
  comm::emulation emulated_;
};

}  // namespace comdml::learn
