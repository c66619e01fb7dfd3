// SPDX-License-Identifier: BSL-1.0
#include "comdml/fleet/rounds.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "comdml/fleet/draw.hpp"
#include "comdml/fleet/trace.hpp"
#include "support.hpp"

using namespace comdml;
using support::ids;

namespace {

/// A trace over four agents, linked all alike.
fleet::description traced(const std::string& csv) {
  fleet::description fleet = fleet::uniform({.agents = 4});
  fleet::add_trace(fleet, csv, "t.csv");
  return fleet;
}

std::string refusal(const std::string& csv) {
  try {
    (void)traced(csv);
  } catch (const input_error& error) {
    return error.what();
  }
  return {};
}

bool contains(const std::string& whole, const std::string& part) { return whole.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("fleets by name") {
  CHECK(fleet::draw({.agents = 10, .seed = 7}) == fleet::paper({.agents = 10, .seed = 7}));
  CHECK(fleet::draw(fleet::authors()).agents[0].speed == batches_per_second{6.75});
  const auto two = fleet::draw(fleet::two(8));
  CHECK(two.agents.size() == 2);
  CHECK(two.agents[0].speed == 8 * two.agents[1].speed);

  fleet::draw_options mixed = fleet::log_uniform({.2, 4, 10, 100});
  mixed.agents = 200;
  mixed.asymmetric = true;
  mixed.latency = seconds{.01};
  const auto drawn = fleet::draw(mixed);
  CHECK(drawn == fleet::draw(mixed));
  std::size_t slow = 0;
  for (const auto& agent : drawn.agents) {
    CHECK(agent.speed.value() >= .2);
    CHECK(agent.speed.value() <= 4);
    slow += agent.speed.value() < std::sqrt(.2 * 4) ? 1 : 0;
  }
  CHECK(slow > 65);  // half of them, five standard deviations
  CHECK(slow < 135);
  std::size_t unlike = 0;
  for (std::uint32_t b = 1; b < 200; ++b) {
    const directed_link there = drawn.links(agent_id{0}, agent_id{b});
    CHECK(there.rate >= megabits_per_second(10));
    CHECK(there.rate <= megabits_per_second(100));
    CHECK(there.latency == seconds{.01});
    unlike += there == drawn.links(agent_id{b}, agent_id{0}) ? 0 : 1;
  }
  CHECK(unlike > 150);
}

TEST_CASE("a fleet drawn for a topology has a link for each of its pairs, and no other") {
  const fleet::agent_pairs pairs{{agent_id{0}, agent_id{1}}, {agent_id{1}, agent_id{2}}};
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto line = fleet::draw({.agents = 3, .seed = seed, .pairs = pairs});
    CHECK(line.links(agent_id{0}, agent_id{1}).rate >= megabits_per_second(10));
    CHECK(line.links(agent_id{2}, agent_id{1}).rate >= megabits_per_second(10));
    CHECK(line.links(agent_id{0}, agent_id{2}).rate.value() == 0);
  }
}

TEST_CASE("a trace changes speeds, links and presence from its rounds on") {
  const auto fleet = traced(
      "# a trace\n"
      "round, agent, to, batches_per_second, present, mbps, latency_ms\n"
      "2,3,,0.5,,,\n"
      "\n"
      "3,1,,,0,,\r\n"
      "3,0,2,,,20,5  # narrower\n"
      "4,1,,2,1,,\n"
      "4,0,2,,,0,\n"
      "5,0,2,,,20,\n");
  const agent_id from{0};
  const agent_id to{2};
  fleet::rounds played{fleet};
  CHECK(played.go_to(round_index{0}));
  CHECK(played.speeds()[3] == batches_per_second{1});
  CHECK(played.participants() == ids({0, 1, 2, 3}));
  CHECK(played.links() == fleet.links);
  CHECK(played.go_to(round_index{1}));
  CHECK(played.speeds()[3] == batches_per_second{.5});
  CHECK(played.go_to(round_index{2}));
  CHECK(played.participants() == ids({0, 2, 3}));
  CHECK(played.links()(from, to) == directed_link{megabits_per_second(20), seconds{.005}});
  CHECK(played.links()(to, from) == directed_link{megabits_per_second(100), {}});
  CHECK(played.go_to(round_index{3}));
  CHECK(played.participants() == ids({0, 1, 2, 3}));
  CHECK(played.speeds()[1] == batches_per_second{2});
  CHECK(played.links()(from, to).rate.value() == 0);
  CHECK(played.go_to(round_index{4}));
  CHECK(played.links()(from, to) ==
        directed_link{megabits_per_second(20), seconds{.005}});  // as it was but for the rate
  CHECK_FALSE(played.go_to(round_index{5}));
  CHECK_THROWS_AS(played.go_to(round_index{4}), contract_error);
  // ... and played from any round on, it is the same.
  CHECK(fleet::at(fleet, round_index{2}).links == fleet::at(fleet, round_index{2}).links);
  CHECK(fleet::at(fleet, round_index{3}).agents[1].speed == batches_per_second{2});
  CHECK(fleet::participants(fleet, round_index{2}) == ids({0, 2, 3}));
}

TEST_CASE("columns of a trace may be left out and come in any order") {
  const auto fleet = traced("batches_per_second,agent,round\n3,2,1\n");
  CHECK(fleet.changes == std::vector{fleet::speed_change{round_index{0}, agent_id{2}, batches_per_second{3}}});
}

TEST_CASE("a bad trace is refused with its line, and leaves the fleet as it was") {
  const std::string names = "round,agent,to,batches_per_second,present,mbps,latency_ms\n";
  CHECK(
      contains(refusal(names + "5,1,,2,,,\n4,1,,2,,,\n"), "t.csv, line 3: time runs backwards: round 4 after round 5"));
  CHECK(contains(refusal(names + "1,4,,2,,,\n"), "line 2: agent 4 is not there: the fleet has agents 0 to 3"));
  CHECK(contains(refusal(names + "1,1,,nan,,,\n"), "batches_per_second \"nan\" will not do"));
  CHECK(contains(refusal(names + "1,1,,0,,,\n"), "batches_per_second \"0\" will not do"));
  CHECK(contains(refusal(names + "1,1,2,,,-5,\n"), "mbps \"-5\" will not do"));
  CHECK(contains(refusal(names + "1,1,2,,,5,inf\n"), "latency_ms \"inf\" will not do"));
  CHECK(contains(refusal(names + "0,1,,2,,,\n"), "round \"0\" will not do"));
  CHECK(contains(refusal(names + "1,1,,,2,,\n"), "present \"2\" will not do"));
  CHECK(contains(refusal(names + "1,1,1,,,5,\n"), "link of agent 1 to itself"));
  CHECK(contains(refusal(names + "1,1,2,3,,5,\n"), "speaks of an agent, too"));
  CHECK(contains(refusal(names + "1,1,,,,5,\n"), "of no link"));
  CHECK(contains(refusal(names + "1,1,,,,,\n"), "nothing new of agent 1"));
  CHECK(contains(refusal(names + "1,1,2,,,,\n"), "a link, and nothing new of it"));
  CHECK(contains(refusal(names + "1,1,,2\n"), "4 cells under 7 columns"));
  CHECK(contains(refusal("round,agent,speed\n"), "\"speed\" is no column"));
  CHECK(contains(refusal("round,agent,agent\n"), "column agent appears twice"));
  CHECK(contains(refusal("round,mbps\n"), "has no column agent"));
  CHECK(contains(refusal(""), "names no columns"));
  fleet::description fleet = fleet::uniform({.agents = 4});
  CHECK_THROWS_AS(fleet::add_trace(fleet, names + "1,1,,2,,,\n1,9,,2,,,\n", "t.csv"), input_error);
  CHECK(fleet == fleet::uniform({.agents = 4}));
}

TEST_CASE("a share of the agents takes part, drawn anew in every round, evenly") {
  fleet::description fleet = fleet::uniform({.agents = 50});
  fleet.sampled = .2;
  std::vector<int> times(50);
  for (std::uint32_t round = 0; round < 500; ++round) {
    const auto some = fleet::participants(fleet, round_index{round});
    CHECK(some.size() == 10);
    CHECK(std::ranges::is_sorted(some));
    CHECK(std::set<agent_id>(some.begin(), some.end()).size() == 10);
    for (const agent_id agent : some) ++times[agent.value];
  }
  for (const int count : times) CHECK(std::abs(count - 100) < 45);  // 5 standard deviations
  CHECK(fleet::participants(fleet, round_index{3}) == fleet::participants(fleet, round_index{3}));
  fleet.presence = {{round_index{0}, agent_id{7}, false}};
  for (std::uint32_t round = 0; round < 50; ++round)
    CHECK(std::ranges::count(fleet::participants(fleet, round_index{round}), agent_id{7}) == 0);
  fleet.sampled = 1e-9;
  CHECK(fleet::participants(fleet, round_index{0}).size() == 1);
}

TEST_CASE("jitter lengthens a link's latency, by its ends, direction and round") {
  fleet::description fleet = fleet::uniform({.agents = 3});
  fleet.jitter = seconds{.05};
  const auto first = fleet::at(fleet, round_index{4});
  CHECK(first.links == fleet::at(fleet, round_index{4}).links);
  CHECK(first.links != fleet::at(fleet, round_index{5}).links);
  std::set<double> latencies;
  for (std::uint32_t a = 0; a < 3; ++a)
    for (std::uint32_t b = 0; b < 3; ++b)
      if (a != b) {
        const directed_link link = first.links(agent_id{a}, agent_id{b});
        CHECK(link.rate == megabits_per_second(100));
        CHECK(link.latency >= seconds{});
        CHECK(link.latency <= fleet.jitter);
        latencies.insert(link.latency.value());
      }
  CHECK(latencies.size() == 6);
}

TEST_CASE("a share of the agents is redrawn every so many rounds") {
  fleet::description fleet = fleet::paper({.agents = 20, .seed = 2});
  fleet::add_redraws(fleet, {.share = .3, .every = 10, .rounds = 31});
  CHECK(fleet.changes.size() == 18);
  std::set<double> declared;
  for (const auto& agent : fleet.agents) declared.insert(agent.speed.value());
  for (const auto& change : fleet.changes) CHECK(declared.contains(change.speed.value()));
  std::set<agent_id> redrawn;
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(fleet.changes[i].from == round_index{10});
    redrawn.insert(fleet.changes[i].agent);
  }
  CHECK(redrawn.size() == 6);
}

TEST_CASE("agents come and go, and two are always there") {
  fleet::description fleet = fleet::uniform({.agents = 6});
  fleet::add_presence(fleet, {.leaves = .6, .returns = .2, .rounds = 200});
  fleet::rounds played{fleet};
  std::size_t together = 0;
  for (std::uint32_t round = 0; round < 200; ++round) {
    played.go_to(round_index{round});
    CHECK(played.participants().size() >= 2);
    together += played.participants().size();
    if (round == 0) CHECK(played.participants().size() == 6);
  }
  CHECK(together < 200 * 4);  // a quarter of the time there, or two
}
