// SPDX-License-Identifier: BSL-1.0
/// \file
/// Topologies: who is linked to whom, whatever the links' speed. Opt-in: needs Boost.Graph, and comdml.hpp leaves it
/// out.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/connected_components.hpp>
#include <boost/graph/erdos_renyi_generator.hpp>
#include <boost/graph/strong_components.hpp>

#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/random.hpp"
#include "comdml/core/text_file.hpp"

namespace comdml::comm {

/// Pairs of linked agents, the lower id first, ascending, each once.
using edge_list = std::vector<std::pair<agent_id, agent_id>>;

/// Everyone with everyone.
struct complete_graph {};
/// Each with the next one, the last with the first.
struct ring_graph {};
/// Each with the next one.
struct line_graph {};
/// The first with all others.
struct star_graph {};
/// In rows as long as the square root of the agents, rounded up; each with those beside, above and below.
struct grid_graph {};
/// Every pair with this probability (Gilbert 1959; Erdos and Renyi 1959).
struct random_graph {
  double probability = .5;
};
/// A ring in which each is linked to the `neighbors` nearest ones; then each link is, with this probability, led from
/// its first agent to another one (Watts and Strogatz 1998). `neighbors` must be even.
struct small_world_graph {
  std::size_t neighbors = 4;
  double rewired = .1;
};
/// About `degree` random neighbors for each: degree / 2 rings, each in a random order, laid over each other. Where two
/// rings lead to the same link, an agent has fewer. `degree` must be even.
struct random_rings {
  std::size_t degree = 4;
};
/// These.
struct listed_graph {
  std::string file;  ///< where they stand, for messages
  edge_list edges;
};

using topology = std::variant<complete_graph, ring_graph, line_graph, star_graph, grid_graph, random_graph,
                              small_world_graph, random_rings, listed_graph>;

namespace detail {

using undirected_graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::undirectedS>;
using directed_graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS>;

/// Sorted, each once, the lower id first, without links of an agent to itself.
inline edge_list tidy(edge_list edges) {
  for (auto& [a, b] : edges)
    if (b < a) std::swap(a, b);
  std::erase_if(edges, [](const auto& edge) { return edge.first == edge.second; });
  std::ranges::sort(edges);
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  return edges;
}

/// The agents of each component, ascending; the component of the lowest id first.
inline std::vector<std::vector<agent_id>> gather_parts(const std::vector<std::size_t>& component, std::size_t count) {
  std::vector<std::vector<agent_id>> parts(count);
  for (std::uint32_t i = 0; i < component.size(); ++i) parts[component[i]].push_back(agent_id{i});
  std::ranges::sort(parts);
  return parts;
}

}  // namespace detail

/// The parts into which a graph falls: one if it is connected.
[[nodiscard]] inline std::vector<std::vector<agent_id>> parts_of(const edge_list& edges, std::size_t agents) {
  detail::undirected_graph graph{agents};
  for (const auto& [a, b] : edges) add_edge(a.value, b.value, graph);
  std::vector<std::size_t> component(agents);
  const std::size_t count = agents == 0 ? 0 : boost::connected_components(graph, component.data());
  return detail::gather_parts(component, count);
}

/// The parts within which every agent reaches every other one along directed links.
[[nodiscard]] inline std::vector<std::vector<agent_id>> parts_of(const link_matrix& links) {
  detail::directed_graph graph{links.agents()};
  for (std::uint32_t from = 0; from < links.agents(); ++from)
    links.for_each_link(agent_id{from}, [&](agent_id to, link_matrix::kind_index) { add_edge(from, to.value, graph); });
  std::vector<std::size_t> component(links.agents());
  const std::size_t count = component.empty() ? 0 : boost::strong_components(graph, component.data());
  return detail::gather_parts(component, count);
}

/// "3 parts: {0 1 2} {3} {4 ... 9 (6 agents)}": the first few of them.
[[nodiscard]] inline std::string describe_parts(const std::vector<std::vector<agent_id>>& parts) {
  constexpr std::size_t most = 8;
  std::string all = text(parts.size(), parts.size() == 1 ? " part:" : " parts:");
  for (std::size_t i = 0; i < std::min(parts.size(), most); ++i) {
    const auto& part = parts[i];
    std::string members;
    for (std::size_t k = 0; k < std::min(part.size(), most); ++k) members += text(k == 0 ? "" : " ", part[k]);
    if (part.size() > most) members += text(" ... ", part.back(), " (", part.size(), " agents)");
    all += text(" {", members, "}");
  }
  if (parts.size() > most) all += " ...";
  return all;
}

namespace detail {

/// Draws the edges of a topology. Those that are random may come out in parts.
class topology_drawer {
 public:
  topology_drawer(std::size_t agents, random_stream& rng) : agents_{agents}, rng_{rng} {}

