// SPDX-License-Identifier: BSL-1.0
// Agents that are away, come back, or are not drawn for a round.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "comdml/fleet/attendance.hpp"
#include "comdml/fleet/rounds.hpp"
#include "comdml/learn/dpsgd.hpp"
#include "comdml/pairing/steady.hpp"
#include "support.hpp"

namespace {

using namespace support;

/// Agent 0 misses rounds 2 and 3, agent 2 round 3, agent 3 all but the first.
fleet::description restless() {
  fleet::description fleet = unlike(5);
  const auto presence = [&](std::uint32_t round, std::uint32_t agent, bool there) {
    fleet.presence.push_back({round_index{round}, agent_id{agent}, there});
  };
  presence(1, 0, false);
  presence(1, 3, false);
  presence(2, 2, false);
  presence(3, 0, true);
  presence(3, 2, true);
  return fleet;
}

struct fading_job : job {
  using schedule = nn::plateau;
};

struct keeping_job : job {
  using pairing = ::comdml::pairing::steady<::comdml::pairing::greedy<>>;
};

struct neighbors_job : job {
  using algorithm = learn::dpsgd;
};

}  // namespace

TEST_CASE("a round is that of those who take part, and told of once, whoever is away") {
  const fleet::description fleet = restless();
  const auto past = train(quick<job>(5), fleet);
  REQUIRE(past.rounds.size() == 5);
  for (std::uint32_t round = 0; round < 5; ++round) {
    CAPTURE(round);
    const learn::round_report& report = past.rounds[round];
    CHECK(report.round == round_index{round});
    CHECK(agents_of(report.plan) == fleet::participants(fleet, round_index{round}));
    CHECK(report.test_accuracy.has_value());
    CHECK(std::isfinite(report.train_loss));
    if (round > 0) {
      CHECK(report.elapsed > past.rounds[round - 1].elapsed);
      CHECK(report.weight_bytes > past.rounds[round - 1].weight_bytes);
      CHECK(report.activation_bytes >= past.rounds[round - 1].activation_bytes);
    }
  }
  CHECK(past.rounds.back().elapsed_alone > past.rounds.back().elapsed);
}

TEST_CASE("who is drawn or away does not depend on threads, and neither does a bit of the result") {
  fleet::description fleet = restless();
  fleet.sampled = .6;
  const auto once = train(quick<job>(5), fleet, 1);
  for (const std::size_t threads : {2U, 3U}) {
    const auto again = train(quick<job>(5), fleet, threads);
    CHECK(again.state == once.state);
    CHECK(again.rounds.back().elapsed == once.rounds.back().elapsed);
    CHECK(again.rounds.back().plan == once.rounds.back().plan);
  }
  CHECK(once.state != train(quick<job>(5), restless(), 1).state);
}

TEST_CASE("who comes back knows what has become of the learning rate") {
  auto how = quick<fading_job>(8);
  how.optimizer.learning_rate = 1e-9;  // nothing is learned: the accuracy stays, so the rate falls
  how.schedule = {.patience = 1, .factor = .5};
  const auto all = train(how, unlike(5));
  const auto some = train(how, restless());
  REQUIRE(some.rounds.size() == 8);
  CHECK(some.rounds.back().learning_rate < how.optimizer.learning_rate);
  for (std::size_t i = 0; i < 8; ++i) {
    CAPTURE(i);
    CHECK(some.rounds[i].learning_rate == all.rounds[i].learning_rate);
  }
}

TEST_CASE("a run that ends early leaves nobody waiting") {
  auto how = quick<job>(5);
  how.target_accuracy = 1e-9;
  const auto reached = train(how, restless());
  CHECK(reached.rounds.size() == 1);
  CHECK(reached.target_reached);
  how.target_accuracy.reset();
  struct at_two {
    std::size_t told = 0;
    learn::verdict on_round(const learn::round_report& report) {
      ++told;
      return report.round == round_index{1} ? learn::verdict::stop : learn::verdict::go_on;
    }
  } watch;
  const auto stopped = learn::fleet_trainer<job>{restless(), how, 2}.run(digits(), data::iid{}, watch);
  CHECK(stopped.rounds.size() == 2);
  CHECK(watch.told == 2);
}

TEST_CASE("a run that is stopped while the first agent is away keeps what was reached") {
  std::stop_source stop;
  struct stopping {
    std::stop_source& stop;
    learn::verdict on_round(const learn::round_report& report) {
      if (report.round == round_index{1}) stop.request_stop();
      return learn::verdict::go_on;
    }
  } watch{stop};
  const auto past = learn::fleet_trainer<job>{restless(), quick<job>(5), 2}.run(digits(), data::iid{}, watch,
                                                                                {.stop = stop.get_token()});
  CHECK(past.interrupted);
  CHECK(past.rounds.size() == 2);
}

TEST_CASE("plans that follow from the last one, and measured speeds and links, while agents come and go") {
  auto how = quick<keeping_job>(12);
  how.knowledge = learn::knowledge::measured;
  fleet::description fleet = unlike(5);
  fleet.sampled = .7;
  CHECK(train(how, fleet).rounds.size() == 12);  // all hold the same plan: checked every round
  fleet.sampled = 1;
  const auto all = train(how, fleet);
  REQUIRE_FALSE(all.rounds[3].plan.pairs.empty());
  const pairing::assignment& pair = all.rounds[3].plan.pairs.front();
  fleet.link_changes.push_back({round_index{4}, pair.fast, pair.slow, bits_per_second{}, {}});
  CHECK(train(how, fleet).rounds.size() == 12);
}

TEST_CASE("an agent that is not there at first joins") {
  fleet::description fleet = unlike(4);
  fleet.presence = {{round_index{0}, agent_id{0}, false}, {round_index{2}, agent_id{0}, true}};
  const auto past = train(quick<job>(4), fleet);
  REQUIRE(past.rounds.size() == 4);
  CHECK(agents_of(past.rounds[1].plan).size() == 3);
  CHECK(agents_of(past.rounds[2].plan).size() == 4);
}

TEST_CASE("the memory of an optimizer is handed over, too") {
  auto how = quick<job>(5);
  how.optimizer_state = learn::optimizer_carry::averaged;
  CHECK(train(how, restless()).rounds.size() == 5);  // all who take part hold the same weights: checked every round
}

TEST_CASE("algorithms that need everyone say so, and so does a round without anyone") {
  CHECK_THROWS_WITH_AS(static_cast<void>(train(quick<neighbors_job>(5), restless())),
                       doctest::Contains("needs all agents in every round"), input_error);
  fleet::description changing = unlike(3);
  changing.link_changes = {{round_index{1}, agent_id{0}, agent_id{1}, megabits_per_second(1), {}}};
  CHECK_THROWS_WITH_AS(static_cast<void>(train(quick<neighbors_job>(5), changing)),
                       doctest::Contains("links that stay as they are"), input_error);
  fleet::description empty = unlike(2);
  empty.presence = {{round_index{1}, agent_id{0}, false}, {round_index{1}, agent_id{1}, false}};
  CHECK_THROWS_WITH_AS(static_cast<void>(train(quick<job>(3), empty)), doctest::Contains("round 2: no agent is there"),
                       run_error);
}
