// SPDX-License-Identifier: BSL-1.0
/// \file
/// A whole fleet in one process: deals out the images and runs one agent per thread, under a virtual or the wall clock.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <numeric>
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
#include "comdml/learn/agent.hpp"
#include "comdml/learn/history.hpp"

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
    const comm::routes routes{fleet_.links};
    history past;
    network line{fleet_.links, {.compute_slots = threads_, .emulated = emulated_}};
    const auto live = [&](typename J::transport& endpoint) {
      const std::size_t i = endpoint.self().value;
      const data::shard<Set> own{train, shards[i]};
      const data::shard<Set> own_test{test, every(agents, i, test.size())};
      membership mine{routes, fleet_.agents[i].speed, fleet_.agents[i].memory};
      for (const fleet::speed_change& change : fleet_.changes)
        if (change.agent == endpoint.self()) mine.changes.emplace_back(change.from, change.speed);
      agent<J> self{endpoint, std::move(mine), settings_, exec, memory};
      if (i == 0)
        self.run_into(past, own, &own_test, observer, hold);
      else
        self.run_unrecorded(own, &own_test, hold);
    };
    try {
      line.run(live);
    } catch (const run_error& failure) {
      throw incomplete_run{failure.what(), std::move(past)};
    }
    return past;
  }

  template <Partitioner P, Observer O = no_observer>
  history run(const data::split& images, const P& partition, O&& observer = {}, const control& hold = {}) {
    return run(images.train, images.test, partition, std::forward<O>(observer), hold);
  }

 private:
  static std::vector<std::uint32_t> every(std::size_t step, std::size_t first, std::size_t size) {
    std::vector<std::uint32_t> numbers;
    for (std::size_t i = first; i < size; i += step) numbers.push_back(static_cast<std::uint32_t>(i));
    return numbers;
  }

  fleet::description fleet_;
  settings<J> settings_;
  std::size_t threads_;
  comm::emulation emulated_;
};

}  // namespace comdml::learn
