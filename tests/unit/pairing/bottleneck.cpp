// SPDX-License-Identifier: BSL-1.0
#include "comdml/pairing/bottleneck.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "comdml/pairing/greedy.hpp"
#include "comdml/pairing/none.hpp"
#include "comdml/testing/check_pairing.hpp"
#include "../../effort.hpp"
#include "support.hpp"

using namespace comdml;
using pairing_test::published_fleet;

namespace {

template <class Policy, class Cost>
std::size_t check_optimal(const Policy& policy, const Cost& cost, std::size_t all, std::uint64_t seed) {
  const std::size_t fleets = effort::cases(all);
  const auto found =
      testing::check_pairing(policy, cost, {.fleets = fleets, .largest = 11, .brute_force = 11, .seed = seed});
  CHECK(found.compared == fleets);
  CHECK(found.worst_gap == 0);
  CHECK(found.pairs > fleets / 2);
  return found.compared;
}

}  // namespace

TEST_CASE("bottleneck is as good as the best of all pairings on 20,000 random fleets") {
  using pairing::bottleneck;
  // random_fleet draws full and sparse graphs, with and without limits of memory.
  std::size_t compared = 0;
  compared += check_optimal(bottleneck<>{}, fleet::overlapped{}, 7000, 11);
  compared += check_optimal(bottleneck<>{.stored_links = 0}, fleet::overlapped{}, 2000, 12);
  compared += check_optimal(bottleneck<fleet::serial>{}, fleet::serial{}, 4000, 13);
  compared += check_optimal(bottleneck<fleet::handover>{}, fleet::handover{}, 2000, 14);
  compared += check_optimal(bottleneck<pairing_test::plain>{}, pairing_test::plain{}, 1000, 15);
  compared += check_optimal(bottleneck<pairing_test::unruly>{}, pairing_test::unruly{}, 4000, 16);
  CHECK(compared == effort::cases(20000));
}

TEST_CASE("a cost that lets slow agents help each other needs the general test") {
  // What the bipartite test alone would miss: with agents 0 and 1 both critical, only their pair is quick.
  fleet::instance fleet{{{batches_per_second{1}, batches{10}}, {batches_per_second{1}, batches{10}}},
                        link_matrix{2},
                        {.model = "", .batch = 1, .speed = {}, .splits = {}}};
  fleet.links.set(agent_id{0}, agent_id{1}, {bits_per_second::infinity(), {}});
  fleet.profile.splits = {{.point = split_point{1}, .slow_share = .5, .fast_share = .5, .wire = {}, .fast_side = {}}};
  struct together {
    seconds solo(const fleet::instance& f, agent_id a) const { return fleet::overlapped{}.solo(f, a); }
    seconds pair(const fleet::instance&, agent_id, agent_id, std::size_t) const { return seconds{4}; }
  };
  const auto plan = pairing::bottleneck<together>{}.plan(fleet);
  CHECK(plan.makespan == seconds{4});
  CHECK(plan.pairs.size() == 1);
}

TEST_CASE("links by a rule, stored links, a list or the whole row: the same plan") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const auto stored = published_fleet(seed, 120);
    auto ruled = stored;
    const link_matrix& links = stored.links;
    const std::vector<directed_link> kinds(links.kinds().begin(), links.kinds().end());
    ruled.links = link_matrix{120, kinds, [&](agent_id from, agent_id to) { return links.kind(from, to); }};
    REQUIRE(ruled == stored);
    const pairing::bottleneck<> all{.choices = 200};
    const pairing::bottleneck<> implicit{.choices = 200, .stored_links = 0};
    const auto plan = all.plan(stored);
    CHECK(plan == all.plan(ruled));
    auto other = implicit.plan(ruled);
    REQUIRE(plan.pairs.size() == other.pairs.size());
    for (std::size_t p = 0; p < plan.pairs.size(); ++p) other.pairs[p].refused = plan.pairs[p].refused;
    CHECK(plan == other);
    CHECK(implicit.plan(ruled) == implicit.plan(stored));
  }
}

TEST_CASE("the pairs that are not needed are not made") {
  const auto fleet = published_fleet(1, 100);
  const auto plan = pairing::bottleneck<>{}.plan(fleet);
  pairing::validate(plan, fleet);
  CHECK(plan.pairs.size() >= 20);
  for (const auto& pair : plan.pairs) {
    CHECK(pair.solo > plan.makespan);
    REQUIRE(pair.refused.has_value());
    CHECK(pair.refused->fast != pair.fast);
  }
  CHECK(plan.makespan <= pairing::greedy<>{}.plan(fleet).makespan);
}

