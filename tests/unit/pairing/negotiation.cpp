// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "../../effort.hpp"
#include "comdml/comm/in_process.hpp"
#include "comdml/pairing/auction.hpp"
#include "comdml/pairing/bottleneck.hpp"
#include "comdml/pairing/deferred_acceptance.hpp"
#include "comdml/pairing/greedy.hpp"
#include "comdml/testing/check_pairing.hpp"
#include "comdml/testing/random_fleet.hpp"
#include "support.hpp"

using namespace comdml;
using pairing_test::published_fleet;

namespace {

using virtual_network = comm::in_process<comm::virtual_time>;

/// A random fleet whose links go both ways.
fleet::instance two_way_fleet(std::uint32_t number, std::size_t agents) {
  random_stream rng{31, agent_id{number}, round_index{0}, purpose::testing};
  fleet::instance fleet = testing::random_fleet(rng, agents);
  for (std::uint32_t a = 0; a < agents; ++a)
    for (std::uint32_t b = 0; b < a; ++b)
      fleet.links.set(agent_id{a}, agent_id{b}, fleet.links(agent_id{b}, agent_id{a}));
  return fleet;
}

void check_same_pairs(pairing::plan a, pairing::plan b) {
  for (auto* plan : {&a, &b})
    for (auto& pair : plan->pairs) pair.refused.reset();
  CHECK(a == b);
}

struct traffic {
  double mean = 0;
  std::size_t most = 0;
};

traffic count(const std::vector<pairing::negotiated>& results) {
  traffic sum;
  for (const auto& one : results) {
    sum.mean += static_cast<double>(one.sent) / static_cast<double>(results.size());
    sum.most = std::max(sum.most, one.sent);
  }
  return sum;
}

}  // namespace

TEST_CASE("deferred acceptance makes the pairs of greedy, exactly") {
  for (std::uint32_t number = 0; number < 3000; ++number) {
    CAPTURE(number);
    const auto fleet = two_way_fleet(number, 1 + number % 20);
    check_same_pairs(pairing::deferred_acceptance<>{}.plan(fleet), pairing::greedy<>{}.plan(fleet));
  }
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const auto fleet = published_fleet(seed, 100);
    check_same_pairs(pairing::deferred_acceptance<>{}.plan(fleet), pairing::greedy<>{}.plan(fleet));
    const pairing::deferred_acceptance<fleet::serial> serial{};
    check_same_pairs(serial.plan(fleet), pairing::greedy<fleet::serial>{}.plan(fleet));
  }
  const auto sent = count(pairing::deferred_acceptance<>{}.rehearse(published_fleet(1, 100)));
  MESSAGE("100 agents: ", sent.mean, " messages per agent, ", sent.most, " at most");
  CHECK(sent.most < 120);
}

TEST_CASE("the auction is within 1 % of the best pairs on average, within 2 % at worst") {
  double sum = 0;
  double worst = 0;
  std::size_t fleets = 0;
  const auto look = [&](const fleet::instance& fleet) {
    const auto plan = pairing::auction<>{}.plan(fleet);
    pairing::validate(plan, fleet);
    const auto best = pairing::bottleneck<>{}.plan(fleet);
    CHECK(plan.makespan >= best.makespan);
    const double gap = best.makespan > seconds{} ? plan.makespan / best.makespan - 1 : 0;
    sum += gap;
    worst = std::max(worst, gap);
    ++fleets;
  };
  for (std::uint64_t seed = 1; seed <= 100; ++seed) look(published_fleet(seed, 10));
  for (std::uint64_t seed = 1; seed <= 10; ++seed) look(published_fleet(seed, 100));
  for (std::uint32_t number = 0; number < effort::cases(500); ++number) look(two_way_fleet(number, 1 + number % 40));
  CHECK(sum / static_cast<double>(fleets) <= .01);
  CHECK(worst <= .02);
  const auto sent = count(pairing::auction<>{}.rehearse(published_fleet(1, 100)));
  CHECK(sent.mean < 2000);
  MESSAGE("auction: mean gap ", sum / static_cast<double>(fleets), ", worst ", worst, "; 100 agents: ", sent.mean,
          " messages per agent, ", sent.most, " at most");
}

