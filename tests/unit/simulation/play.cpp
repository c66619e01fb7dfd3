// SPDX-License-Identifier: BSL-1.0
/// \file
/// Simulated rounds: what becomes of change, absence and samples, and weights to neighbors only.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "comdml/comm/topology.hpp"
#include "comdml/fleet/draw.hpp"
#include "comdml/nn/resnet.hpp"
#include "comdml/pairing/greedy.hpp"
#include "comdml/pairing/none.hpp"
#include "comdml/pairing/steady.hpp"
#include "comdml/simulation/simulator.hpp"
#include "comdml/split/analytic_profile.hpp"
#include "comdml/split/auxiliary_head.hpp"
#include "comdml/split/cuts.hpp"

using namespace comdml;

namespace {

constexpr std::size_t batch = 10;

simulation::model small_model() {
  const nn::resnet<8> net{image_shape{8, 8, 1}, 10};
  return {net, split::pool_linear{}, split::every_block{},
          split::analytic_profile<comm::fp32>(net, split::pool_linear{}, split::every_block{}, batch)};
}

template <class Policy = pairing::greedy<>>
std::vector<simulation::round> play(const fleet::description& fleet, simulation::settings<Policy> how,
                                    std::size_t images = 40) {
  how.batch = batch;
  simulation::simulator<Policy> engine{fleet, small_model(), std::vector<std::size_t>(fleet.agents.size(), images),
                                       how};
  std::vector<simulation::round> rounds;
  while (!engine.done()) rounds.push_back(engine.next());
  return rounds;
}

/// Agents 0, 1, ... on a topology, 100 Mbps, half of them slow.
fleet::description halves(std::size_t agents, const comm::topology& topology) {
  return fleet::draw(
      {.agents = agents, .speeds = {{4, .5}}, .megabits = {{100}}, .pairs = comm::make_edges(topology, agents, 1)});
}

/// Whether two runs gave the same.
bool same(const simulation::round& a, const simulation::round& b) {
  return a.report.round == b.report.round && a.report.elapsed == b.report.elapsed &&
         a.report.elapsed_alone == b.report.elapsed_alone && a.report.activation_bytes == b.report.activation_bytes &&
         a.report.weight_bytes == b.report.weight_bytes && a.report.plan == b.report.plan &&
         a.participants == b.participants && a.cut_off == b.cut_off && a.repaired == b.repaired && a.idle == b.idle;
}

using greedy_handover = pairing::greedy<fleet::handover>;

}  // namespace

TEST_CASE("weights to neighbors: everyone alone, by hand") {
  // 0 - 1 - 2; agent 0 takes 1 s for its 4 batches, the others 8 s.
  fleet::description fleet = halves(3, comm::line_graph{});
  fleet.agents[2].speed = batches_per_second{.5};
  const auto rounds = play<>(fleet, {.rounds = 2, .paired = false, .join = simulation::join::neighbors});
  const seconds travel = small_model().whole() / megabits_per_second(100);
  CHECK(rounds[0].report.elapsed == seconds{8} + travel);
  CHECK(rounds[0].report.elapsed_alone == rounds[0].report.elapsed);
  CHECK(rounds[1].report.elapsed.value() == doctest::Approx(2 * rounds[0].report.elapsed.value()));
  CHECK(rounds[1].report.weight_bytes == 8 * small_model().whole());  // four links, two rounds
  CHECK(rounds[0].idle == doctest::Approx(1 - 17 / (3 * rounds[0].report.elapsed.value())));
}

TEST_CASE("weights to neighbors: a pair costs what the hand-over model says, within a batch") {
  const fleet::description fleet = halves(2, comm::line_graph{});
  simulation::settings<greedy_handover> how{.rounds = 1, .join = simulation::join::neighbors};
  const auto rounds = play(fleet, how);
  REQUIRE(rounds[0].pairs == 1);
  const pairing::assignment& pair = rounds[0].report.plan.pairs.front();
  CHECK(pair.slow == agent_id{1});
  const seconds own = rounds[0].report.elapsed - small_model().whole() / megabits_per_second(100);
  CHECK(std::abs((own - pair.cost).value()) < .5);  // a batch of the slow one takes 2 s, of the fast one .25 s
  CHECK(rounds[0].report.elapsed < rounds[0].report.elapsed_alone);
  // The guest's layers travelled there and back, and the whole model both ways.
  const std::size_t entry = *pairing::entry_of(small_model().profile(), pair);
  CHECK(rounds[0].report.weight_bytes == 2 * small_model().whole() + 2 * small_model().fast_side(entry));
}

TEST_CASE("weights to neighbors: nobody helped is what a run without pairs takes") {
  const fleet::description fleet = halves(12, comm::complete_graph{});
  const simulation::settings<greedy_handover> how{.rounds = 3, .join = simulation::join::neighbors};
  const auto paired = play(fleet, how);
  const auto alone = play<>(fleet, {.rounds = 3, .paired = false, .join = simulation::join::neighbors});
  CHECK(paired[2].pairs > 0);
  CHECK(paired[2].report.elapsed_alone == alone[2].report.elapsed);
  CHECK(paired[2].report.elapsed < alone[2].report.elapsed);
}