TEST_CASE("of all pairings with the least makespan, one with slack and few bytes") {
  // Agent 2 has to be helped by 3 and decides the makespan. Agents 0 and 1 can be helped by 4 and 5 in either way; only
  // one way leaves slack to both.
  const auto speed = [](double value) { return fleet::instance::agent{batches_per_second{value}, batches{10}}; };
  fleet::instance fleet{{speed(.4), speed(.4), speed(.2), speed(1), speed(4), speed(4)},
                        link_matrix{6},
                        {.model = "", .batch = 1, .speed = {}, .splits = {}}};
  fleet.profile.splits = {
      {.point = split_point{1}, .slow_share = .2, .fast_share = .8, .wire = bytes_per_batch{1e6}, .fast_side = {}}};
  const auto link = [&](std::uint32_t from, std::uint32_t to, double seconds_on_wire) {
    fleet.links.set(agent_id{from}, agent_id{to}, {bits_per_second{8 * 1e7 / seconds_on_wire}, {}});
  };
  link(2, 3, 1);  // 10 + 8 = 18 s
  link(0, 4, 17.5);
  link(0, 5, 14);
  link(1, 4, 2);
  link(1, 5, 3);
  const auto plan = pairing::bottleneck<>{}.plan(fleet);
  CHECK(plan.makespan.value() == doctest::Approx(18));
  REQUIRE(plan.pairs.size() == 3);
  CHECK(plan.pairs[0].slow == agent_id{2});
  CHECK(plan.pairs[1].slow == agent_id{0});
  CHECK(plan.pairs[1].fast == agent_id{5});
  CHECK(plan.pairs[2].fast == agent_id{4});

  // A second cut sends half as much and takes longer, but not so long that it matters: it is preferred.
  fleet.profile.splits.push_back({.point = split_point{1},
                                  .slow_share = .25,
                                  .fast_share = .8,
                                  .wire = bytes_per_batch{5e5},
                                  .fast_side = {},
                                  .codec = "fp16"});
  for (const auto& pair : pairing::bottleneck<>{}.plan(fleet).pairs) CHECK(pair.codec == "fp16");
}

TEST_CASE("least_assignment finds the least sum") {
  using pairing::detail::choice;
  using pairing::detail::weight;
  random_stream rng{5, purpose::testing};
  std::size_t solved = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    const std::size_t rows = 1 + rng.below(5);
    const std::size_t columns = rows + rng.below(3);
    std::vector<std::vector<choice>> table(rows);
    for (auto& row : table)
      for (std::uint32_t c = 0; c < columns; ++c)
        if (rng.below(3) > 0)
          row.push_back({c, {static_cast<std::int64_t>(rng.below(4)), static_cast<std::int64_t>(rng.below(5))}});
    constexpr weight none{std::numeric_limits<std::int64_t>::max(), 0};
    weight best = none;
    std::vector<bool> used(columns, false);
    const auto search = [&](auto&& self, std::size_t row, weight sum) -> void {
      if (row == rows) {
        best = std::min(best, sum);
        return;
      }
      for (const choice& one : table[row]) {
        if (used[one.column]) continue;
        used[one.column] = true;
        self(self, row + 1, sum + one.weight);
        used[one.column] = false;
      }
    };
    search(search, 0, {});
    if (best == none) continue;
    ++solved;
    for (const std::size_t effort : {std::size_t{1000}, std::size_t{0}}) {
      const auto chosen = pairing::detail::least_assignment(table, columns, effort);
      weight sum;
      std::vector<bool> taken(columns, false);
      for (std::size_t r = 0; r < rows; ++r) {
        const choice& one = table[r][chosen[r]];
        CHECK_FALSE(taken[one.column]);
        taken[one.column] = true;
        sum = sum + one.weight;
      }
      if (effort > 0)
        CHECK(sum == best);
      else
        CHECK(sum >= best);
    }
  }
  CHECK(solved > 1000);
}

TEST_CASE("edges of the problem: one agent, nothing to do, no cut, no link") {
  fleet::instance fleet{
      {{batches_per_second{1}, batches{5}}}, link_matrix{1}, {.model = "", .batch = 1, .speed = {}, .splits = {}}};
  CHECK(pairing::bottleneck<>{}.plan(fleet) == pairing::none<>{}.plan(fleet));
  CHECK(pairing::bottleneck<pairing_test::unruly>{}.plan(fleet) == pairing::none<>{}.plan(fleet));
  fleet.agents.assign(4, {batches_per_second{1}, batches{0}});
  fleet.links = link_matrix{4};
  CHECK(pairing::bottleneck<>{}.plan(fleet) == pairing::none<>{}.plan(fleet));
  auto apart = published_fleet(1, 10);
  apart.links = link_matrix{10};
  CHECK(pairing::bottleneck<>{}.plan(apart) == pairing::none<>{}.plan(apart));
  auto uncut = published_fleet(1, 10);
  uncut.profile.splits.clear();
  CHECK(pairing::bottleneck<>{}.plan(uncut) == pairing::none<>{}.plan(uncut));
}

TEST_CASE("with speeds and links 25 % off the plan, bottleneck saves no less than greedy") {
  for (const std::size_t agents : {10U, 20U, 50U, 100U}) {
    const int fleets = agents < 50 ? 200 : 60;
    double greedy = 0;
    double bottleneck = 0;
    for (int number = 0; number < fleets; ++number) {
      const auto believed = published_fleet(1000 + static_cast<std::uint64_t>(number), agents);
      random_stream rng{static_cast<std::uint64_t>(number), purpose::pairing};
      auto real = believed;
      for (auto& agent : real.agents) agent.speed = agent.speed * std::exp(.25 * rng.normal());
      for (std::uint32_t a = 0; a < agents; ++a)
        for (std::uint32_t b = 0; b < a; ++b) {
          auto link = believed.links(agent_id{a}, agent_id{b});
          link.rate = link.rate * std::exp(.25 * rng.normal());
          real.links.set_both(agent_id{a}, agent_id{b}, link);
        }
      const auto saved = [&](const pairing::plan& plan) {
        const auto happened = pairing::complete(real, plan.pairs, fleet::overlapped{});
        return 1 - happened.makespan / happened.alone_makespan;
      };
      greedy += saved(pairing::greedy<>{}.plan(believed)) / fleets;
      bottleneck += saved(pairing::bottleneck<>{}.plan(believed)) / fleets;
    }
    MESSAGE(agents, " agents: greedy ", 100 * greedy, " %, bottleneck ", 100 * bottleneck, " %");
    CHECK(bottleneck >= greedy);
  }
}
