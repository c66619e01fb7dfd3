// SPDX-License-Identifier: BSL-1.0
#include "comdml/core/ids.hpp"

#include <doctest/doctest.h>

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <sstream>
#include <unordered_set>

using namespace comdml;

static_assert(!std::convertible_to<agent_id, round_index> && !std::convertible_to<round_index, agent_id>);
static_assert(!std::equality_comparable_with<agent_id, split_point>);
static_assert(!std::convertible_to<agent_id, std::uint32_t>);
static_assert(sizeof(agent_id) == 4 && sizeof(epoch_index) == 8);

TEST_CASE("ids are ordered, hashed and printed like their numbers") {
  CHECK(agent_id{1} < agent_id{2});
  CHECK(agent_id{} == agent_id{0});
  CHECK(std::map<agent_id, int>{{agent_id{2}, 20}, {agent_id{1}, 10}}.begin()->second == 10);
  const std::unordered_set<agent_id> set{agent_id{1}, agent_id{2}, agent_id{1}};
  CHECK(set.size() == 2);
  CHECK(set.contains(agent_id{2}));
  std::ostringstream out;
  out << agent_id{7} << ' ' << epoch_index{std::numeric_limits<std::uint64_t>::max()};
  CHECK(out.str() == "7 18446744073709551615");
}