TEST_CASE("a sampled share takes part, in either way to join, and the others cost nothing") {
  fleet::description fleet = halves(20, comm::complete_graph{});
  fleet.sampled = .3;
  for (const auto join : {simulation::join::all_reduce, simulation::join::neighbors}) {
    const auto rounds = play<>(fleet, {.rounds = 6, .join = join});
    CHECK(std::ranges::equal(rounds, play<>(fleet, {.rounds = 6, .join = join}), same));
    seconds before{};
    for (const simulation::round& one : rounds) {
      CHECK(one.participants == 6);
      CHECK(one.cut_off == 0);
      const auto drawn = fleet::participants(fleet, one.report.round);
      for (const auto& pair : one.report.plan.pairs) {
        CHECK(std::ranges::count(drawn, pair.slow) == 1);
        CHECK(std::ranges::count(drawn, pair.fast) == 1);
      }
      CHECK(one.report.elapsed >= before);
      before = one.report.elapsed;
    }
  }
}

TEST_CASE("who is cut off by an absent agent sits out; who comes back begins when the round before is over") {
  fleet::description fleet = halves(5, comm::line_graph{});
  fleet.presence = {{round_index{1}, agent_id{1}, false}, {round_index{2}, agent_id{1}, true}};
  const auto rounds = play<>(fleet, {.rounds = 3});
  CHECK(rounds[0].participants == 5);
  CHECK(rounds[1].participants == 3);  // 2, 3, 4
  CHECK(rounds[1].cut_off == 1);       // 0
  CHECK(rounds[2].participants == 5);
  const seconds first = rounds[0].report.elapsed;
  const seconds last = rounds[2].report.elapsed - rounds[1].report.elapsed;
  CHECK(last.value() == doctest::Approx(first.value()).epsilon(.05));
}

TEST_CASE("a link that goes takes pairs and ways along") {
  fleet::description fleet = halves(2, comm::line_graph{});
  for (const auto& [a, b] : {std::pair{0U, 1U}, {1U, 0U}})
    fleet.link_changes.push_back({round_index{1}, agent_id{a}, agent_id{b}, bits_per_second{}, {}});
  const auto rounds = play<>(fleet, {.rounds = 2});
  CHECK(rounds[0].pairs == 1);
  CHECK(rounds[1].pairs == 0);
  CHECK(rounds[1].participants == 1);
  CHECK(rounds[1].cut_off == 1);
  // ... and a narrower one makes a round longer.
  for (auto& change : fleet.link_changes) change.rate = megabits_per_second(1);
  const auto narrow = play<>(fleet, {.rounds = 2});
  CHECK(narrow[1].report.elapsed - narrow[0].report.elapsed > narrow[0].report.elapsed);
}

TEST_CASE("plans follow current speeds if asked, and stay as declared otherwise") {
  fleet::description fleet = halves(2, comm::line_graph{});
  fleet.changes = {{round_index{1}, agent_id{0}, batches_per_second{.5}},
                   {round_index{1}, agent_id{1}, batches_per_second{4}}};
  const auto declared = play<>(fleet, {.rounds = 2});
  const auto current = play<>(fleet, {.rounds = 2, .knowledge = simulation::knowledge::current});
  CHECK(declared[0].report.plan == current[0].report.plan);
  CHECK(declared[1].report.plan == declared[0].report.plan);
  CHECK(declared[1].repaired == 0);
  REQUIRE(current[1].pairs == 1);
  CHECK(current[1].report.plan.pairs.front().slow == agent_id{0});
  CHECK(current[1].repaired == 1);
  CHECK(current[1].report.elapsed < declared[1].report.elapsed);
}

TEST_CASE("steady plans are followed when others take part") {
  fleet::description fleet = halves(10, comm::complete_graph{});
  fleet.sampled = .8;
  const simulation::settings<pairing::steady<pairing::greedy<>>> how{.rounds = 12};
  std::size_t pairs = 0;
  for (const simulation::round& one : play(fleet, how)) {
    const auto drawn = fleet::participants(fleet, one.report.round);
    for (const auto& pair : one.report.plan.pairs) CHECK(std::ranges::count(drawn, pair.slow) == 1);
    pairs += one.pairs;
  }
  CHECK(pairs > 0);
}

TEST_CASE("jitter makes rounds longer, by no more than all messages' worth") {
  fleet::description fleet = halves(4, comm::ring_graph{});
  const auto still = play<>(fleet, {.rounds = 3});
  fleet.jitter = seconds{.5};
  const auto rounds = play<>(fleet, {.rounds = 3});
  CHECK(rounds[2].report.elapsed > still[2].report.elapsed + seconds{1});
  CHECK(rounds[2].report.elapsed < still[2].report.elapsed + seconds{60});
}
