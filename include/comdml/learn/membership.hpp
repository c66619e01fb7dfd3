// SPDX-License-Identifier: BSL-1.0
/// \file
/// What an agent knows of its fleet.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "comdml/comm/routes.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/learn/side_channel.hpp"
#include "comdml/learn/stages.hpp"

namespace comdml::learn {

/// What an agent knows of the fleet before the first round.
struct membership {
  /// Links of all agents in the first round and the ways along them, `comm::routes{links}`; every agent must be given
  /// the same ones. Agents of one process copy one object: copies share its tables.
  comm::routes routes;
  /// Own speed, in mini-batches of full-model training per second.
  batches_per_second speed;
  /// What it can spare for guests, beside its own training; see fleet::guest_memory.
  bytes memory = bytes::infinity();
  /// Where the agent may have been started before, and its peers may be running without it: a number that no other
  /// start of it has. It then asks to be taken in, or founds the fleet together with all others, who ask, too.
  std::optional<std::uint32_t> life{};
  /// How the own speed turns out to be, from these rounds on, ascending; not told to anybody.
  std::vector<std::pair<round_index, batches_per_second>> changes{};
  /// All stages, ascending, the first one included, where links change or others take part; every agent must be given
  /// the same ones. nullptr: nothing changes.
  std::shared_ptr<const std::vector<stage>> stages{};
  /// What agents of one process show each other beside the transport; only some algorithms need one.
  std::shared_ptr<side_channel> beside{};
};

}  // namespace comdml::learn
