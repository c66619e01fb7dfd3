// SPDX-License-Identifier: BSL-1.0
/// \file
/// Fleets as the options describe them: by name or from a file, their topology, and how they change.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

#include "comdml/core/units.hpp"
#include "comdml/fleet/fleet.hpp"
#include "texts.hpp"

namespace program {

/// Options of every command that plays a fleet.
struct fleet_options {
  std::optional<std::uint64_t> agents{};
  std::string fleet = "paper";
  std::string topology = "complete";
  std::string links = "symmetric";
  double latency = 0;  ///< in milliseconds
  double jitter = 0;   ///< in milliseconds
  std::string change{};
  double sample = 1;
  std::string come_and_go{};
  std::string trace{};
};

[[nodiscard]] std::string topology_check(const std::string& written);
/// SHARE:ROUNDS.
[[nodiscard]] std::string change_check(const std::string& written);
/// LEAVE:RETURN.
[[nodiscard]] std::string come_and_go_check(const std::string& written);

/// The fleet of a run of so many rounds.
/// \param one_thread  speed of an agent with one processor; zero if that is not known
/// \throws comdml::input_error
[[nodiscard]] comdml::fleet::description make_fleet(const fleet_options& options, std::uint64_t most_agents,
                                                    std::uint64_t rounds, std::uint64_t seed,
                                                    comdml::batches_per_second one_thread);

template <class Options, class Visitor>
  requires std::same_as<std::remove_const_t<Options>, fleet_options>
void visit_options(Options& o, Visitor&& v, std::uint64_t most_agents) {
  v.count("agents", o.agents, {1, most_agents},
          "number of agents [default: as many as a fleet file lists, 2 for two, otherwise 10]");
  v.text(
      "fleet", o.fleet, "KIND|FILE", fleet_check,
      "paper[:RATE]: speeds 4, 2, 1, .5, .2 batches/s, times RATE, and links of 0 to 100 Mbps drawn from the seed; "
      "authors: speeds 6.75, 5.25, 3, 1.625, .8 and the same links; two[:RATIO]: a fast agent of RATIO (4) times the "
      ".5 batches/s of a slow one; uniform: 1 batch/s and 100 Mbps everywhere; "
      "loguniform[:SLOWEST:FASTEST[:MBPS:MBPS]]: drawn between these bounds (.2:4:10:100); or a TOML file, see "
      "comdml plan --help (its batches do not matter: agents train on their images)");
  v.text("topology", o.topology, "KIND", topology_check,
         "who is linked: complete, ring, star, line, grid, erdos-renyi:P (each pair with probability P), "
         "small-world:K:BETA (K nearest neighbors, a share BETA of the links rewired), degree:K (K random neighbors "
         "each), or file:PATH (two agents a line). Of a fleet by name, other than complete, every link of the topology "
         "is there; of a fleet file, those that it lists");
  v.text("links", o.links, "KIND", one_of({"symmetric", "asymmetric"}),
         "whether the two directions of a link are alike, or each is drawn for itself; not for a fleet file");
  v.number("latency", o.latency, {0, 1e6}, "milliseconds, of every link; not for a fleet file");
  v.number("jitter", o.jitter, {0, 1e6},
           "milliseconds by which a link's latency is longer at most, drawn for each link and round");
  v.text("change", o.change, "SHARE:ROUNDS", change_check,
         "every so many rounds that share of the agents gets another speed, drawn from the fleet's (0.3:50, say) "
         "[default: none]");
  v.number("sample", o.sample, {0, 1, true}, "share of the agents, drawn anew, that takes part in a round");
  v.text("come-and-go", o.come_and_go, "LEAVE:RETURN", come_and_go_check,
         "probabilities with which an agent leaves before a round, and one that is away returns (0.1:0.5, say) "
         "[default: all stay]");
  v.text("trace", o.trace, "FILE", existing_file,
         "CSV file of changes, see docs/simulation.md: round, agent, batches_per_second and so on [default: none]");
}

}  // namespace program
