// SPDX-License-Identifier: BSL-1.0
/// \file
/// What a remote endpoint can be told: limits, patience, emulation, and who is told what happens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "comdml/comm/remote_engine.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// Options of a remote endpoint. `fleet` and `window` should be alike on all agents.
struct remote_options {
  std::uint64_t fleet = 0;  ///< digest of the settings that all agents share; who has another one is refused
  std::size_t window = 4;   ///< unread messages that a channel (sender, receiver, tag) holds
  seconds grace{2};         ///< a peer that is away longer than that is lost, until it comes back
  seconds linger{2};        ///< at the end: the longest wait for what was sent to be received
  std::size_t most_channels = std::size_t{1} << 16;  ///< of a peer with unread messages in them
  std::size_t most_bytes = std::size_t{1} << 30;     ///< of a peer's unread messages
  std::size_t largest_board = std::size_t{1} << 20;  ///< bytes of a published value
  double share = 1;                                  ///< emulation: of a core, that the agent computes on
  /// Emulation: the link that a message of this round takes; empty: as fast as it goes.
  std::function<directed_link(agent_id to, round_index round)> link_of{};
  /// What observers are told, on the endpoint's own thread; must not throw. Empty: the published value.
  std::function<std::vector<std::byte>()> observed{};
  /// Is told what happened, on the endpoint's own thread; must not throw.
  std::function<void(const remote_event&)> on_event{};
};

}  // namespace comdml::comm