TEST_CASE("a tree spans each part, over links that go both ways") {
  const auto count_children = [](const std::vector<pairing::tree_place>& places) {
    std::size_t most = 0;
    for (const auto& place : places) most = std::max(most, place.children.size());
    return most;
  };
  CHECK(count_children(pairing::spanning_trees(published_fleet(1, 100).links)) <= 5);
  link_matrix links{7};
  const directed_link some{megabits_per_second(1), {}};
  for (std::uint32_t leaf = 1; leaf < 6; ++leaf) links.set_both(agent_id{0}, agent_id{leaf}, some);
  links.set(agent_id{5}, agent_id{6}, some);  // one way
  const auto star = pairing::spanning_trees(links);
  CHECK(star[0].children.size() == 5);
  CHECK_FALSE(star[0].parent.has_value());
  CHECK(star[3].parent == agent_id{0});
  CHECK_FALSE(star[6].parent.has_value());
}

TEST_CASE("both keep the rules of pairing on links of one way, too") {
  testing::check_pairing(pairing::deferred_acceptance<>{}, {}, {.fleets = 300});
  testing::check_pairing(pairing::auction<>{}, {}, {.fleets = 300});
}

TEST_CASE("over a transport the same pairs are made, with the same messages, in parts that do not know each other") {
  for (const std::uint32_t number : {1U, 4U, 9U, 12U}) {
    CAPTURE(number);
    const auto fleet = number == 1 ? published_fleet(7, 12) : two_way_fleet(number, 12);
    const auto places = pairing::spanning_trees(fleet.links);
    const fleet::overlapped cost{};
    std::vector<pairing::negotiated> accepted(12);
    std::vector<pairing::negotiated> bought(12);
    virtual_network{fleet.links}.run([&](auto& line) {
      const agent_id self = line.self();
      auto view = pairing::view_of(fleet, self, cost);
      accepted[self.value] = pairing::deferred_acceptance<>{}.negotiate(line, view, {0, 1, 0});
      view.place = places[self.value];
      bought[self.value] = pairing::auction<>{}.negotiate(line, view, {0, 2, 0});
    });
    const auto expect = [&](const std::vector<pairing::negotiated>& results,
                            const std::vector<pairing::negotiated>& rehearsed) {
      for (std::size_t i = 0; i < results.size(); ++i) {
        REQUIRE(results[i].helper.has_value() == rehearsed[i].helper.has_value());
        if (!results[i].helper) continue;
        CHECK(results[i].helper->other == rehearsed[i].helper->other);
        CHECK(results[i].helper->entry == rehearsed[i].helper->entry);
      }
    };
    expect(accepted, pairing::deferred_acceptance<>{}.rehearse(fleet));
    expect(bought, pairing::auction<>{}.rehearse(fleet));
    CHECK(count(bought).most == count(pairing::auction<>{}.rehearse(fleet)).most);
  }
}

TEST_CASE("a neighbor that is lost or writes nonsense ends a negotiation") {
  const auto fleet = published_fleet(7, 6);
  const fleet::overlapped cost{};
  const auto run = [&](auto&& misbehave) {
    virtual_network{fleet.links}.run([&](auto& line) {
      if (line.self() == agent_id{5}) return misbehave(line);
      auto view = pairing::view_of(fleet, line.self(), cost);
      (void)pairing::deferred_acceptance<>{}.negotiate(line, view, {0, 1, 0});
    });
  };
  CHECK_THROWS_AS(run([](auto&) {}), run_error);
  const auto places = pairing::spanning_trees(fleet.links);
  CHECK_THROWS_AS(virtual_network{fleet.links}.run([&](auto& line) {
    if (line.self() == agent_id{5}) return;
    auto view = pairing::auction<>{}.view(fleet, line.self());
    view.place = places[line.self().value];
    (void)pairing::auction<>{}.negotiate(line, std::move(view), {0, 1, 0});
  }),
                  run_error);
  CHECK_THROWS_WITH_AS(run([](auto& line) {
                         for (const agent_id peer : line.peers())
                           (void)line.send(peer, {0, 1, 0}, {std::byte{9}}, seconds::infinity());
                       }),
                       doctest::Contains("of agent 5"), run_error);
}
