// SPDX-License-Identifier: BSL-1.0
#include "comdml/fleet/cost.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

using namespace comdml;

namespace {

constexpr agent_id slow{0};
constexpr agent_id fast{1};

/// Agent 0: 10 batches at 1/s; agent 1: 20 batches at 4/s; one cut, 1 MB per batch.
fleet::instance example(bits_per_second rate, seconds latency = {}) {
  fleet::instance fleet{{{batches_per_second{1}, batches{10}}, {batches_per_second{4}, batches{20}}},
                        link_matrix{2},
                        {.model = "",
                         .batch = 1,
                         .speed = {},
                         .splits = {{.point = split_point{1},
                                     .slow_share = .25,
                                     .fast_share = .5,
                                     .wire = bytes_per_batch{1e6},
                                     .fast_side = {}}}}};
  fleet.links.set(slow, fast, {.rate = rate, .latency = latency});
  return fleet;
}

}  // namespace

TEST_CASE("alone, an agent takes work / speed") {
  const auto fleet = example(megabits_per_second(1000));
  CHECK(fleet::overlapped{}.solo(fleet, slow) == seconds{10});
  CHECK(fleet::overlapped{}.solo(fleet, fast) == seconds{5});
}

TEST_CASE("a pair takes the longest of slow side, helper and transfer") {
  const auto pair = [](const fleet::instance& fleet) { return fleet::overlapped{}.pair(fleet, slow, fast, 0).value(); };
  auto fleet = example(megabits_per_second(1000));
  CHECK(pair(fleet) == doctest::Approx(5 + 10 * .5 / 4));  // helper: its own work, then the guest's
  fleet.agents[1].work = batches{0};
  CHECK(pair(fleet) == doctest::Approx(10 * .25));                      // slow side
  CHECK(pair(example(megabits_per_second(8))) == doctest::Approx(10));  // wire
  CHECK(pair(example(megabits_per_second(8), seconds{.5})) == doctest::Approx(10.5));
  CHECK(pair(example(bits_per_second::infinity())) == doctest::Approx(6.25));
}

TEST_CASE("no link, no pair; links are directed") {
  const auto fleet = example(megabits_per_second(8));
  CHECK(fleet::overlapped{}.pair(fleet, fast, slow, 0) == seconds::infinity());
  CHECK(fleet::overlapped{}.pair(example({}), slow, fast, 0) == seconds::infinity());
  auto nothing_sent = example({});
  nothing_sent.profile.splits[0].wire = {};
  CHECK(fleet::overlapped{}.pair(nothing_sent, slow, fast, 0) == seconds::infinity());
}

TEST_CASE("unit trap: a byte is eight bits, a megabit is a million of them") {
  // method.md, section 4: 100 activations of 64x32x32 fp32 are 25 MiB, and 10 Mbps carry them in 21 s, not in 2.5.
  auto fleet = example(megabits_per_second(10));
  fleet.agents[0].work = batches{1};
  fleet.profile.splits[0].wire = bytes_per_batch{100.0 * 64 * 32 * 32 * 4};
  CHECK(fleet::overlapped{}.pair(fleet, slow, fast, 0).value() == doctest::Approx(20.97).epsilon(1e-3));
}

TEST_CASE("agents and entries that do not exist are refused") {
  const auto fleet = example(megabits_per_second(8));
  CHECK_THROWS_AS((void)fleet::overlapped{}.solo(fleet, agent_id{2}), contract_error);
  CHECK_THROWS_AS((void)fleet::overlapped{}.pair(fleet, slow, agent_id{2}, 0), contract_error);
  CHECK_THROWS_AS((void)fleet::overlapped{}.pair(fleet, slow, slow, 0), contract_error);
  CHECK_THROWS_AS((void)fleet::overlapped{}.pair(fleet, slow, fast, 1), contract_error);
}

TEST_CASE("variants: serial transfer, hand-over of the fast side's weights, the all-reduce") {
  auto fleet = example(megabits_per_second(8), seconds{.5});  // 1 s per batch on the wire
  const auto of = [&](const auto& cost) { return cost.pair(fleet, slow, fast, 0).value(); };
  CHECK(of(fleet::overlapped{}) == doctest::Approx(10.5));
  CHECK(of(fleet::serial{}) == doctest::Approx(5 + 10.5 + 10 * .5 / 4));
  fleet.profile.splits[0].fast_side = megabytes(2);
  CHECK(of(fleet::handover{}) == std::numeric_limits<double>::infinity());  // no way back
  fleet.links.set(fast, slow, {.rate = megabits_per_second(16), .latency = seconds{.25}});
  CHECK(of(fleet::handover{}) == doctest::Approx(2 + 10.5 + 1 + .25));
  const fleet::with_all_reduce<> all{.base = {}, .collective = seconds{3}};
  CHECK(of(all) == doctest::Approx(13.5));
  CHECK(all.solo(fleet, slow) == seconds{13});
  // With the transfer out of the way, the helper decides: its own 5 s, 1.25 s for the guest.
  fleet.links.set(slow, fast, {.rate = bits_per_second::infinity(), .latency = {}});
  CHECK(of(fleet::overlapped{}) == doctest::Approx(6.25));
  CHECK(of(fleet::serial{}) == doctest::Approx(6.25));
  CHECK(of(all) == doctest::Approx(9.25));
  struct pairs_only {
    seconds solo(const fleet::instance&, agent_id) const { return seconds{1}; }
    seconds pair(const fleet::instance&, agent_id, agent_id, std::size_t) const { return seconds{2}; }
  };
  CHECK(of(fleet::with_all_reduce<pairs_only>{.base = {}, .collective = seconds{3}}) == 5);
}

