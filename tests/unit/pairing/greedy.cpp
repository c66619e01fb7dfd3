// SPDX-License-Identifier: BSL-1.0
#include "comdml/pairing/greedy.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "comdml/fleet/draw.hpp"
#include "comdml/pairing/none.hpp"

using namespace comdml;

namespace {

/// The public golden case of method.md section 4, made with the authors' own function: rates in MB/s, MB per batch.
/// Their cut m = 1, 2, 3 (most kept first) is written here as 3, 2, 1 units kept.
fleet::instance golden() {
  const std::array speeds{0.4, 1.0, 1.2, 0.2, 0.8};
  const std::array work{12.0, 10.0, 15.0, 10.0, 12.0};
  const std::array<std::array<double, 5>, 5> rates{
      {{0, 50, 50, 20, 0}, {50, 0, 50, 10, 10}, {50, 50, 0, 50, 10}, {50, 10, 50, 0, 0}, {0, 10, 10, 0, 0}}};
  fleet::instance fleet{{}, link_matrix{5}, {.model = "", .batch = 100, .speed = {}, .splits = {}}};
  for (std::uint32_t i = 0; i < 5; ++i) {
    fleet.agents.push_back({batches_per_second{speeds[i]}, batches{work[i]}});
    for (std::uint32_t j = 0; j < 5; ++j)
      fleet.links.set(agent_id{i}, agent_id{j}, {.rate = megabits_per_second(8 * rates[i][j]), .latency = {}});
  }
  const auto cut = [&](std::uint32_t kept, double slow, double fast, double megabytes) {
    fleet.profile.splits.push_back({.point = split_point{kept},
                                    .slow_share = slow,
                                    .fast_share = fast,
                                    .wire = bytes_per_batch{1e6 * megabytes},
                                    .fast_side = {}});
  };
  cut(3, .8, .4, 20);
  cut(2, .6, .6, 35);
  cut(1, .2, .9, 30);
  return fleet;
}

/// Agents with these speeds and one batch each, all linked without limit; cuts that keep 2 units and 1.
fleet::instance linked(const std::vector<double>& speeds, std::array<double, 2> slow_shares,
                       std::array<double, 2> fast_shares) {
  fleet::instance fleet{{}, link_matrix{speeds.size()}, {.model = "", .batch = 1, .speed = {}, .splits = {}}};
  for (std::uint32_t i = 0; i < speeds.size(); ++i) {
    fleet.agents.push_back({batches_per_second{speeds[i]}, batches{1}});
    for (std::uint32_t j = 0; j < i; ++j)
      fleet.links.set_both(agent_id{i}, agent_id{j}, {.rate = bits_per_second::infinity(), .latency = {}});
  }
  for (std::uint32_t e = 0; e < 2; ++e)
    fleet.profile.splits.push_back({.point = split_point{2 - e},
                                    .slow_share = slow_shares[e],
                                    .fast_share = fast_shares[e],
                                    .wire = bytes_per_batch{1},
                                    .fast_side = {}});
  return fleet;
}

}  // namespace

TEST_CASE("greedy reproduces the public golden case") {
  const auto plan = pairing::greedy<>{}.plan(golden());
  REQUIRE(plan.pairs.size() == 2);

  CHECK(plan.pairs[0].slow == agent_id{3});
  CHECK(plan.pairs[0].fast == agent_id{2});
  CHECK(plan.pairs[0].split == split_point{1});
  CHECK(plan.pairs[0].cost.value() == doctest::Approx(20));
  CHECK(plan.pairs[0].solo.value() == doctest::Approx(50));

  CHECK(plan.pairs[1].slow == agent_id{0});
  CHECK(plan.pairs[1].fast == agent_id{1});
  CHECK(plan.pairs[1].split == split_point{2});
  CHECK(plan.pairs[1].cost.value() == doctest::Approx(18));
  CHECK(plan.pairs[1].solo.value() == doctest::Approx(30));

  CHECK(plan.alone == std::vector{agent_id{4}});
  CHECK(plan.makespan.value() == doctest::Approx(20));
  CHECK(plan.alone_makespan.value() == doctest::Approx(50));
  CHECK(pairing::violations(plan, golden()).empty());
}