  edge_list operator()(const complete_graph&) const {
    edge_list edges;
    for (std::size_t a = 0; a < agents_; ++a)
      for (std::size_t b = a + 1; b < agents_; ++b) edges.push_back(edge(a, b));
    return edges;
  }
  edge_list operator()(const ring_graph&) const {
    edge_list edges;
    for (std::size_t a = 0; a < agents_; ++a) edges.push_back(edge(a, (a + 1) % agents_));
    return tidy(std::move(edges));
  }
  edge_list operator()(const line_graph&) const {
    edge_list edges;
    for (std::size_t a = 0; a + 1 < agents_; ++a) edges.push_back(edge(a, a + 1));
    return edges;
  }
  edge_list operator()(const star_graph&) const {
    edge_list edges;
    for (std::size_t a = 1; a < agents_; ++a) edges.push_back(edge(0, a));
    return edges;
  }
  edge_list operator()(const grid_graph&) const {
    std::size_t width = 1;
    while (width * width < agents_) ++width;
    edge_list edges;
    for (std::size_t a = 0; a < agents_; ++a) {
      if ((a + 1) % width != 0 && a + 1 < agents_) edges.push_back(edge(a, a + 1));
      if (a + width < agents_) edges.push_back(edge(a, a + width));
    }
    return tidy(std::move(edges));
  }
  edge_list operator()(const random_graph& graph) const {
    require(graph.probability > 0 && graph.probability <= 1, text("a probability of ", graph.probability),
            "give one above 0, up to 1");
    if (graph.probability == 1) return (*this)(complete_graph{});
    using iterator = boost::sorted_erdos_renyi_iterator<random_stream, undirected_graph>;
    edge_list edges;
    if (agents_ < 2) return edges;
    for (iterator next{rng_, agents_, graph.probability}, end; next != end; ++next)
      edges.push_back(edge(next->first, next->second));
    return tidy(std::move(edges));
  }
  edge_list operator()(const small_world_graph& graph) const {
    require_degree(graph.neighbors);
    require(graph.rewired >= 0 && graph.rewired <= 1, text("rewires with probability ", graph.rewired),
            "give one from 0 to 1");
    edge_list edges;
    for (std::size_t a = 0; a < agents_; ++a)
      for (std::size_t step = 1; step <= graph.neighbors / 2; ++step) {
        std::size_t b = (a + step) % agents_;
        if (rng_.uniform() < graph.rewired) b = (a + 1 + rng_.below(agents_ - 1)) % agents_;
        edges.push_back(edge(a, b));
      }
    return tidy(std::move(edges));
  }
  edge_list operator()(const random_rings& graph) const {
    require_degree(graph.degree);
    edge_list edges;
    for (std::size_t ring = 0; ring < graph.degree / 2; ++ring) {
      const std::vector<std::uint32_t> order = rng_.permutation(agents_);
      for (std::size_t i = 0; i < agents_; ++i) edges.push_back(edge(order[i], order[(i + 1) % agents_]));
    }
    return tidy(std::move(edges));
  }
  edge_list operator()(const listed_graph& graph) const { return tidy(graph.edges); }

  static void require(bool good, const std::string& what, const std::string& remedy) {
    if (!good) throw input_error{"topology", what, remedy};
  }

 private:
  static std::pair<agent_id, agent_id> edge(std::size_t a, std::size_t b) {
    return {agent_id{static_cast<std::uint32_t>(a)}, agent_id{static_cast<std::uint32_t>(b)}};
  }
  void require_degree(std::size_t degree) const {
    require(degree >= 2 && degree % 2 == 0, text(degree, " neighbors"), "give an even number, at least 2");
    require(degree < agents_, text(degree, " neighbors each for ", agents_, " agents"),
            text("give at most ", agents_ - 1, ", or take more agents"));
  }

