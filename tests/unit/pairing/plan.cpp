// SPDX-License-Identifier: BSL-1.0
#include "comdml/pairing/plan.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "comdml/fleet/draw.hpp"
#include "comdml/pairing/greedy.hpp"
#include "comdml/pairing/none.hpp"

using namespace comdml;

namespace {

fleet::instance example() {
  auto published = fleet::paper({.agents = 10, .seed = 2});
  fleet::instance fleet{{}, std::move(published.links), {.model = "", .batch = 100, .speed = {}, .splits = {}}};
  for (const auto& agent : published.agents) fleet.agents.push_back({agent.speed, batches{20}});
  for (std::uint32_t kept = 3; kept > 0; --kept)
    fleet.profile.splits.push_back({.point = split_point{kept},
                                    .slow_share = .3 * kept,
                                    .fast_share = 1 - .3 * kept,
                                    .wire = bytes_per_batch{1e5},
                                    .fast_side = {}});
  return fleet;
}

using harm = std::function<void(pairing::plan&)>;

}  // namespace

TEST_CASE("each broken rule is named") {
  const auto fleet = example();
  const auto good = pairing::greedy<>{}.plan(fleet);
  REQUIRE(good.pairs.size() >= 2);
  REQUIRE(good.alone.size() >= 1);
  CHECK(pairing::violations(good, fleet).empty());
  CHECK_NOTHROW(pairing::validate(good, fleet));

  const std::vector<std::pair<const char*, harm>> harms{
      {"not in a fleet of 10", [](auto& p) { p.pairs[0].fast = agent_id{10}; }},
      {"cannot help itself", [](auto& p) { p.pairs[0].fast = p.pairs[0].slow; }},
      {"is the slow one of 2 pairs", [](auto& p) { p.pairs[1].slow = p.pairs[0].slow; }},
      {"list of agents alone", [](auto& p) { p.pairs[1].fast = p.pairs[0].fast; }},
      {"is helped and helps", [](auto& p) { p.pairs[1].fast = p.pairs[0].slow; }},
      {"no cut 4", [](auto& p) { p.pairs[0].split = split_point{4}; }},
      {"by int8", [](auto& p) { p.pairs[0].codec = "int8"; }},
      {"is said to take", [](auto& p) { p.pairs[0].cost -= seconds{1e-3}; }},
      {"alone is said", [](auto& p) { p.pairs[0].solo += seconds{1}; }},
      {"list of agents alone", [](auto& p) { p.alone.pop_back(); }},
      {"list of agents alone", [](auto& p) { p.alone.push_back(p.pairs[0].slow); }},
      {"list of agents alone", [](auto& p) { p.pairs.pop_back(); }},
      {"makespan is said", [](auto& p) { p.makespan -= seconds{1}; }},
      {"makespan with nobody helped", [](auto& p) { p.alone_makespan += seconds{1}; }},
  };
  for (const auto& [sentence, spoil] : harms) {
    auto plan = good;
    spoil(plan);
    CHECK_THROWS_WITH_AS(pairing::validate(plan, fleet), doctest::Contains(sentence), contract_error);
  }
}

TEST_CASE("a pair without a link is a violation") {
  auto fleet = example();
  const auto plan = pairing::greedy<>{}.plan(fleet);
  fleet.links.set(plan.pairs[0].slow, plan.pairs[0].fast, {});
  CHECK_THROWS_WITH_AS(pairing::validate(plan, fleet), doctest::Contains("there is no link"), contract_error);
}

TEST_CASE("none leaves everyone alone and is never faster") {
  const auto fleet = example();
  const auto plan = pairing::none<>{}.plan(fleet);
  CHECK(plan.pairs.empty());
  CHECK(plan.alone.size() == 10);
  CHECK(plan.makespan == plan.alone_makespan);
  CHECK(plan.makespan == seconds{100});
  CHECK(pairing::violations(plan, fleet).empty());
}