TEST_CASE("a plan tells what was refused") {
  const auto plan = pairing::greedy<>{}.plan(golden());
  // Agent 3's other helpers: 0 (30 s at best, its own work), 1 at 10 MB/s (the least is 20 MB x 10 / 10 MB/s).
  const auto& refused = plan.pairs.at(0).refused;
  REQUIRE(refused.has_value());
  CHECK(refused->fast == agent_id{1});
  CHECK(refused->cost.value() == doctest::Approx(30));
  CHECK(refused->split == split_point{1});
  CHECK_FALSE(plan.pairs.at(1).refused.has_value());  // only 4 was left, and there is no link to it
}

TEST_CASE("refused is the best of the others, wherever it stands") {
  // The slow side takes .2 s, so the speed of the helper decides.
  const auto fleet = linked({.5, 1.2, 8, 2, 4}, {.1, .1}, {.9, .9});
  const auto best = pairing::greedy<>{}.plan(fleet).pairs.at(0);
  CHECK(best.slow == agent_id{0});
  CHECK(best.fast == agent_id{2});
  REQUIRE(best.refused.has_value());
  CHECK(best.refused->fast == agent_id{4});
  CHECK(best.refused->cost == fleet::overlapped{}.pair(fleet, agent_id{0}, agent_id{4}, 0));
}

TEST_CASE("nobody helps when nothing is gained") {
  const auto equal = linked({1, 1, 1}, {.5, .2}, {.5, .8});
  CHECK(pairing::greedy<>{}.plan(equal) == pairing::none<>{}.plan(equal));
  const auto draw = linked({1, 2}, {1, 1}, {0, 0});  // as long as alone: not worth a pair
  CHECK(pairing::greedy<>{}.plan(draw).pairs.empty());
  auto far_apart = golden();
  far_apart.links = link_matrix{5};
  CHECK(pairing::greedy<>{}.plan(far_apart).pairs.empty());
}

TEST_CASE("ties: slow agents by id, then the earlier cut, then the lowest helper") {
  const auto plan = pairing::greedy<>{}.plan(linked({8, .5, 8, .5}, {.5, .5}, {.5, .5}));
  REQUIRE(plan.pairs.size() == 2);
  CHECK(plan.pairs[0].slow == agent_id{1});
  CHECK(plan.pairs[0].fast == agent_id{0});
  CHECK(plan.pairs[0].split == split_point{2});
  CHECK(plan.pairs[1].slow == agent_id{3});
  CHECK(plan.pairs[1].fast == agent_id{2});

  // Twenty equally slow agents, in a crowd that an unstable sort would shuffle: helpers are taken in the same order.
  std::vector<double> crowd(40, 8);
  std::fill(crowd.begin() + 20, crowd.end(), .5);
  const auto many = pairing::greedy<>{}.plan(linked(crowd, {.5, .5}, {.5, .5}));
  REQUIRE(many.pairs.size() == 20);
  for (std::uint32_t i = 0; i < 20; ++i) {
    CHECK(many.pairs[i].slow == agent_id{20 + i});
    CHECK(many.pairs[i].fast == agent_id{i});
  }

  // Agent 1 reaches the same time with helper 0 only at the later cut, with helper 2 at the earlier one: the cut
  // decides.
  auto fleet = linked({8, .5, 8}, {.5, .5}, {.5, .5});
  fleet.agents[0].work = batches{1};
  fleet.profile.splits[0].fast_share = 8 - 1;  // helper 0: 1/8 + 7/8 = 1 s, as long as the slow side
  CHECK(pairing::greedy<>{}.plan(fleet).pairs.at(0).fast == agent_id{0});
  fleet.agents[0].work = batches{2};  // helper 0: more than 1 s at the earlier cut
  CHECK(pairing::greedy<>{}.plan(fleet).pairs.at(0).fast == agent_id{2});
  CHECK(pairing::greedy<>{}.plan(fleet).pairs.at(0).split == split_point{2});
}

