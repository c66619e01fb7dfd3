// SPDX-License-Identifier: BSL-1.0
#include "comdml/pairing/steady.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "comdml/fleet/estimate.hpp"
#include "comdml/pairing/bottleneck.hpp"
#include "comdml/pairing/greedy.hpp"
#include "comdml/pairing/planner.hpp"
#include "comdml/pairing/star.hpp"
#include "comdml/testing/check_pairing.hpp"
#include "support.hpp"

using namespace comdml;

namespace {

fleet::instance two(double first, double second) {
  fleet::instance fleet{{{batches_per_second{first}, batches{50}}, {batches_per_second{second}, batches{50}}},
                        link_matrix{2},
                        pairing_test::published_profile()};
  fleet.links.set_both(agent_id{0}, agent_id{1}, {megabits_per_second(100), {}});
  return fleet;
}

std::size_t changes(const pairing::plan& before, const pairing::plan& after) {
  return pairing::steady<>::moves(before, after) + pairing::steady<>::moves(after, before) > 0;
}

}  // namespace

TEST_CASE("two agents whose speeds are 20 % noise re-pair at most 5 times in 500 rounds") {
  for (const double second : {1.0, 1.3, 1.5, 2.0, 4.0})
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      CAPTURE(second);
      CAPTURE(seed);
      const auto truth = two(1, second);
      random_stream rng{seed, purpose::testing};
      fleet::estimates seen;
      pairing::planner<pairing::steady<>> steady;
      pairing::planner<pairing::bottleneck<>> jumpy;
      std::size_t steady_changes = 0;
      std::size_t jumpy_changes = 0;
      pairing::plan last = steady.next(truth);
      pairing::plan last_jumpy = jumpy.next(truth);
      for (int round = 0; round < 500; ++round) {
        auto noisy = truth;
        for (std::uint32_t i = 0; i < 2; ++i) {
          noisy.agents[i].speed = truth.agents[i].speed * std::exp(.2 * rng.normal());
          seen.observe_work(agent_id{i}, batches{50}, batches{50} / noisy.agents[i].speed);
        }
        const auto& next = steady.next(seen.apply(truth));
        pairing::validate(next, seen.apply(truth));
        steady_changes += changes(last, next);
        last = next;
        const auto& other = jumpy.next(noisy);
        jumpy_changes += changes(last_jumpy, other);
        last_jumpy = other;
      }
      CHECK(steady_changes <= 5);
      if (second == 1.0) CHECK(jumpy_changes > 100);  // who would follow every measurement
    }
}

TEST_CASE("a speed that falls to a fifth changes the plan within 3 rounds") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    auto truth = two(1, 2);
    random_stream rng{seed, purpose::testing};
    fleet::estimates seen;
    pairing::planner<pairing::steady<>> steady;
    const auto play = [&] {
      for (std::uint32_t i = 0; i < 2; ++i) {
        const auto speed = truth.agents[i].speed * std::exp(.2 * rng.normal());
        seen.observe_work(agent_id{i}, batches{50}, batches{50} / speed);
      }
      return steady.next(seen.apply(truth));
    };
    pairing::plan plan;
    for (int round = 0; round < 50; ++round) plan = play();
    REQUIRE(plan.pairs.size() == 1);
    REQUIRE(plan.pairs[0].slow == agent_id{0});
    truth.agents[1].speed = truth.agents[1].speed / 5;
    for (int round = 0; round < 3; ++round) plan = play();
    REQUIRE(plan.pairs.size() == 1);
    CHECK(plan.pairs[0].slow == agent_id{1});
  }
}

TEST_CASE("one outlier moves nothing, two of a kind are a change") {
  fleet::estimate<batches_per_second> speed;
  CHECK_FALSE(speed.value().has_value());
  const auto see = [&](double value) {
    speed.observe(batches_per_second{value});
    return speed.value()->value();
  };
  CHECK(see(10) == doctest::Approx(10));
  CHECK(see(11) > 10);
  CHECK(see(11) < 10.5);
  const double before = see(10);
  CHECK(see(2) == before);
  CHECK(see(10) == doctest::Approx(before).epsilon(.01));
  CHECK(see(2) == doctest::Approx(before).epsilon(.01));
  CHECK(see(50) == doctest::Approx(before).epsilon(.01));  // the other way: not a change yet
  CHECK(see(40) == doctest::Approx(std::sqrt(50 * 40.)));
  CHECK_THROWS_AS(speed.observe(batches_per_second{0}), contract_error);
  CHECK_THROWS_AS(fleet::estimate<bytes>({.weight = 0}), contract_error);
}

TEST_CASE("estimates replace what was declared, for links too") {
  const auto declared = two(1, 4);
  fleet::estimates seen;
  CHECK(seen.apply(declared) == declared);
  seen.observe_work(agent_id{1}, batches{10}, seconds{5});
  seen.observe_transfer(agent_id{0}, agent_id{1}, megabytes(10), seconds{8});
  seen.observe_transfer(agent_id{0}, agent_id{1}, bytes{}, seconds{8});
  seen.observe_work(agent_id{7}, batches{10}, seconds{5});  // not of this fleet
  const auto known = seen.apply(declared);
  CHECK(known.agents[1].speed.value() == doctest::Approx(2));
  CHECK(known.agents[0] == declared.agents[0]);
  CHECK(known.links(agent_id{0}, agent_id{1}).rate.value() == doctest::Approx(10e6));
  CHECK(known.links(agent_id{1}, agent_id{0}) == declared.links(agent_id{1}, agent_id{0}));
}

TEST_CASE("pairs that stay choose their cut anew, and are dissolved when they make no sense") {
  const pairing::steady<> policy{.minimum_gain = .9};  // never changes pairs
  auto fleet = two(1, 2);
  const auto first = policy.plan(fleet);
  REQUIRE(first.pairs.size() == 1);
  fleet.links.set_both(agent_id{0}, agent_id{1}, {megabits_per_second(20), {}});
  const auto slower = policy.replan(fleet, first);
  pairing::validate(slower, fleet);
  REQUIRE(slower.pairs.size() == 1);
  CHECK(slower.pairs[0].split != first.pairs[0].split);
  fleet.links = link_matrix{2};
  CHECK(policy.replan(fleet, first).pairs.empty());
  fleet.agents.pop_back();
  fleet.links = link_matrix{1};
  CHECK(policy.replan(fleet, first).pairs.empty());
}

TEST_CASE("stars and moves that cost something") {
  const auto fleet = pairing_test::published_fleet(2, 20);
  const auto start = pairing::greedy<>{}.plan(fleet);
  const auto best = pairing::star<>{}.plan(fleet);
  REQUIRE(best.makespan < start.makespan);
  using stars = pairing::steady<pairing::star<>>;
  CHECK(stars{.minimum_gain = 0}.replan(fleet, start) == best);
  CHECK(stars{.minimum_gain = 0, .move_cost = seconds{100}}.replan(fleet, start).makespan <= start.makespan);
  CHECK(stars::moves(start, stars{.minimum_gain = 0, .move_cost = seconds{100}}.replan(fleet, start)) == 0);
  const auto kept = stars{}.replan(fleet, best);
  CHECK(kept.makespan == best.makespan);
  CHECK(stars::moves(best, kept) == 0);
  testing::check_pairing(pairing::steady<>{}, {}, {.fleets = 200});
}