  std::size_t agents_;
  random_stream& rng_;
};

}  // namespace detail

/// The links of a topology, the same for the same seed. One that is random is drawn again until it is connected, a
/// hundred times at most.
/// \throws input_error that says what is impossible about it; which parts there are, if it is not connected
[[nodiscard]] inline edge_list make_edges(const topology& wanted, std::size_t agents, std::uint64_t seed) {
  COMDML_REQUIRE(agents > 0, "a topology of no agents");
  random_stream rng{seed, purpose::topology};
  const auto* const listed = std::get_if<listed_graph>(&wanted);
  const bool random = std::holds_alternative<random_graph>(wanted) ||
                      std::holds_alternative<small_world_graph>(wanted) || std::holds_alternative<random_rings>(wanted);
  const int tries = random ? 100 : 1;
  std::vector<std::vector<agent_id>> parts;
  for (int i = 0; i < tries; ++i) {
    edge_list edges = std::visit(detail::topology_drawer{agents, rng}, wanted);
    parts = parts_of(edges, agents);
    if (parts.size() == 1) return edges;
  }
  if (listed != nullptr)
    throw input_error{listed->file, text("the ", agents, " agents fall into ", describe_parts(parts)),
                      "add links that join them, or take fewer agents"};
  const double enough = std::log(static_cast<double>(agents)) / static_cast<double>(agents);
  throw input_error{
      "topology",
      text("a hundred draws left the ", agents, " agents apart; in the last one they fall into ",
           describe_parts(parts)),
      text("ask for more links: random ones are connected, as a rule, with a probability above ", enough, " per pair")};
}

/// The links of a fleet that a topology leaves: no link where it has none.
[[nodiscard]] inline link_matrix mask(const link_matrix& links, const edge_list& edges) {
  link_matrix left{links.agents()};
  for (const auto& [a, b] : edges) {
    COMDML_REQUIRE(std::max(a, b).value < links.agents(), "link ", a, " - ", b, " of ", links.agents(), " agents");
    left.set(a, b, links(a, b));
    left.set(b, a, links(b, a));
  }
  return left;
}

/// Reads a list of links: two agents a line, with a space or a comma between them. Empty lines and what follows a # do
/// not count. `file` stands in messages only.
/// \throws input_error that names the file, the line and the remedy
[[nodiscard]] inline listed_graph parse_edges(std::string_view content, std::string file, std::size_t agents) {
  listed_graph graph{.file = std::move(file), .edges = {}};
  std::size_t line = 0;
  for (std::size_t begin = 0; begin < content.size();) {
    const std::size_t end = std::min(content.find('\n', begin), content.size());
    ++line;
    std::string_view left = content.substr(begin, std::min(content.find('#', begin), end) - begin);
    begin = end + 1;
    const auto refuse = [&](const std::string& what, const std::string& remedy) {
      throw input_error{text(graph.file, ", line ", line), what, remedy};
    };
    std::vector<std::uint32_t> ends;
    constexpr std::string_view blank = " \t\r,";
    for (std::size_t at = left.find_first_not_of(blank); at != std::string_view::npos;
         at = left.find_first_not_of(blank)) {
      left.remove_prefix(at);
      const std::string_view word = left.substr(0, left.find_first_of(blank));
      std::uint32_t value = 0;
      const auto [stop, failure] = std::from_chars(word.data(), word.data() + word.size(), value);
      if (failure != std::errc{} || stop != word.data() + word.size())
        refuse(text('"', word, "\" is no agent"), "write two agents a line, as in 0 1");
      if (value >= agents)
        refuse(text("agent ", value, " is not there: the fleet has agents 0 to ", agents - 1),
               "give agents of the fleet, or take more of them");
      ends.push_back(value);
      left.remove_prefix(word.size());
    }
    if (ends.empty()) continue;
    if (ends.size() != 2) refuse(text(ends.size(), " agents in a line"), "write two agents a line, as in 0 1");
    if (ends[0] == ends[1]) refuse(text("link of agent ", ends[0], " to itself"), "join two agents");
    graph.edges.emplace_back(agent_id{ends[0]}, agent_id{ends[1]});
  }
  return graph;
}

/// The same, from a file.
[[nodiscard]] inline listed_graph read_edges(const std::filesystem::path& file, std::size_t agents) {
  return parse_edges(read_text_file(file, {.most = 1U << 30,
                                           .what = "a list of links",
                                           .if_missing = "give a file with two agents a line",
                                           .if_too_large = "leave links out"}),
                     file.string(), agents);
}

}  // namespace comdml::comm
