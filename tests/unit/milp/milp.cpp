// SPDX-License-Identifier: BSL-1.0
#include "comdml/pairing/milp.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "../pairing/support.hpp"
#include "comdml/pairing/bottleneck.hpp"
#include "comdml/testing/check_pairing.hpp"
#include "comdml/testing/random_fleet.hpp"

using namespace comdml;
using pairing_test::published_fleet;

namespace {

/// Random fleets; GLPK, told nothing of bottleneck's plan, has to find a plan as fast.
template <class Cost>
void check_agreement(pairing::milp_form form, const Cost& cost, std::size_t fleets, std::size_t largest) {
  std::size_t helped = 0;
  for (std::uint32_t number = 0; number < fleets; ++number) {
    CAPTURE(number);
    random_stream rng{77, agent_id{number}, round_index{0}, purpose::testing};
    const fleet::instance fleet = testing::random_fleet(rng, 1 + rng.below(largest));
    const auto exact = pairing::bottleneck<Cost>{.cost = cost}.plan(fleet);
    const auto solved = pairing::milp<Cost>{.cost = cost, .form = form, .seeded = false}.solve(fleet);
    pairing::validate(solved.plan, fleet, cost);
    CHECK(solved.optimal);
    CHECK(solved.plan.makespan.value() == doctest::Approx(exact.makespan.value()).epsilon(1e-6));
    CHECK(solved.bound == solved.plan.makespan);
    helped += solved.plan.makespan < solved.plan.alone_makespan;
  }
  CHECK(helped > fleets / 4);
}

}  // namespace

TEST_CASE("GLPK and bottleneck agree on 500 random fleets") {
  check_agreement(pairing::milp_form::reduced, fleet::overlapped{}, 300, 12);
  check_agreement(pairing::milp_form::reduced, fleet::serial{}, 100, 12);
  check_agreement(pairing::milp_form::reduced, pairing_test::unruly{}, 100, 12);
}

TEST_CASE("the paper's formulation has the same optimum on 50") {
  check_agreement(pairing::milp_form::paper, fleet::overlapped{}, 50, 8);
}

TEST_CASE("started from bottleneck's plan, GLPK proves it") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const auto fleet = published_fleet(seed, 10);
    const auto exact = pairing::bottleneck<>{}.plan(fleet);
    const auto solved = pairing::milp<>{}.solve(fleet);
    CHECK(solved.optimal);
    CHECK(solved.gap() == 0);
    CHECK(solved.plan.makespan == exact.makespan);
    CHECK(pairing::milp<>{}.plan(fleet) == solved.plan);
  }
}

TEST_CASE("a time limit is kept, with a plan no worse than bottleneck's and a bound that holds") {
  const auto fleet = published_fleet(5, 200);
  const auto exact = pairing::bottleneck<>{}.plan(fleet);
  for (const auto form : {pairing::milp_form::reduced, pairing::milp_form::paper}) {
    const auto solved = pairing::milp<>{.form = form, .time_limit = seconds{.2}}.solve(fleet);
    pairing::validate(solved.plan, fleet);
    CHECK(solved.plan.makespan <= exact.makespan);
    CHECK(solved.bound <= exact.makespan);
    // Whether there is a bound in time depends on the machine; without one, the gap is infinite.
    CHECK(solved.gap() >= 0);
    CHECK((solved.bound > seconds{} ? solved.gap() < 3 : std::isinf(solved.gap())));
    MESSAGE("gap ", solved.gap(), " after ", solved.solving.value(), " s");
  }
  const auto fewer = published_fleet(5, 16);  // whose relaxation takes milliseconds
  for (const auto form : {pairing::milp_form::reduced, pairing::milp_form::paper}) {
    const auto solved = pairing::milp<>{.form = form, .time_limit = seconds{10}}.solve(fewer);
    CHECK(solved.bound > seconds{});
    CHECK(solved.gap() < 3);
  }
  const auto blind = pairing::milp<>{.time_limit = seconds{.2}, .seeded = false}.solve(fleet);
  pairing::validate(blind.plan, fleet);
  CHECK(blind.bound <= exact.makespan * (1 + 1e-9));
}

TEST_CASE("without any time left there is bottleneck's plan, and no bound is made up") {
  for (const auto form : {pairing::milp_form::reduced, pairing::milp_form::paper}) {
    const auto fleet = published_fleet(5, 60);
    const auto solved = pairing::milp<>{.form = form, .time_limit = seconds{1e-9}}.solve(fleet);
    CHECK(solved.plan == pairing::bottleneck<>{}.plan(fleet));
    CHECK_FALSE(solved.optimal);
    CHECK(solved.bound == seconds{});
    CHECK(solved.gap() == std::numeric_limits<double>::infinity());
  }
}
