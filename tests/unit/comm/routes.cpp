// SPDX-License-Identifier: BSL-1.0
#include "comdml/comm/routes.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <vector>

#include "comdml/core/random.hpp"
#include "support.hpp"

using namespace comm_test;

namespace {

directed_link mbps(double rate) { return {megabits_per_second(rate), {}}; }

std::vector<agent_id> agents(std::initializer_list<std::size_t> list) {
  std::vector<agent_id> all;
  for (const std::size_t i : list) all.push_back(id(i));
  return all;
}

/// Every simple path from -> to, by exhaustive search.
void all_paths(const link_matrix& links, std::vector<agent_id>& now, agent_id to,
               std::vector<std::vector<agent_id>>& found) {
  if (now.back() == to) {
    found.push_back(now);
    return;
  }
  for (const agent_id next : ids(links.agents()))
    if (std::ranges::find(now, next) == now.end() && links(now.back(), next).rate > bits_per_second{}) {
      now.push_back(next);
      all_paths(links, now, to, found);
      now.pop_back();
    }
}

double bottleneck(const link_matrix& links, const std::vector<agent_id>& path) {
  double least = bits_per_second::infinity().value();
  for (std::size_t i = 1; i < path.size(); ++i) least = std::min(least, links(path[i - 1], path[i]).rate.value());
  return least;
}

}  // namespace

TEST_CASE("the widest path wins, then the shortest, then the lowest ids") {
  link_matrix links{6};
  links.set_both(id(0), id(5), mbps(10));
  links.set_both(id(0), id(1), mbps(50));
  links.set_both(id(1), id(2), mbps(50));
  links.set_both(id(2), id(5), mbps(50));
  const comm::routes one{links, agents({0, 1, 2, 5})};
  CHECK(one.path(id(0), id(5)) == agents({0, 1, 2, 5}));
  CHECK(one.bottleneck(id(0), id(5)) == megabits_per_second(50));
  CHECK(one.linked(id(0), id(5)));
  CHECK(!one.linked(id(0), id(2)));
  CHECK(one.path(id(1), id(1)) == agents({1}));

  links.set_both(id(0), id(4), mbps(50));
  links.set_both(id(4), id(5), mbps(60));
  CHECK(comm::routes{links, agents({0, 1, 2, 4, 5})}.path(id(0), id(5)) == agents({0, 4, 5}));
  links.set_both(id(0), id(3), mbps(70));
  links.set_both(id(3), id(5), mbps(50));
  CHECK(comm::routes{links}.path(id(0), id(5)) == agents({0, 3, 5}));
  CHECK(comm::routes{links}.path(id(5), id(0)) == agents({5, 3, 0}));
  // An agent that is no member relays nothing.
  CHECK(comm::routes{links, agents({0, 1, 2, 4, 5})}.path(id(0), id(5)) == agents({0, 4, 5}));
}

TEST_CASE("on random directed graphs the path is the best of all paths") {
  random_stream rng{5, purpose::testing};
  std::size_t connected = 0;
  for (int graph = 0; graph < 200; ++graph) {
    const std::size_t count = 2 + rng.below(5);
    link_matrix links{count};
    for (const agent_id a : ids(count))
      for (const agent_id b : ids(count))
        if (a != b) links.set(a, b, mbps(std::array{0.0, 10.0, 20.0}[rng.below(3)]));
    try {
      const comm::routes routes{links};
      ++connected;
      for (const agent_id from : ids(count))
        for (const agent_id to : ids(count)) {
          if (from == to) continue;
          std::vector<std::vector<agent_id>> found;
          std::vector<agent_id> start{from};
          all_paths(links, start, to, found);
          const auto best = std::ranges::min_element(found, [&](const auto& left, const auto& right) {
            return std::tuple{-bottleneck(links, left), left.size(), left} <
                   std::tuple{-bottleneck(links, right), right.size(), right};
          });
          REQUIRE(best != found.end());
          REQUIRE(routes.path(from, to) == *best);
          REQUIRE(routes.bottleneck(from, to).value() == bottleneck(links, *best));
        }
    } catch (const run_error&) {  // then some agent does not reach another one
      bool missing = false;
      for (const agent_id from : ids(count))
        for (const agent_id to : ids(count)) {
          std::vector<std::vector<agent_id>> found;
          std::vector<agent_id> start{from};
          all_paths(links, start, to, found);
          missing = missing || found.empty();
        }
      REQUIRE(missing);
    }
  }
  CHECK(connected > 50);
  CHECK(connected < 200);
}

TEST_CASE("a disconnected group is an error that names its parts") {
  link_matrix links = linked(5, {{0, 2}, {1, 3}});
  links.set(id(3), id(4), instant);  // one way only
  CHECK_THROWS_WITH_AS(comm::routes{links},
                       "the agents fall into 3 parts without links in both directions between them: {0 2} {1 3} {4}",
                       run_error);
  CHECK_THROWS_AS(comm::routes(line(3), agents({0, 2})), run_error);
  CHECK_NOTHROW(comm::routes(links, agents({1, 3})));
  CHECK_THROWS_AS(comm::routes(links, agents({3, 1})), contract_error);
  CHECK_THROWS_AS((void)comm::routes(links, agents({1, 3})).path(id(0), id(1)), contract_error);
}
