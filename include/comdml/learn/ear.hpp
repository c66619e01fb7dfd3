// SPDX-License-Identifier: BSL-1.0
/// \file
/// Hears what peers say of the fleet, beside the messages of a round, and says it.
#pragma once

#include <algorithm>
#include <set>
#include <span>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"

namespace comdml::learn {

/// Words of the fleet belong to no round and may get lost.
template <Transport T>
class ear {
 public:
  static constexpr comm::tag control{comm::tag::no_round, 0, 0};

  explicit ear(T& line) : line_{line} {}

  /// What comes first: a message of one of these channels, or a word of the fleet, whose tag is control. Peers that are
  /// gone are not listened to; without channels, it is told when one goes.
  [[nodiscard]] comm::delivery hear(std::span<const comm::channel> channels, seconds until) {
    while (true) {
      listening_.assign(channels.begin(), channels.end());
      for (const agent_id peer : line_.peers())
        if (!gone_.contains(peer)) listening_.push_back({peer, control});
      comm::delivery got = line_.receive_any(listening_, until);
      if (got.tag == control && got.result == comm::result::peer_lost) {
        gone_.insert(got.from);
        if (!channels.empty()) continue;
      }
      if (listening_.empty() || (channels.empty() && got.result == comm::result::timed_out)) got.tag = control;
      return got;
    }
  }

  /// Never waits: whoever has not read the last few words gets no more. \returns whether the peer is there
  bool tell(agent_id to, comm::message_writer& message) {
    if (std::ranges::find(line_.peers(), to) == line_.peers().end()) return false;
    return line_.send(to, control, message.take(), line_.clock().now()) != comm::result::peer_lost;
  }

  /// Peers that were lost since the last call of listen_to_all.
  [[nodiscard]] const std::set<agent_id>& gone() const noexcept { return gone_; }
  void listen_to_all() noexcept { gone_.clear(); }

 private:
  T& line_;
  std::vector<comm::channel> listening_;
  std::set<agent_id> gone_;
};

}  // namespace comdml::learn
