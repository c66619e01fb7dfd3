// SPDX-License-Identifier: BSL-1.0
/// \file
/// What agents tell each other about a run that goes on: how far it has come, who asks to take part, and who is taken
/// in.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/learn/epoch.hpp"

namespace comdml::learn {

/// What this agent's fleet has come to; told to those who missed the end of a round.
struct standing {
  round_index round{};             ///< that begins
  roster members{};                ///< of that round
  std::uint64_t digest = 0;        ///< of the weights after the round before
  std::vector<std::byte> story{};  ///< of the run so far; opaque here
  bool without_you = false;        ///< whether the members have gone on without whom this is told to
  agent_id teller{};               ///< not written: the transport knows
};

/// To who comes into a fleet that is running: it takes part from this round on.
struct welcome {
  round_index round{};
  roster members{};
  std::vector<std::byte> state{};  ///< opaque here
  agent_id giver{};                ///< not written: the transport knows
};

/// How far an agent's saved run is: of several, the greatest is gone on with.
struct mark {
  round_index round{};        ///< that comes next
  std::uint16_t attempt = 0;  ///< in which the result of the round before was made

  friend auto operator<=>(const mark&, const mark&) = default;
};

/// Of an agent that wants to take part.
struct request {
  bool begun = false;        ///< whether it has taken part in this run, in this life
  bool wants_state = false;  ///< from the one it is told to, if that may welcome it
  std::uint32_t life = 0;
  mark saved{};
};

/// Who asks to take part.
class entrance {
 public:
  void heard(agent_id from, const request& what) {
    lives_[from] = what.life;
    if (what.begun)
      saved_.erase(from);  // it knows of a fleet, and founds none
    else
      saved_[from] = what.saved;
  }
  void forget(agent_id one) { lives_.erase(one); }
  [[nodiscard]] const std::map<agent_id, std::uint32_t>& lives() const noexcept { return lives_; }

  /// All of `founders`, if all others of them ask and none of them is to found the fleet in place of `self`: it is the
  /// one whose saved run is ahead, the lowest of equals.
  [[nodiscard]] std::optional<roster> founded_by(agent_id self, std::uint32_t life, const mark& own,
                                                 std::span<const agent_id> founders) const {
    if (founders.empty()) return std::nullopt;
    roster all;
    for (const agent_id id : founders) {
      if (id == self) {
        all.take_in(id, life);
        continue;
      }
      const auto theirs = saved_.find(id);
      if (theirs == saved_.end() || theirs->second > own || (theirs->second == own && id < self)) return std::nullopt;
      all.take_in(id, lives_.at(id));
    }
    return all;
  }

 private:
  std::map<agent_id, std::uint32_t> lives_;
  std::map<agent_id, mark> saved_;  ///< of those who know of no fleet
};

// ------------------------------------------------------------------------------------------------------- as messages
inline void write_standing(comm::message_writer& message, const standing& now, bool without_you) {
  message.write(std::uint8_t{without_you}).write(now.round.value).write(now.digest);
  write_roster(message, now.members);
  message.write_block(now.story);
}
[[nodiscard]] inline standing read_standing(comm::message_reader& message, std::size_t agents) {
  standing theirs{.teller = message.sender()};
  theirs.without_you = message.read<std::uint8_t>() != 0;
  theirs.round = round_index{message.read<std::uint32_t>()};
  theirs.digest = message.read<std::uint64_t>();
  theirs.members = read_roster(message, agents);
  const auto story = message.read_block();
  theirs.story.assign(story.begin(), story.end());
  message.finish();
  return theirs;
}

inline void write_welcome(comm::message_writer& message, const welcome& what) {
  message.write(what.round.value);
  write_roster(message, what.members);
  message.write_block(what.state);
}
[[nodiscard]] inline welcome read_welcome(comm::message_reader& message, std::size_t agents) {
  welcome what{.round = round_index{message.read<std::uint32_t>()}, .giver = message.sender()};
  what.members = read_roster(message, agents);
  const auto state = message.read_block();
  what.state.assign(state.begin(), state.end());
  message.finish();
  return what;
}

inline void write_request(comm::message_writer& message, const request& what) {
  message.write(std::uint8_t{what.begun}).write(std::uint8_t{what.wants_state}).write(what.life);
  message.write(what.saved.round.value).write(what.saved.attempt);
}
[[nodiscard]] inline request read_request(comm::message_reader& message) {
  request what;
  what.begun = message.read<std::uint8_t>() != 0;
  what.wants_state = message.read<std::uint8_t>() != 0;
  what.life = message.read<std::uint32_t>();
  what.saved.round = round_index{message.read<std::uint32_t>()};
  what.saved.attempt = message.read<std::uint16_t>();
  message.finish();
  return what;
}

}  // namespace comdml::learn
