// SPDX-License-Identifier: BSL-1.0
#include "comdml/core/links.hpp"

#include <doctest/doctest.h>

using namespace comdml;

TEST_CASE("links are directed, and absent until they are set") {
  link_matrix links{3};
  CHECK(links.agents() == 3);
  const directed_link fast{.rate = megabits_per_second(100), .latency = seconds{.01}};
  const directed_link slow{.rate = megabits_per_second(10), .latency = {}};
  links.set(agent_id{0}, agent_id{1}, fast);
  CHECK(links(agent_id{0}, agent_id{1}) == fast);
  CHECK(links(agent_id{1}, agent_id{0}) == directed_link{});
  CHECK(links(agent_id{2}, agent_id{2}).rate.value() == 0);
  links.set_both(agent_id{2}, agent_id{1}, slow);
  CHECK(links(agent_id{2}, agent_id{1}) == slow);
  CHECK(links(agent_id{1}, agent_id{2}) == slow);
  CHECK(links(agent_id{0}, agent_id{1}) == fast);
}

TEST_CASE("a copy is a value of its own") {
  const directed_link some{.rate = megabits_per_second(10), .latency = {}};
  link_matrix links{2};
  links.set(agent_id{0}, agent_id{1}, some);
  link_matrix copy = links;
  CHECK(copy == links);
  copy.set(agent_id{1}, agent_id{0}, some);
  CHECK(copy != links);
  CHECK(copy(agent_id{0}, agent_id{1}) == some);
  CHECK(links(agent_id{1}, agent_id{0}) == directed_link{});
  links.set(agent_id{1}, agent_id{0}, some);  // the two do not share a table any more
  CHECK(copy == links);
  CHECK(link_matrix{} == link_matrix{});
  CHECK(link_matrix{} == link_matrix{0});
  CHECK(link_matrix{1} != link_matrix{2});
}

TEST_CASE("agents outside the table are refused") {
  link_matrix links{2};
  CHECK_THROWS_AS((void)links(agent_id{2}, agent_id{0}), contract_error);
  CHECK_THROWS_AS(links.set(agent_id{0}, agent_id{2}, {}), contract_error);
  CHECK_THROWS_AS((void)link_matrix{}(agent_id{0}, agent_id{0}), contract_error);
}
