// SPDX-License-Identifier: BSL-1.0
/// \file
/// What commands leave for comdml report beside the rounds.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "comdml/fleet/fleet.hpp"
#include "comdml/fleet/profile.hpp"
#include "comdml/learn/timeline.hpp"

namespace program {

/// run.json, schema 1: what a report tells beside the options. Speeds in batches/s, links in Mbps (row i = from i; null
/// for more than 64 agents), shares of the whole model's work.
/// \param images  that each agent owns
/// \param units   of the model
/// \param typed   the command line
[[nodiscard]] std::string run_facts(const comdml::fleet::description& fleet, std::span<const std::size_t> images,
                                    const comdml::fleet::split_profile& profile, std::size_t units,
                                    const std::string& typed);

/// Agents of which it is recorded what they do when.
inline constexpr std::uint64_t most_recorded = 512;

/// A dozen rounds over a run; of a large fleet the first and the last.
[[nodiscard]] inline comdml::learn::timeline::selection recorded_rounds(std::uint64_t agents, std::uint64_t rounds) {
  const bool large = agents > 64;
  return {.first = large ? 1u : 3u, .every = large ? rounds : std::max<std::uint64_t>(1, rounds / 10)};
}

}  // namespace program
