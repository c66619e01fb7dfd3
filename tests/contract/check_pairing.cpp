// SPDX-License-Identifier: BSL-1.0
#include "comdml/testing/check_pairing.hpp"

#include <doctest/doctest.h>

#include <utility>
#include <vector>

#include "comdml/pairing/greedy.hpp"
#include "comdml/pairing/none.hpp"

using namespace comdml;

namespace {

/// Greedy, spoiled by the given function of (plan, instance).
template <class Spoil>
struct spoiled {
  Spoil spoil;
  pairing::plan plan(const fleet::instance& fleet) const {
    auto plan = pairing::greedy<>{}.plan(fleet);
    spoil(plan, fleet);
    return plan;
  }
};

template <class Spoil>
void check_rejected(const char* sentence, Spoil spoil) {
  CAPTURE(sentence);
  CHECK_THROWS_WITH_AS(testing::check_pairing(spoiled<Spoil>{spoil}), doctest::Contains(sentence), contract_error);
}

}  // namespace

TEST_CASE("greedy keeps the rules on 10,000 random fleets") {
  const auto found = testing::check_pairing(pairing::greedy<>{}, {}, {.fleets = 10000});
  CHECK(found.fleets == 10000);
  CHECK(found.pairs > 10000);  // the fleets are such that helping pays
  CHECK(found.compared > 3000);
  CHECK(found.worst_gap > 0);  // and such that greedy is not always the best
  CHECK(found.mean_gap < .25);
  MESSAGE("greedy: mean gap ", found.mean_gap, ", worst ", found.worst_gap, " over ", found.compared, " fleets");
}

TEST_CASE("none keeps the rules and is worse than greedy") {
  const auto alone = testing::check_pairing(pairing::none<>{});
  const auto greedy = testing::check_pairing(pairing::greedy<>{});
  CHECK(alone.pairs == 0);
  CHECK(alone.compared == greedy.compared);  // the same fleets
  CHECK(alone.mean_gap > 2 * greedy.mean_gap);
}

TEST_CASE("the checker sees broken plans") {
  check_rejected("is said to take", [](auto& plan, const auto&) {
    for (auto& pair : plan.pairs) pair.cost = pair.cost * .5;
  });
  check_rejected("list of agents alone", [](auto& plan, const auto&) { plan.alone.clear(); });
  check_rejected("makespan is said", [](auto& plan, const auto&) { plan.makespan = {}; });
  check_rejected("seed 1", [](auto& plan, const auto&) { plan.alone_makespan = {}; });
}

TEST_CASE("the checker sees policies that are not functions of the instance") {
  int calls = 0;
  check_rejected("the same instance gave another plan", [&calls](auto& plan, const auto& fleet) {
    if (++calls % 2 == 0) plan = pairing::none<>{}.plan(fleet);
  });
  struct copied {
    copied() = default;
    copied(const copied&) : original{false} {}
    pairing::plan plan(const fleet::instance& fleet) const {
      return original ? pairing::greedy<>{}.plan(fleet) : pairing::none<>{}.plan(fleet);
    }
    bool original = true;
  };
  CHECK_THROWS_WITH_AS(testing::check_pairing(copied{}), doctest::Contains("a copy of the policy"), contract_error);
}

TEST_CASE("the checker sees help that does harm") {
  check_rejected("with nobody helped", [](auto& plan, const auto& fleet) {
    if (fleet.profile.splits.empty() || !plan.pairs.empty()) return;
    // Any linked pair, wanted or not.
    std::vector<pairing::assignment> pairs;
    for (const agent_id slow : plan.alone)
      for (const agent_id fast : plan.alone)
        if (pairs.empty() && slow != fast && fleet.links(slow, fast).rate.value() > 0)
          pairs.push_back(pairing::assign(fleet, slow, fast, 0, fleet::overlapped{}));
    plan = pairing::complete(fleet, std::move(pairs), fleet::overlapped{});
  });
}

TEST_CASE("the oracle tries every matching, both directions and all cuts") {
  // Three agents, two cuts; agent 0 needs 10 s alone, the others 1 s. Only 0 -> 2 by the second cut reaches 2 s.
  fleet::instance fleet{
      {{batches_per_second{.1}, batches{1}}, {batches_per_second{1}, batches{1}}, {batches_per_second{1}, batches{1}}},
      link_matrix{3},
      {.model = "", .batch = 1, .speed = {}, .splits = {}}};
  CHECK(testing::optimal_makespan(fleet, fleet::overlapped{}) == seconds{10});
  fleet.profile.splits = {{.point = split_point{2}, .slow_share = .5, .fast_share = .5, .wire = {}, .fast_side = {}},
                          {.point = split_point{1}, .slow_share = .2, .fast_share = 1, .wire = {}, .fast_side = {}}};
  CHECK(testing::optimal_makespan(fleet, fleet::overlapped{}) == seconds{10});  // no links
  fleet.links.set(agent_id{0}, agent_id{2}, {.rate = bits_per_second{1}, .latency = {}});
  CHECK(testing::optimal_makespan(fleet, fleet::overlapped{}) == seconds{2});
  fleet.profile.splits.pop_back();
  CHECK(testing::optimal_makespan(fleet, fleet::overlapped{}) == seconds{5});
}
