// SPDX-License-Identifier: BSL-1.0
/// \file
/// What the members of a stage share.
#include "comdml/learn/stages.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "comdml/fleet/draw.hpp"

using namespace comdml;

TEST_CASE("members of a stage share its tables, which go with the last of them and come again the same") {
  const fleet::description fleet = fleet::paper({.agents = 12, .seed = 4});
  const std::vector<agent_id> members{agent_id{1}, agent_id{3}, agent_id{4}, agent_id{7}, agent_id{8}, agent_id{11}};
  const learn::stage some{round_index{2}, members, fleet.links, {}};
  std::vector<std::shared_ptr<const learn::stage::tables>> held(8);
  {
    std::vector<std::jthread> threads;
    for (auto& one : held) threads.emplace_back([&] { one = some.share(); });
  }
  for (const auto& one : held) CHECK(one == held.front());
  const comm::routes expected{fleet.links, members};
  const auto check = [&](const learn::stage::tables& found) {
    CHECK(found.routes.members() == members);
    CHECK(found.links.agents() == members.size());
    for (std::uint32_t a = 0; a < members.size(); ++a)
      for (std::uint32_t b = 0; b < members.size(); ++b) {
        CHECK(found.links(agent_id{a}, agent_id{b}) == fleet.links(members[a], members[b]));
        CHECK(found.routes.path(members[a], members[b]) == expected.path(members[a], members[b]));
      }
  };
  check(*held.front());
  const std::weak_ptr<const learn::stage::tables> last = held.front();
  held.clear();
  CHECK(last.expired());
  check(*some.share());
}
