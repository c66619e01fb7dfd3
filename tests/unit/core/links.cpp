// SPDX-License-Identifier: BSL-1.0
#include "comdml/core/links.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

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

TEST_CASE("links that are alike are of one kind, and visited in order") {
  const directed_link some{.rate = megabits_per_second(10), .latency = {}};
  const directed_link other{.rate = megabits_per_second(20), .latency = {}};
  const auto ends = [](const link_matrix& links, std::uint32_t from) {
    std::vector<std::uint32_t> found;
    links.for_each_link(agent_id{from}, [&](agent_id to, link_matrix::kind_index kind) {
      CHECK(links.kinds()[kind] == links(agent_id{from}, to));
      found.push_back(to.value);
    });
    return found;
  };
  link_matrix links{100};
  links.set(agent_id{7}, agent_id{90}, some);
  links.set(agent_id{7}, agent_id{3}, some);
  links.set(agent_id{7}, agent_id{50}, {.rate = {}, .latency = seconds{1}});  // no link
  CHECK(links.kind(agent_id{7}, agent_id{90}) == links.kind(agent_id{7}, agent_id{3}));
  CHECK(links.is_listed(agent_id{7}));
  CHECK(ends(links, 7) == std::vector<std::uint32_t>{3, 90});
  links.set(agent_id{7}, agent_id{3}, {});
  CHECK(ends(links, 7) == std::vector<std::uint32_t>{90});

  // The same links as a list and as an array.
  link_matrix full{100};
  for (std::uint32_t j = 0; j < 100; ++j) full.set(agent_id{7}, agent_id{j}, other);
  CHECK_FALSE(full.is_listed(agent_id{7}));
  CHECK(ends(full, 7).size() == 100);
  for (std::uint32_t j = 0; j < 100; ++j) full.set(agent_id{7}, agent_id{j}, links(agent_id{7}, agent_id{j}));
  CHECK(full == links);
  CHECK(ends(full, 7) == ends(links, 7));
  full.set(agent_id{7}, agent_id{8}, other);
  CHECK(full != links);
}

TEST_CASE("links may follow a rule, and be set all the same") {
  const std::vector<directed_link> kinds{{}, {megabits_per_second(10), {}}, {megabits_per_second(20), {}}};
  const link_matrix::rule odd = [](agent_id from, agent_id to) { return (from.value + to.value) % 3; };
  link_matrix ruled{20, kinds, odd};
  link_matrix stored{20};
  for (std::uint32_t i = 0; i < 20; ++i)
    for (std::uint32_t j = 0; j < 20; ++j)
      if (i != j) stored.set(agent_id{i}, agent_id{j}, kinds[(i + j) % 3]);
  CHECK(ruled == stored);
  CHECK(ruled(agent_id{2}, agent_id{2}) == directed_link{});
  const link_matrix before = ruled;
  for (auto* links : {&ruled, &stored}) links->set(agent_id{4}, agent_id{5}, {megabits_per_second(99), {}});
  CHECK(ruled == stored);
  CHECK(ruled != before);
  CHECK(before(agent_id{4}, agent_id{5}) == directed_link{});
  CHECK_THROWS_AS(link_matrix(2, std::vector<directed_link>{kinds[1]}, odd), contract_error);
  CHECK_THROWS_AS(link_matrix(2, std::vector<directed_link>{{}, kinds[1], kinds[1]}, odd), contract_error);
  CHECK_THROWS_AS(link_matrix(2, kinds, {}), contract_error);
}
