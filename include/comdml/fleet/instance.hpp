// SPDX-License-Identifier: BSL-1.0
/// \file
/// A pairing instance: all that a cost model and a pairing policy may look at, and the integers that agents exchange so
/// that each of them builds the same one.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/profile.hpp"

namespace comdml::fleet {

/// One round's problem: agents with their own work, links, and what the cuts cost.
struct instance {
  struct agent {
    batches_per_second speed;  ///< p: batches of the whole model
    batches work;              ///< n: of this round, all local epochs together
    /// What this agent can spare for its guests, beside its own training; see fleet::guest_memory.
    bytes memory = bytes::infinity();

    friend bool operator==(const agent&, const agent&) = default;
  };
  std::vector<agent> agents;
  link_matrix links;
  split_profile profile;

  friend bool operator==(const instance&, const instance&) = default;
};

/// Throws contract_error (input_error for the profile) unless there is an agent, speeds are positive and finite, work
/// is finite and not negative, memory, rates and latencies are not negative, and the links are of these agents.
inline void validate(const instance& fleet) {
  COMDML_REQUIRE(!fleet.agents.empty(), "a fleet without agents");
  COMDML_REQUIRE(fleet.links.agents() == fleet.agents.size(), fleet.links.agents(), " linked, ", fleet.agents.size(),
                 " described");
  validate(fleet.profile);
  for (std::uint32_t i = 0; i < fleet.agents.size(); ++i) {
    const double speed = fleet.agents[i].speed.value();
    const double work = fleet.agents[i].work.value();
    const double memory = fleet.agents[i].memory.value();
    COMDML_REQUIRE(std::isfinite(speed) && speed > 0, "speed ", speed, " of agent ", i);
    COMDML_REQUIRE(std::isfinite(work) && work >= 0, "work ", work, " of agent ", i);
    COMDML_REQUIRE(memory >= 0, "memory ", memory, " of agent ", i);
  }
  for (const directed_link& way : fleet.links.kinds()) {
    COMDML_REQUIRE(way.rate.value() >= 0, "a link of rate ", way.rate.value());
    COMDML_REQUIRE(std::isfinite(way.latency.value()) && way.latency.value() >= 0, "a link of latency ",
                   way.latency.value());
  }
}

/// What an agent tells its peers at the start of a round, in integers: the same on every machine.
struct status {
  std::int64_t micro_batches_per_second = 0;  ///< speed: millionths of a batch of the whole model in a second
  std::int64_t images = 0;                    ///< to be trained on this round, all local epochs together
  std::int64_t memory = unlimited;            ///< bytes to spare for guests

  static constexpr std::int64_t unlimited = std::numeric_limits<std::int64_t>::max();

  friend bool operator==(const status&, const status&) = default;
};

/// Whether an agent can own so many images. More than 2^32 are taken for nonsense.
[[nodiscard]] constexpr bool are_possible_images(std::int64_t images) noexcept {
  return images >= 0 && images <= (std::int64_t{1} << 32);
}
/// Whether an agent can be like that.
[[nodiscard]] constexpr bool is_possible(const status& one) noexcept {
  return one.micro_batches_per_second > 0 && are_possible_images(one.images) && one.memory >= 0;
}
[[nodiscard]] constexpr batches_per_second speed_of(const status& one) noexcept {
  return batches_per_second{static_cast<double>(one.micro_batches_per_second) / 1e6};
}

/// The status of an agent. Requires a speed of at least a millionth and at most a million million batches per second,
/// and memory of at least 0.
[[nodiscard]] inline status make_status(batches_per_second speed, std::size_t images,
                                        bytes memory = bytes::infinity()) {
  const double millionths = std::round(1e6 * speed.value());
  COMDML_REQUIRE(millionths >= 1 && millionths <= 1e18, "speed ", speed.value());
  COMDML_REQUIRE(memory.value() >= 0, "memory ", memory.value());
  return {static_cast<std::int64_t>(millionths), static_cast<std::int64_t>(images),
          memory.value() < 1e18 ? static_cast<std::int64_t>(memory.value()) : status::unlimited};
}

/// The instance that the statuses describe, agent i being statuses[i]; the same on every agent that has the same
/// arguments. Throws run_error, naming the agent, for a status that cannot be; input_error for a profile that is
/// unusable or was made for another batch size.
[[nodiscard]] inline instance make_instance(std::span<const status> statuses, std::size_t batch, link_matrix links,
                                            split_profile profile) {
  COMDML_REQUIRE(batch > 0, "batch of 0 images");
  if (profile.batch != batch)
    throw input_error{"split profile", text("was made for batches of ", profile.batch, " images, not ", batch),
                      text("measure it with batches of ", batch, ", or use the analytic one")};
  instance fleet{{}, std::move(links), std::move(profile)};
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    const auto& [speed, images, memory] = statuses[i];
    if (!is_possible(statuses[i]))
      throw run_error{text("agent ", i, " reports ", speed, " micro-batches/s, ", images, " images and ", memory,
                           " bytes to spare")};
    fleet.agents.push_back({speed_of(statuses[i]), batches{static_cast<double>(images) / static_cast<double>(batch)},
                            memory == status::unlimited ? bytes::infinity() : bytes{static_cast<double>(memory)}});
  }
  validate(fleet);
  return fleet;
}

}  // namespace comdml::fleet
