// SPDX-License-Identifier: BSL-1.0
/// \file
/// Fleets as the options describe them.
#include "fleets.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "comdml/comm/topology.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/fleet/draw.hpp"
#include "comdml/fleet/fleet_file.hpp"
#include "comdml/fleet/rounds.hpp"
#include "comdml/fleet/trace.hpp"

namespace program {

using comdml::input_error;
using comdml::text;

namespace {

constexpr const char* topology_remedy =
    "give complete, ring, star, line, grid, erdos-renyi:P (0 to 1, say erdos-renyi:0.3), small-world:K:BETA (say "
    "small-world:4:0.1), degree:K (say degree:20) or file:PATH";

/// Agents up to which every pair may have a link of its own.
constexpr std::uint64_t most_complete = 5000;

/// The numbers of "name:1:2"; nothing if the text is not that.
std::optional<std::vector<double>> numbers_after(std::string_view name, std::string_view written) {
  if (!written.starts_with(name)) return std::nullopt;
  std::vector<double> numbers;
  for (written.remove_prefix(name.size()); !written.empty();) {
    if (written.front() != ':') return std::nullopt;
    const std::size_t end = std::min(written.find(':', 1), written.size());
    const auto value = to_number(written.substr(1, end - 1));
    if (!value) return std::nullopt;
    numbers.push_back(*value);
    written.remove_prefix(end);
  }
  return numbers;
}

/// Whether a number can count neighbors.
bool whole(double value) { return value >= 0 && value <= 1e9 && value == std::floor(value); }

/// A topology that needs no file; nothing if the text is none.
std::optional<comdml::comm::topology> to_topology(const std::string& written) {
  using namespace comdml::comm;
  if (written == "complete") return complete_graph{};
  if (written == "ring") return ring_graph{};
  if (written == "star") return star_graph{};
  if (written == "line") return line_graph{};
  if (written == "grid") return grid_graph{};
  if (const auto p = numbers_after("erdos-renyi", written); p && p->size() == 1 && p->front() > 0 && p->front() <= 1)
    return random_graph{p->front()};
  if (const auto k = numbers_after("small-world", written);
      k && k->size() == 2 && whole(k->front()) && k->back() >= 0 && k->back() <= 1)
    return small_world_graph{static_cast<std::size_t>(k->front()), k->back()};
  if (const auto k = numbers_after("degree", written); k && k->size() == 1 && whole(k->front()))
    return random_rings{static_cast<std::size_t>(k->front())};
  return std::nullopt;
}

/// The file of "file:PATH"; nothing if it is not that.
std::optional<std::string> file_of(const std::string& written) {
  return written.starts_with("file:") ? std::optional{written.substr(5)} : std::nullopt;
}

/// A fleet of a file, masked by the topology.
comdml::fleet::description listed_fleet(const fleet_options& options, std::uint64_t most, std::uint64_t seed,
                                        comdml::batches_per_second one_thread) {
  const comdml::fleet::listed_fleet listed = comdml::fleet::read_fleet(options.fleet, one_thread);
  if (options.agents && *options.agents != listed.agents.size())
    throw input_error{"--agents", text(*options.agents, ", and ", options.fleet, " lists ", listed.agents.size()),
                      "leave --agents out: the file says how many there are"};
  if (listed.agents.size() > most)
    throw input_error{listed.place(most), text(listed.agents.size(), " agents are too many"),
                      text("list at most ", most)};
  if (options.latency > 0 || options.links != "symmetric")
    throw input_error{options.latency > 0 ? "--latency" : "--links",
                      text("and ", options.fleet, " says what its links are like"),
                      "leave the option out, and give latency_ms, or from and to, in the file's [[link]]s"};
  comdml::fleet::description fleet{.agents = {}, .links = listed.links, .seed = seed};
  for (const comdml::fleet::listed_agent& agent : listed.agents)
    fleet.agents.push_back({agent.speed, agent.memory.value_or(comdml::bytes::infinity())});
  return fleet;
}

}  // namespace

std::string topology_check(const std::string& written) {
  if (const auto file = file_of(written)) return existing_file(*file);
  if (to_topology(written)) return {};
  return text('"', written, "\" is not known\n  remedy: ", topology_remedy);
}

std::string change_check(const std::string& written) {
  const auto numbers = numbers_after("", ":" + written);
  if (numbers && numbers->size() == 2 && numbers->front() >= 0 && numbers->front() <= 1 && whole(numbers->back()) &&
      numbers->back() > 0)
    return {};
  return text('"', written,
              "\" will not do\n  remedy: give SHARE:ROUNDS, a share from 0 to 1 and a whole number of "
              "rounds, say 0.3:50");
}

std::string come_and_go_check(const std::string& written) {
  const auto numbers = numbers_after("", ":" + written);
  const auto probability = [](double value) { return value >= 0 && value <= 1; };
  if (numbers && numbers->size() == 2 && probability(numbers->front()) && probability(numbers->back())) return {};
  return text('"', written, "\" will not do\n  remedy: give LEAVE:RETURN, two probabilities, say 0.1:0.5");
}

comdml::fleet::description make_fleet(const fleet_options& options, std::uint64_t most, std::uint64_t rounds,
                                      std::uint64_t seed, comdml::batches_per_second one_thread) {
  namespace fleet = comdml::fleet;
  namespace comm = comdml::comm;
  const bool complete = options.topology == "complete";
  const auto edges_of = [&](std::size_t agents) {
    const auto file = file_of(options.topology);
    return comm::make_edges(file ? comm::topology{comm::read_edges(*file, agents)} : *to_topology(options.topology),
                            agents, seed);
  };
  fleet::description made;
  if (auto drawn = to_fleet(options.fleet)) {
    drawn->agents = options.agents.value_or(drawn->agents);
    drawn->seed = seed;
    drawn->latency = 1e-3 * comdml::seconds{options.latency};
    drawn->asymmetric = options.links == "asymmetric";
    if (complete && drawn->agents > most_complete)
      throw input_error{"--topology", text("complete: ", drawn->agents, " agents have too many pairs to link them all"),
                        text("give --topology degree:20, say, or at most ", most_complete, " agents")};
    if (!complete) drawn->pairs = edges_of(drawn->agents);
    made = fleet::draw(*drawn);
  } else {
    made = listed_fleet(options, most, seed, one_thread);
    if (!complete) made.links = comm::mask(made.links, edges_of(made.agents.size()));
    if (!fleet::connected(made.links))
      throw input_error{options.fleet,
                        text("its links ", complete ? "" : text("within --topology ", options.topology, ' '),
                             "do not join all agents, so their models cannot be averaged: they fall into ",
                             comm::describe_parts(comm::parts_of(made.links))),
                        "add links, or a rate for all others under [defaults]"};
  }
  if (!options.change.empty()) {
    const auto numbers = *numbers_after("", ":" + options.change);
    fleet::add_redraws(made, {.share = numbers[0], .every = static_cast<std::size_t>(numbers[1]), .rounds = rounds});
  }
  if (!options.come_and_go.empty()) {
    const auto numbers = *numbers_after("", ":" + options.come_and_go);
    fleet::add_presence(made, {.leaves = numbers[0], .returns = numbers[1], .rounds = rounds});
  }
  if (!options.trace.empty()) fleet::read_trace(made, options.trace);
  std::ranges::stable_sort(made.changes, {}, &fleet::speed_change::from);  // a trace's lie among those redrawn
  made.jitter = 1e-3 * comdml::seconds{options.jitter};
  made.sampled = options.sample;
  return made;
}

}  // namespace program
