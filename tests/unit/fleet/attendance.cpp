// SPDX-License-Identifier: BSL-1.0
// Who takes part, and who brings whom up to date.
#include "comdml/fleet/attendance.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "support.hpp"

using namespace comdml;
using support::ids;

namespace {

fleet::hand_over give(std::uint32_t from, std::uint32_t to) { return {agent_id{from}, agent_id{to}}; }

/// 0 - 1 - 2 - 3 - 4, ten Mbps more from link to link.
link_matrix line_of_five() {
  link_matrix links{5};
  for (std::uint32_t i = 0; i + 1 < 5; ++i)
    links.set_both(agent_id{i}, agent_id{i + 1}, {megabits_per_second(10 * (i + 1)), {}});
  return links;
}

}  // namespace

TEST_CASE("the largest part takes part, and the first round needs nobody's state") {
  const link_matrix links = line_of_five();
  CHECK(fleet::next_turnout(links, ids({0, 1, 2, 3, 4}), ids({0, 1, 2, 3, 4}), {}) ==
        fleet::turnout{ids({0, 1, 2, 3, 4})});
  CHECK(fleet::next_turnout(links, ids({0, 2, 3, 4}), ids({0, 2, 3, 4}), {}).members == ids({2, 3, 4}));
  CHECK(fleet::next_turnout(links, ids({0, 1, 3, 4}), ids({0, 1, 3, 4}), {}).members == ids({0, 1}));
}

TEST_CASE("who comes back gets the state over the fastest link, perhaps from one who has just got it") {
  const link_matrix links = line_of_five();
  const auto all = ids({0, 1, 2, 3, 4});
  const auto chain = fleet::next_turnout(links, all, all, ids({2}));
  CHECK(chain.members == all);
  CHECK(chain.hand_overs == std::vector{give(2, 1), give(2, 3), give(1, 0), give(3, 4)});
  CHECK(fleet::next_turnout(links, all, all, ids({0, 2, 4})).hand_overs == std::vector{give(2, 1), give(4, 3)});
  CHECK(fleet::next_turnout(links, all, all, all).hand_overs.empty());
  // Who goes away hands over before.
  CHECK(fleet::next_turnout(links, ids({1}), ids({1}), ids({0})) == fleet::turnout{ids({1}), {give(0, 1)}});
}

TEST_CASE("where nobody can be brought up to date, those of the last round go on") {
  const link_matrix links = line_of_five();
  CHECK(fleet::next_turnout(links, ids({3, 4}), ids({0, 1, 3, 4}), ids({0, 1})) == fleet::turnout{ids({0, 1})});
  CHECK(fleet::next_turnout(links, ids({3, 4}), ids({3, 4}), ids({0, 1})).members.empty());
}

TEST_CASE("a link of one way brings a state, but joins nobody") {
  link_matrix links{3};
  links.set(agent_id{0}, agent_id{1}, {megabits_per_second(1), {}});
  links.set_both(agent_id{1}, agent_id{2}, {megabits_per_second(1), {}});
  const auto next = fleet::next_turnout(links, ids({0, 1, 2}), ids({0, 1, 2}), ids({0}));
  CHECK(next.members == ids({1, 2}));
  CHECK(next.hand_overs == std::vector{give(0, 1), give(1, 2)});
}
