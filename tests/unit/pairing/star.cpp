// SPDX-License-Identifier: BSL-1.0
#include "comdml/pairing/star.hpp"

#include <doctest/doctest.h>

#include <map>

#include "comdml/pairing/bottleneck.hpp"
#include "comdml/pairing/greedy.hpp"
#include "comdml/pairing/none.hpp"
#include "comdml/pairing/random.hpp"
#include "comdml/testing/check_pairing.hpp"
#include "support.hpp"

using namespace comdml;
using pairing_test::published_fleet;

TEST_CASE("stars keep the rules and come near the best of all stars") {
  for (const std::size_t guests : {2U, 3U}) {
    const auto found =
        testing::check_pairing(pairing::star<>{.guests = guests}, {},
                               {.fleets = 300, .largest = 6, .brute_force = 6, .guests = guests, .seed = guests});
    CHECK(found.compared == 300);
    CHECK(found.mean_gap < .002);
    CHECK(found.worst_gap < .2);
    MESSAGE("stars of ", guests, ": mean gap ", found.mean_gap, ", worst ", found.worst_gap);
  }
  testing::check_pairing(pairing::star<fleet::serial>{}, fleet::serial{}, {.fleets = 300, .brute_force = 0});
  testing::check_pairing(pairing::star<fleet::handover>{}, fleet::handover{}, {.fleets = 300, .brute_force = 0});
}

TEST_CASE("a star is never worse than the best pairs, has no more guests than allowed, and may be better") {
  std::size_t better = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const auto fleet = published_fleet(seed, 30);
    const auto pairs = pairing::bottleneck<>{}.plan(fleet);
    CHECK(pairing::star<>{.guests = 1}.plan(fleet) == pairs);
    const auto stars = pairing::star<>{.guests = 3}.plan(fleet);
    pairing::validate(stars, fleet);
    CHECK(stars.makespan <= pairs.makespan);
    better += stars.makespan < pairs.makespan;
    std::map<agent_id, std::size_t> guests;
    for (const auto& pair : stars.pairs) ++guests[pair.fast];
    for (const auto& [helper, count] : guests) CHECK(count <= 3);
  }
  CHECK(better > 40);
}

TEST_CASE("mean reduction of the round's time over 1,000 fleets of ten: the published setting") {
  double greedy = 0;
  double pairs = 0;
  double stars = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    const auto fleet = published_fleet(seed, 10);
    const auto saved = [&](const auto& policy) {
      const auto plan = policy.plan(fleet);
      return (1 - plan.makespan / plan.alone_makespan) / 10;  // percent of a thousand
    };
    greedy += saved(pairing::greedy<>{});
    pairs += saved(pairing::bottleneck<>{});
    stars += saved(pairing::star<>{});
  }
  CHECK(greedy >= 78);
  CHECK(pairs >= 79.5);
  CHECK(stars >= 82.5);
  MESSAGE("greedy ", greedy, " %, bottleneck ", pairs, " %, star ", stars, " %");
}

TEST_CASE("memory bounds a star") {
  auto fleet = published_fleet(3, 30);
  for (auto& split : fleet.profile.splits) split.fast_side = megabytes(10);
  const auto count = [&] {
    std::map<agent_id, std::size_t> guests;
    std::size_t most = 0;
    for (const auto& pair : pairing::star<>{}.plan(fleet).pairs) most = std::max(most, ++guests[pair.fast]);
    return most;
  };
  CHECK(count() > 1);
  for (auto& agent : fleet.agents) agent.memory = megabytes(115);  // 3 x 10 + 9 x 1.25 .. 5 for each
  CHECK(count() <= 2);
  for (auto& agent : fleet.agents) agent.memory = megabytes(70);
  CHECK(count() == 1);
  for (auto& agent : fleet.agents) agent.memory = megabytes(30);
  CHECK(count() == 0);
}

TEST_CASE("a star without guests is refused") {
  CHECK_THROWS_AS((void)pairing::star<>{.guests = 0}.plan(published_fleet(1, 10)), contract_error);
}

TEST_CASE("random pairing keeps the rules, follows its seed, and is worse than greedy") {
  const auto found = testing::check_pairing(pairing::random<>{}, {}, {.fleets = 2000});
  const auto greedy = testing::check_pairing(pairing::greedy<>{}, {}, {.fleets = 2000});
  CHECK(found.pairs > 2000);
  CHECK(found.mean_gap > 2 * greedy.mean_gap);
  const auto fleet = published_fleet(1, 30);
  CHECK(pairing::random<>{.seed = 1}.plan(fleet) == pairing::random<>{.seed = 1}.plan(fleet));
  CHECK(pairing::random<>{.seed = 1}.plan(fleet) != pairing::random<>{.seed = 2}.plan(fleet));
}
