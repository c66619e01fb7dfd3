// SPDX-License-Identifier: BSL-1.0
#include "comdml/comm/topology.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>

using namespace comdml;

namespace {

using comm::edge_list;

edge_list edges(std::initializer_list<std::pair<std::uint32_t, std::uint32_t>> pairs) {
  edge_list list;
  for (const auto& [a, b] : pairs) list.emplace_back(agent_id{a}, agent_id{b});
  return list;
}

std::map<agent_id, std::size_t> degrees(const edge_list& list) {
  std::map<agent_id, std::size_t> count;
  for (const auto& [a, b] : list) {
    ++count[a];
    ++count[b];
  }
  return count;
}

/// What an input_error says.
template <class Function>
std::string refusal(Function&& f) {
  try {
    f();
  } catch (const input_error& error) {
    return error.what();
  }
  return {};
}

bool contains(const std::string& whole, const std::string& part) { return whole.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("topologies that are not random have exactly their links") {
  CHECK(comm::make_edges(comm::complete_graph{}, 4, 1) == edges({{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}}));
  CHECK(comm::make_edges(comm::ring_graph{}, 4, 1) == edges({{0, 1}, {0, 3}, {1, 2}, {2, 3}}));
  CHECK(comm::make_edges(comm::ring_graph{}, 2, 1) == edges({{0, 1}}));
  CHECK(comm::make_edges(comm::ring_graph{}, 1, 1).empty());
  CHECK(comm::make_edges(comm::line_graph{}, 4, 1) == edges({{0, 1}, {1, 2}, {2, 3}}));
  CHECK(comm::make_edges(comm::star_graph{}, 4, 1) == edges({{0, 1}, {0, 2}, {0, 3}}));
  // 0 1 2
  // 3 4 5
  // 6
  CHECK(comm::make_edges(comm::grid_graph{}, 7, 1) ==
        edges({{0, 1}, {0, 3}, {1, 2}, {1, 4}, {2, 5}, {3, 4}, {3, 6}, {4, 5}}));
}

TEST_CASE("random topologies are functions of their seed, connected, and of the density asked for") {
  for (const comm::topology& wanted :
       {comm::topology{comm::random_graph{.2}}, comm::topology{comm::small_world_graph{6, .3}},
        comm::topology{comm::random_rings{6}}}) {
    const edge_list first = comm::make_edges(wanted, 60, 5);
    CHECK(first == comm::make_edges(wanted, 60, 5));
    CHECK(first != comm::make_edges(wanted, 60, 6));
    CHECK(comm::parts_of(first, 60).size() == 1);
    CHECK(std::ranges::is_sorted(first));
    for (const auto& [a, b] : first) CHECK(a < b);
  }
  const auto count = static_cast<double>(comm::make_edges(comm::random_graph{.2}, 400, 1).size());
  CHECK(std::abs(count - .2 * 400 * 399 / 2) < 5 * std::sqrt(.2 * .8 * 400 * 399 / 2));
  CHECK(comm::make_edges(comm::random_graph{1}, 5, 1) == comm::make_edges(comm::complete_graph{}, 5, 1));
}

TEST_CASE("a small world without rewiring is a ring of near neighbors, and rewiring leads links away") {
  const edge_list lattice = comm::make_edges(comm::small_world_graph{4, 0}, 10, 1);
  CHECK(lattice.size() == 20);
  for (const auto& [agent, degree] : degrees(lattice)) CHECK(degree == 4);
  const std::set<std::pair<agent_id, agent_id>> near(lattice.begin(), lattice.end());
  std::size_t far = 0;
  const edge_list rewired = comm::make_edges(comm::small_world_graph{4, .5}, 200, 1);
  for (const auto& [a, b] : rewired) {
    const std::uint32_t distance = std::min(b.value - a.value, 200 - (b.value - a.value));
    far += distance > 2 ? 1 : 0;
  }
  CHECK(far > 150);  // 400 links, half of them rewired
  CHECK(far < 250);
}

TEST_CASE("random rings give everyone the neighbors asked for, but for few that coincide") {
  const edge_list rings = comm::make_edges(comm::random_rings{8}, 500, 3);
  CHECK(rings.size() > 4 * 500 - 60);
  for (const auto& [agent, degree] : degrees(rings)) {
    CHECK(degree <= 8);
    CHECK(degree >= 2);
  }
}

TEST_CASE("an impossible topology is refused, and the parts are named") {
  const auto make = [](const comm::topology& wanted, std::size_t agents) {
    return refusal([&] { (void)comm::make_edges(wanted, agents, 1); });
  };
  CHECK(contains(make(comm::random_rings{10}, 10), "10 neighbors each for 10 agents"));
  CHECK(contains(make(comm::random_rings{3}, 10), "give an even number"));
  CHECK(contains(make(comm::small_world_graph{0, .1}, 10), "give an even number"));
  CHECK(contains(make(comm::small_world_graph{4, 1.5}, 10), "give one from 0 to 1"));
  CHECK(contains(make(comm::random_graph{0}, 10), "give one above 0"));
  const std::string apart = make(comm::random_graph{.001}, 40);
  CHECK(contains(apart, "parts: {0} {1}"));
  CHECK(contains(apart, "remedy: ask for more links"));
  const std::string listed = make(comm::listed_graph{"edges.txt", edges({{0, 1}, {2, 3}})}, 5);
  CHECK(contains(listed, "edges.txt: the 5 agents fall into 3 parts: {0 1} {2 3} {4}"));
}

TEST_CASE("lists of links are read, and refused with the line") {
  const auto graph = comm::parse_edges("# a path\n0 1\n2,1  # back\n\n 2 , 3\r\n", "e.txt", 4);
  CHECK(comm::make_edges(graph, 4, 1) == edges({{0, 1}, {1, 2}, {2, 3}}));
  const auto read = [](const std::string& content) {
    return refusal([&] { (void)comm::parse_edges(content, "e.txt", 4); });
  };
  CHECK(contains(read("0 1\n1 4\n"), "e.txt, line 2: agent 4 is not there: the fleet has agents 0 to 3"));
  CHECK(contains(read("0 1\n\n1\n"), "e.txt, line 3: 1 agents in a line"));
  CHECK(contains(read("0 1 2\n"), "line 1: 3 agents in a line"));
  CHECK(contains(read("0 x\n"), "line 1: \"x\" is no agent"));
  CHECK(contains(read("0 -1\n"), "line 1: \"-1\" is no agent"));
  CHECK(contains(read("1 1\n"), "line 1: link of agent 1 to itself"));
}

TEST_CASE("a mask leaves a fleet's links where the topology has one, both directions as they were") {
  link_matrix links{3};
  links.set(agent_id{0}, agent_id{1}, {megabits_per_second(10), seconds{.1}});
  links.set(agent_id{1}, agent_id{0}, {megabits_per_second(20), {}});
  links.set_both(agent_id{0}, agent_id{2}, {megabits_per_second(30), {}});
  const link_matrix left = comm::mask(links, edges({{0, 1}, {1, 2}}));
  CHECK(left(agent_id{0}, agent_id{1}) == links(agent_id{0}, agent_id{1}));
  CHECK(left(agent_id{1}, agent_id{0}) == links(agent_id{1}, agent_id{0}));
  CHECK(left(agent_id{0}, agent_id{2}) == directed_link{});
  CHECK(left(agent_id{1}, agent_id{2}) == directed_link{});
  CHECK(comm::describe_parts(comm::parts_of(left)) == "2 parts: {0 1} {2}");
}

TEST_CASE("parts of one-way links reach each other both ways") {
  link_matrix links{3};
  links.set(agent_id{0}, agent_id{1}, {megabits_per_second(10), {}});
  links.set(agent_id{1}, agent_id{2}, {megabits_per_second(10), {}});
  CHECK(comm::parts_of(links).size() == 3);
  links.set(agent_id{2}, agent_id{0}, {megabits_per_second(10), {}});
  CHECK(comm::describe_parts(comm::parts_of(links)) == "1 part: {0 1 2}");
}
