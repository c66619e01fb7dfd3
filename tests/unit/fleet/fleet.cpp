// SPDX-License-Identifier: BSL-1.0
#include "comdml/fleet/draw.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <map>
#include <set>

using namespace comdml;

TEST_CASE("the paper's fleet has a fifth of the agents at each speed") {
  for (const std::size_t agents : {std::size_t{10}, std::size_t{50}}) {
    const auto fleet = fleet::paper({.agents = agents, .seed = 3});
    std::map<double, std::size_t> count;
    for (const auto& agent : fleet.agents) ++count[agent.speed.value()];
    CHECK(count == std::map<double, std::size_t>{
                       {0.2, agents / 5}, {0.5, agents / 5}, {1, agents / 5}, {2, agents / 5}, {4, agents / 5}});
    CHECK(fleet.links.agents() == agents);
  }
  CHECK(fleet::paper({.agents = 3, .seed = 1}).agents[2].speed == batches_per_second{1});
  CHECK(fleet::paper({.agents = 3, .seed = 1, .rate = 1.5}).agents[2].speed == batches_per_second{1.5});
}

TEST_CASE("the paper's links are symmetric, of the published rates, all of them used, and connected") {
  const std::set<double> published{0, 10e6, 20e6, 50e6, 100e6};
  std::map<double, int> drawn;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    for (const std::size_t agents : {1u, 2u, 4u, 10u}) {
      const auto fleet = fleet::paper({.agents = agents, .seed = seed});
      CHECK(fleet::connected(fleet.links));
      for (std::uint32_t a = 0; a < agents; ++a) {
        CHECK(fleet.links(agent_id{a}, agent_id{a}).rate.value() == 0);
        for (std::uint32_t b = 0; b < a; ++b) {
          const directed_link way = fleet.links(agent_id{a}, agent_id{b});
          CHECK(way == fleet.links(agent_id{b}, agent_id{a}));
          CHECK(way.latency == seconds{});
          CHECK(published.contains(way.rate.value()));
          if (agents == 10) ++drawn[way.rate.value()];
        }
      }
    }
  }
  for (const auto& [rate, times] : drawn) {
    CHECK(times > 9000 / 5 - 200);  // 5 standard deviations
    CHECK(times < 9000 / 5 + 200);
  }
  CHECK(drawn.size() == 5);
}

TEST_CASE("a fleet is a function of its seed") {
  CHECK(fleet::paper({.seed = 7}) == fleet::paper({.seed = 7}));
  CHECK(fleet::paper({.seed = 7}).links != fleet::paper({.seed = 8}).links);
}

TEST_CASE("uniform fleets are fully linked") {
  const auto fleet =
      fleet::uniform({.agents = 4, .speed = batches_per_second{2}, .bandwidth = megabits_per_second(50)});
  for (std::uint32_t a = 0; a < 4; ++a) {
    CHECK(fleet.agents[a].speed == batches_per_second{2});
    for (std::uint32_t b = 0; b < 4; ++b)
      CHECK(fleet.links(agent_id{a}, agent_id{b}).rate.value() == (a == b ? 0 : 50e6));
  }
}

TEST_CASE("options that cannot be met are refused") {
  CHECK_THROWS_AS((void)fleet::paper({.agents = 0}), contract_error);
  CHECK_THROWS_AS((void)fleet::paper({.rate = 0}), contract_error);
  CHECK_THROWS_AS((void)fleet::uniform({.agents = 0}), contract_error);
  CHECK_THROWS_AS((void)fleet::uniform({.speed = batches_per_second{-1}}), contract_error);
  CHECK_THROWS_AS((void)fleet::uniform({.bandwidth = {}}), contract_error);
}

TEST_CASE("connected means in both directions, over others too") {
  const auto links = [](std::size_t agents, std::initializer_list<std::array<std::uint32_t, 2>> ways) {
    link_matrix all{agents};
    for (const auto& [from, to] : ways)
      all.set(agent_id{from}, agent_id{to}, {.rate = bits_per_second{1}, .latency = {}});
    return all;
  };
  CHECK(fleet::connected(links(0, {})));
  CHECK(fleet::connected(links(1, {})));
  CHECK_FALSE(fleet::connected(links(2, {})));
  CHECK_FALSE(fleet::connected(links(2, {{0, 1}})));
  CHECK_FALSE(fleet::connected(links(2, {{1, 0}})));
  CHECK(fleet::connected(links(3, {{0, 1}, {1, 2}, {2, 0}})));
  CHECK_FALSE(fleet::connected(links(3, {{0, 1}, {1, 0}, {2, 0}})));
  CHECK_FALSE(fleet::connected(links(4, {{0, 1}, {1, 0}, {2, 3}, {3, 2}})));
}
