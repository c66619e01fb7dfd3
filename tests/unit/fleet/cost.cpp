// SPDX-License-Identifier: BSL-1.0
#include "comdml/fleet/cost.hpp"

#include <doctest/doctest.h>

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