TEST_CASE("who was left alone may still help") {
  // 0 is the slowest, linked to nobody as a slow agent; 1 is slow but for its link to 0.
  auto fleet = linked({1, 1, 1}, {.1, .1}, {.1, .1});
  fleet.links = link_matrix{3};
  fleet.agents[0].work = batches{3};
  fleet.agents[1].work = batches{2.9};
  fleet.links.set(agent_id{1}, agent_id{0}, {.rate = bits_per_second::infinity(), .latency = {}});
  CHECK(pairing::greedy<>{}.plan(fleet).pairs.empty());  // 3 + .29 > 2.9
  // A cost model in which the helper's own work does not count makes agent 0 useful.
  struct guests_only {
    seconds solo(const fleet::instance& f, agent_id a) const { return fleet::overlapped{}.solo(f, a); }
    seconds pair(const fleet::instance& f, agent_id a, agent_id helper, std::size_t entry) const {
      return fleet::overlapped{}.pair(f, a, helper, entry) - solo(f, helper);
    }
  };
  const auto plan = pairing::greedy<guests_only>{}.plan(fleet);
  REQUIRE(plan.pairs.size() == 1);
  CHECK(plan.pairs[0].slow == agent_id{1});
  CHECK(plan.pairs[0].fast == agent_id{0});
}

TEST_CASE("the codec of a cut reaches the plan, and the cheaper wire wins") {
  auto fleet = linked({4, .5}, {.5, .5}, {.5, .5});
  fleet.profile.splits.pop_back();
  fleet.links.set_both(agent_id{0}, agent_id{1}, {.rate = bits_per_second{8}, .latency = {}});
  fleet.profile.splits[0].wire = bytes_per_batch{10};
  CHECK(pairing::greedy<>{}.plan(fleet).pairs.empty());
  fleet.profile.splits.push_back(fleet.profile.splits[0]);
  fleet.profile.splits[1].codec = "int8";
  fleet.profile.splits[1].wire = bytes_per_batch{1.5};
  const auto plan = pairing::greedy<>{}.plan(fleet);
  CHECK(plan.pairs.at(0).codec == "int8");
  CHECK(pairing::violations(plan, fleet).empty());
}

TEST_CASE("a broken instance is refused") {
  auto fleet = golden();
  fleet.agents[0].speed = {};
  CHECK_THROWS_AS((void)pairing::greedy<>{}.plan(fleet), contract_error);
  CHECK_THROWS_AS((void)pairing::none<>{}.plan(fleet), contract_error);
}

TEST_CASE("the method's sentence on units: true sizes at 10 Mbps never pay, 100 Mbps do") {
  // method.md section 4: the authors' split table with true fp32 sizes, ten agents at their own speeds.
  const double mebibyte = 1 << 20;
  const std::array speeds{6.75, 5.25, 3.0, 1.625, 0.8};
  fleet::instance fleet{{}, link_matrix{10}, {.model = "", .batch = 100, .speed = {}, .splits = {}}};
  for (std::size_t i = 0; i < 10; ++i) fleet.agents.push_back({batches_per_second{speeds[i % 5]}, batches{50}});
  const std::array<std::array<double, 3>, 7> table{{{.99, .02, 6.25},
                                                    {.73, .13, 6.25},
                                                    {.64, .26, 12.5},
                                                    {.56, .43, 12.5},
                                                    {.35, .51, 25},
                                                    {.24, .65, 25},
                                                    {.01, .99, 6.25}}};
  for (std::uint32_t m = 0; m < 7; ++m)
    fleet.profile.splits.push_back({.point = split_point{7 - m},
                                    .slow_share = table[m][0],
                                    .fast_share = table[m][1],
                                    .wire = bytes_per_batch{table[m][2] * mebibyte},
                                    .fast_side = {}});
  const auto saved = [&](double megabits) {
    for (std::uint32_t a = 0; a < 10; ++a)
      for (std::uint32_t b = 0; b < a; ++b)
        fleet.links.set_both(agent_id{a}, agent_id{b}, {.rate = megabits_per_second(megabits), .latency = {}});
    const auto plan = pairing::greedy<>{}.plan(fleet);
    return 1 - plan.makespan / plan.alone_makespan;
  };
  CHECK(saved(10) == 0);
  CHECK(saved(50) == doctest::Approx(.16).epsilon(.05));
  CHECK(saved(100) == doctest::Approx(.58).epsilon(.02));
}
