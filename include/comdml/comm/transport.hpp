// SPDX-License-Identifier: BSL-1.0
/// \file
/// The values that a Transport takes and gives: tags, channels, deliveries and published values.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ostream>
#include <vector>

#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// What a message is about. Messages of one sender with equal tags arrive in order; those with different tags are
/// received independently of each other.
struct tag {
  std::uint32_t round = 0;
  std::uint16_t kind = 0;
  std::uint16_t step = 0;
  /// How often the round's exchanges were begun anew, because somebody was lost.
  std::uint16_t attempt = 0;

  /// The `round` of messages that belong to none: they are never forgotten, and their receiver can do without them.
  static constexpr std::uint32_t no_round = std::numeric_limits<std::uint32_t>::max();
  [[nodiscard]] constexpr bool may_get_lost() const noexcept { return round == no_round; }

  friend constexpr auto operator<=>(const tag&, const tag&) noexcept = default;
  friend std::ostream& operator<<(std::ostream& out, const tag& what) {
    out << "round " << what.round << ", kind " << what.kind << ", step " << what.step;
    return what.attempt == 0 ? out : out << ", attempt " << what.attempt;
  }
};

/// Where a receiver listens: one sender, one tag.
struct channel {
  agent_id from{};
  comm::tag tag{};

  friend constexpr auto operator<=>(const channel&, const channel&) noexcept = default;
};

/// How a call ended.
enum class result {
  ok,
  timed_out,  ///< the deadline passed first
  peer_lost,  ///< the peer has ended, and nothing of it is left to be received
};

inline std::ostream& operator<<(std::ostream& out, result how) {
  switch (how) {
    case result::ok:
      return out << "ok";
    case result::timed_out:
      return out << "timed out";
    case result::peer_lost:
      return out << "peer lost";
  }
  return out << "result " << static_cast<int>(how);
}

/// What a receive gives. `data` is empty unless the result is ok; `from` and `tag` then tell the channel. They name the
/// lost channel after peer_lost, and the first channel asked for after a time-out.
struct delivery {
  comm::result result = result::timed_out;
  agent_id from{};
  comm::tag tag{};
  std::vector<std::byte> data{};
};

/// A peer's latest published value, and how long ago it was published.
struct published {
  std::vector<std::byte> data{};
  seconds age{};
};

}  // namespace comdml::comm