TEST_CASE("an all-reduce takes the steps and bytes of recursive halving and doubling") {
  const directed_link link{.rate = megabits_per_second(8), .latency = seconds{.1}};
  const auto time = [&](std::size_t members) { return fleet::all_reduce_time(members, megabytes(3), link).value(); };
  CHECK(time(1) == 0);
  CHECK(time(2) == doctest::Approx(2 * .1 + 3));
  CHECK(time(8) == doctest::Approx(6 * .1 + 2 * 7 / 8. * 3));
  CHECK(time(10) == doctest::Approx(8 * .1 + (2 * 7 / 8. + 2) * 3));
  CHECK_THROWS_AS((void)time(0), contract_error);
}

TEST_CASE("a helper needs memory for weights, gradients, optimizer slots and waiting batches") {
  auto fleet = example(megabits_per_second(1000));
  fleet.profile.splits[0].fast_side = megabytes(2);
  CHECK(fleet::guest_memory{}(fleet.profile.splits[0]) == megabytes(3 * 2 + 9 * 1));
  const fleet::overlapped adam{.memory = {.optimizer_slots = 2, .window = 1}};
  CHECK(adam.memory(fleet.profile.splits[0]) == megabytes(4 * 2 + 6 * 1));
  auto packed = fleet.profile.splits[0];
  packed.codec = "int8";
  CHECK(adam.memory(packed) == megabytes(4 * 2 + 9 * 1));
  fleet.agents[1].memory = megabytes(14);
  CHECK(adam.pair(fleet, slow, fast, 0) < seconds::infinity());
  CHECK(fleet::overlapped{}.pair(fleet, slow, fast, 0) == seconds::infinity());
  CHECK(fleet::serial{}.pair(fleet, slow, fast, 0) == seconds::infinity());
  fleet.agents[1].memory = megabytes(15);
  CHECK(fleet::overlapped{}.pair(fleet, slow, fast, 0) < seconds::infinity());
  fleet.agents[0].memory = {};  // of the guest: does not matter
  CHECK(fleet::overlapped{}.pair(fleet, slow, fast, 0) < seconds::infinity());
}

TEST_CASE("a star: the helper's own work and that of all guests, each guest's own part and transfer") {
  auto fleet = example(megabits_per_second(1000));
  fleet.links = link_matrix{3};
  fleet.agents.push_back({batches_per_second{.5}, batches{4}});
  const agent_id third{2};
  for (const agent_id guest : {slow, third})
    fleet.links.set(guest, fast, {.rate = megabits_per_second(1000), .latency = {}});
  const fleet::overlapped cost{};
  const std::vector<fleet::guest_of> one{{slow, 0}};
  const std::vector<fleet::guest_of> both{{slow, 0}, {third, 0}};
  CHECK(fleet::star_costs(fleet, fast, one, cost).at(0) == cost.pair(fleet, slow, fast, 0));
  const auto costs = fleet::star_costs(fleet, fast, both, cost);
  CHECK(costs.at(0).value() == doctest::Approx(5 + 5 / 4. + 2 / 4.));
  CHECK(costs.at(1) == costs.at(0));
  fleet.agents[2].speed = batches_per_second{.1};  // its own part takes 10 s
  CHECK(fleet::star_costs(fleet, fast, both, cost).at(1) == seconds{10});
  CHECK(fleet::star_costs(fleet, fast, both, cost).at(0) == costs.at(0));
  fleet.agents[1].memory = 2 * cost.memory(fleet.profile.splits[0]);
  CHECK(fleet::star_costs(fleet, fast, both, cost).at(0) == costs.at(0));
  fleet.agents[1].memory = 1.5 * cost.memory(fleet.profile.splits[0]);
  CHECK(cost.pair(fleet, slow, fast, 0) < seconds::infinity());
  CHECK(fleet::star_costs(fleet, fast, both, cost).at(0) == seconds::infinity());
}