TEST_CASE("a digest changes with everything that agents must agree on, and with nothing else") {
  const auto good = pairing::greedy<>{}.plan(example());
  REQUIRE(good.pairs.size() >= 2);
  REQUIRE(good.alone.size() >= 1);
  const std::vector<harm> harms{
      [](auto&) {},
      [](auto& p) { p.pairs[0].slow.value ^= 1; },
      [](auto& p) { p.pairs[0].fast.value ^= 1; },
      [](auto& p) { std::swap(p.pairs[0].slow, p.pairs[0].fast); },
      [](auto& p) { p.pairs[0].split.value += 1; },
      [](auto& p) { p.pairs[0].codec = "fp16"; },
      [](auto& p) { p.pairs[0].cost += seconds{2e-6}; },
      [](auto& p) { p.pairs[0].solo += seconds{2e-6}; },
      [](auto& p) { p.pairs[0].cost = seconds::infinity(); },
      [](auto& p) { std::swap(p.pairs[0], p.pairs[1]); },
      [](auto& p) { p.pairs.pop_back(); },
      [](auto& p) { p.alone.pop_back(); },
      [](auto& p) { p.alone[0].value ^= 1; },
      [](auto& p) { p.makespan += seconds{2e-6}; },
      [](auto& p) { p.alone_makespan += seconds{2e-6}; },
  };
  std::set<std::uint64_t> digests;
  for (const auto& change : harms) {
    auto plan = good;
    change(plan);
    digests.insert(pairing::digest(plan));
  }
  CHECK(digests.size() == harms.size());

  auto same = good;
  same.pairs[0].cost += seconds{1e-12};  // the last bits may differ between compilers
  CHECK(pairing::digest(same) == pairing::digest(good));
}

TEST_CASE("pairs outside the fleet cannot be completed") {
  const auto fleet = example();
  CHECK_THROWS_AS(
      (void)pairing::complete(
          fleet, {{.slow = agent_id{99}, .fast = agent_id{0}, .split = {}, .codec = "", .cost = {}, .solo = {}}},
          fleet::overlapped{}),
      contract_error);
  CHECK_THROWS_AS((void)pairing::assign(fleet, agent_id{1}, agent_id{1}, 0, fleet::overlapped{}), contract_error);
  CHECK_THROWS_AS((void)pairing::assign(fleet, agent_id{1}, agent_id{0}, 3, fleet::overlapped{}), contract_error);
}

TEST_CASE("a helper of several guests: one star, priced as a whole") {
  auto fleet = example();
  fleet.links = link_matrix{10};
  fleet.agents[0].speed = batches_per_second{.5};
  for (const std::uint32_t guest : {4U, 9U})
    fleet.links.set(agent_id{guest}, agent_id{0}, {.rate = megabits_per_second(1000), .latency = {}});
  const fleet::overlapped cost{};
  const auto first = pairing::assign(fleet, agent_id{4}, agent_id{0}, 2, cost);
  const auto second = pairing::assign(fleet, agent_id{9}, agent_id{0}, 1, cost);
  const auto star = pairing::complete(fleet, {first, second}, cost);
  CHECK(pairing::violations(star, fleet).empty());
  CHECK(star.alone.size() == 7);
  const std::vector<fleet::guest_of> guests{{agent_id{4}, 2}, {agent_id{9}, 1}};
  const auto costs = fleet::star_costs(fleet, agent_id{0}, guests, cost);
  CHECK(star.pairs[0].cost == costs[0]);
  CHECK(star.pairs[1].cost == costs[1]);
  CHECK(first.cost.value() == doctest::Approx((20 + 20 * .7) / .5));
  CHECK(costs[0].value() == doctest::Approx((20 + 20 * .7 + 20 * .4) / .5));

  auto forged = star;
  forged.pairs[0].cost = first.cost;  // as if it were the only guest
  CHECK_THROWS_WITH_AS(pairing::validate(forged, fleet), doctest::Contains("is said to take"), contract_error);

  fleet.agents[0].memory = cost.memory(fleet.profile.splits[2]);
  CHECK(pairing::complete(fleet, {first}, cost).makespan < seconds::infinity());
  CHECK(pairing::complete(fleet, {first, second}, cost).makespan == seconds::infinity());

  struct pairs_only {
    seconds solo(const fleet::instance& f, agent_id a) const { return fleet::overlapped{}.solo(f, a); }
    seconds pair(const fleet::instance& f, agent_id a, agent_id helper, std::size_t entry) const {
      return fleet::overlapped{}.pair(f, a, helper, entry);
    }
  };
  CHECK(pairing::violations(pairing::complete(fleet, {first}, pairs_only{}), fleet, pairs_only{}).empty());
  CHECK_THROWS_WITH_AS((void)pairing::complete(fleet, {first, second}, pairs_only{}),
                       doctest::Contains("knows pairs only"), contract_error);
  CHECK_THROWS_WITH_AS(pairing::validate(star, fleet, pairs_only{}), doctest::Contains("knows pairs only"),
                       contract_error);
}
