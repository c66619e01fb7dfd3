// SPDX-License-Identifier: BSL-1.0
/// \file
/// Agents are lost at any moment: the others finish all rounds, and agree.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include <doctest/doctest.h>

#include "comdml/comm/in_process.hpp"
#include "comdml/core/random.hpp"
#include "comdml/learn/agent.hpp"
#include "../effort.hpp"
#include "../unit/learn/support.hpp"
#include "support.hpp"

namespace {

using namespace comdml;
using support::forced_job;
using support::outcome;
using support::watching;

struct kill {
  std::uint32_t agent;
  seconds when;
};

/// Agents of one process, each on its own, as they would be on machines of their own.
template <class J>
outcome run_fleet(const learn::settings<J>& how, const fleet::description& fleet, const std::vector<kill>& kills) {
  comm::in_process<comm::virtual_time> network{fleet.links, {.compute_slots = 2}};
  for (const kill& one : kills) network.kill(agent_id{one.agent}, one.when);
  const data::split& images = support::digits();
  std::vector<label> labels(images.train.size());
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = images.train.label(i);
  const auto shards =
      data::iid{}(labels, images.train.classes(), fleet.agents.size(), random_stream{how.seed, purpose::partition});
  const data::shares<data::image_set> tests{images.test};
  const comm::routes routes{fleet.links};
  outcome seen;
  seen.histories.resize(fleet.agents.size());
  std::mutex mutex;
  network.run([&](auto& endpoint) {
    const std::size_t i = endpoint.self().value;
    const data::shard own{images.train, shards[i]};
    watching observer{seen, mutex};
    learn::agent<J> self{endpoint, {routes, fleet.agents[i].speed}, how};
    try {
      learn::history past = self.run(own, &tests, observer);
      const std::lock_guard lock{mutex};
      seen.histories[i] = std::move(past);
    } catch (const run_error& error) {
      const std::lock_guard lock{mutex};
      seen.errors[static_cast<std::uint32_t>(i)] = error.what();
    }
  });
  return seen;
}

template <class J>
learn::settings<J> lasting(std::size_t rounds) {
  learn::settings<J> how = support::quick<J>(rounds);
  how.survival = {.wanted = true, .patience = seconds{20}};
  return how;
}

}  // namespace

TEST_CASE("losses: without any, survival changes no bit") {
  const auto plain = run_fleet<forced_job>(support::quick<forced_job>(2), support::unlike(4), {});
  const auto ready = run_fleet<forced_job>(lasting<forced_job>(2), support::unlike(4), {});
  REQUIRE(plain.errors.empty());
  CHECK(ready.errors.empty());
  CHECK(plain.digests == ready.digests);
  CHECK(ready.digests.at(1).size() == 1);
}

TEST_CASE("losses: whoever is lost whenever, the others finish all rounds and agree") {
  const fleet::description fleet = support::unlike(4);
  const auto whole = run_fleet<forced_job>(lasting<forced_job>(3), fleet, {});
  random_stream rng{5, purpose::testing};
  std::size_t lost_rounds = 0;
  for (std::size_t trial = 0; trial < effort::cases(40); ++trial) {
    const auto victim = static_cast<std::uint32_t>(rng.below(4));
    const seconds when = whole.end * rng.uniform();
    CAPTURE(victim);
    CAPTURE(when.value());
    const auto seen = run_fleet<forced_job>(lasting<forced_job>(3), fleet, {{victim, when}});
    CHECK(seen.errors.empty());
    for (const auto& one : seen.digests) {
      CAPTURE(one.first);
      CHECK(one.second.size() == 1);
    }
    for (std::uint32_t i = 0; i < 4; ++i) {
      if (i == victim) continue;
      CAPTURE(i);
      REQUIRE(seen.histories[i]);
      CHECK(seen.histories[i]->rounds.size() == 3);
      for (const auto& report : seen.histories[i]->rounds) lost_rounds += report.lost.size();
    }
  }
  CHECK(lost_rounds > 0);
}
