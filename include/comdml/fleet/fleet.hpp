// SPDX-License-Identifier: BSL-1.0
/// \file
/// Fleets: how fast agents compute, how they are linked, and how that changes from round to round. fleet/draw.hpp makes
/// some by name, fleet/rounds.hpp plays the changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/units.hpp"

namespace comdml::fleet {

/// What is known of an agent before it has any data.
struct agent_profile {
  batches_per_second speed;
  bytes memory = bytes::infinity();  ///< that it can spare for guests

  friend bool operator==(const agent_profile&, const agent_profile&) = default;
};

/// From a round on, an agent computes at another speed than it declared. Under the wall clock nothing comes of it.
struct speed_change {
  round_index from;
  agent_id agent;
  batches_per_second speed;

  friend bool operator==(const speed_change&, const speed_change&) = default;
};

/// From a round on, one direction between two agents has another rate or latency, or both.
struct link_change {
  round_index from;
  agent_id sender;
  agent_id receiver;
  std::optional<bits_per_second> rate{};  ///< zero: no link any more
  std::optional<seconds> latency{};

  friend bool operator==(const link_change&, const link_change&) = default;
};

/// From a round on, an agent is there or is not.
struct presence_change {
  round_index from;
  agent_id agent;
  bool present;

  friend bool operator==(const presence_change&, const presence_change&) = default;
};

/// A fleet: agent i is agents[i]; `links` has the same number of agents. Of changes of one thing, those of a later
/// round come later. Everyone knows who takes part over which links; nobody is told of speeds, so plans follow those
/// only where they are measured.
///
/// Training and simulation play all of it alike.
struct description {
  std::vector<agent_profile> agents;
  link_matrix links;
  std::vector<speed_change> changes{};
  std::vector<link_change> link_changes{};
  std::vector<presence_change> presence{};  ///< all agents are there at first
  double sampled = 1;                       ///< share of those present, drawn anew, that takes part in a round
  seconds jitter{};        ///< what is added to a link's latency, drawn evenly from 0 to this for each link and round
  std::uint64_t seed = 1;  ///< of `sampled` and `jitter`

  friend bool operator==(const description&, const description&) = default;
};

/// Whether every agent reaches every other one along directed links, perhaps over others. Takes time in the number of
/// links where they are listed.
[[nodiscard]] inline bool connected(const link_matrix& links) {
  const auto agents = static_cast<std::uint32_t>(links.agents());
  if (agents < 2) return true;
  std::vector<std::vector<std::uint32_t>> onward(agents);
  std::vector<std::vector<std::uint32_t>> backward(agents);
  for (std::uint32_t from = 0; from < agents; ++from)
    links.for_each_link(agent_id{from}, [&](agent_id to, link_matrix::kind_index) {
      onward[from].push_back(to.value);
      backward[to.value].push_back(from);
    });
  const auto reaches_all = [&](const std::vector<std::vector<std::uint32_t>>& next_of) {
    std::vector<bool> seen(agents, false);
    std::vector<std::uint32_t> reached{0};
    seen[0] = true;
    for (std::size_t i = 0; i < reached.size(); ++i)
      for (const std::uint32_t next : next_of[reached[i]])
        if (!seen[next]) {
          seen[next] = true;
          reached.push_back(next);
        }
    return reached.size() == agents;
  };
  return reaches_all(onward) && reaches_all(backward);
}

}  // namespace comdml::fleet
