// SPDX-License-Identifier: BSL-1.0
/// \file
/// What agents agree on when somebody is lost: who goes on together, and from where. The values, their messages, and
/// the rule by which one agent decides for those who answered it.
///
/// A round's result is chosen when all who made it together have accepted it, and they are a quorum of the members. Who
/// asks, asks under a higher number, and whoever answers accepts nothing under a lower one any more. So the answers of
/// a quorum tell whether a result may have been chosen: it may if all among them who took part in making it have
/// accepted it. Then they go on with it, and the round has one result at most, whoever is lost. This is Paxos with one
/// slot per round, whose acceptors are named by the slot before.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"

namespace comdml::learn {

/// What happens when an agent is lost.
struct survival {
  /// Whether the others go on without it; otherwise its loss ends the run.
  bool wanted = false;
  /// How long a peer is waited for beyond three times what it should take. Above the time of a few mini-batches of the
  /// slowest agent: in training, an agent answers between two of them.
  seconds patience{30};
  /// How long an agent that finds too few others, or was left out and asks to be taken in, goes on trying.
  seconds endurance{600};
  /// Members that must go on together; 0: more than half of the last round's, or half with the lowest id among them.
  /// Fewer are safe only if no network can split the fleet.
  std::size_t quorum = 0;
};

/// Who takes part in a round. An agent that was started again is another one: it does not know what the former one
/// promised, and must not speak for it. So each has a number of its life.
struct roster {
  std::vector<agent_id> ids{};         ///< ascending
  std::vector<std::uint32_t> lives{};  ///< of each

  /// In their first life.
  [[nodiscard]] static roster of(std::vector<agent_id> members) {
    const std::size_t count = members.size();
    return {std::move(members), std::vector<std::uint32_t>(count)};
  }
  [[nodiscard]] bool has(agent_id id, std::uint32_t life) const {
    const auto at = std::ranges::lower_bound(ids, id);
    return at != ids.end() && *at == id && lives[static_cast<std::size_t>(at - ids.begin())] == life;
  }
  void take_in(agent_id id, std::uint32_t life) {
    const auto at = std::ranges::lower_bound(ids, id);
    const auto place = at - ids.begin();
    if (at == ids.end() || *at != id) {
      ids.insert(at, id);
      lives.insert(lives.begin() + place, life);
    }
    lives[static_cast<std::size_t>(place)] = life;
  }
  /// Those of them that are in `members`, ascending.
  [[nodiscard]] roster among(std::span<const agent_id> members) const {
    roster some;
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (std::ranges::binary_search(members, ids[i])) some.take_in(ids[i], lives[i]);
    return some;
  }
};

/// That an agent has a round's result and will not take back the word. Those who made it together have accepted the
/// same.
struct acceptance {
  std::uint16_t attempt = 0;
  std::uint64_t digest = 0;      ///< of the weights
  std::vector<agent_id> makers;  ///< ascending
  roster next_members;           ///< of the next round
};

/// Where the members of a new epoch take the round up again.
enum class resumption : std::uint8_t {
  plan,   ///< from the plan: not all have trained by the same one
  join,   ///< from the join: training stays, but for what was lost with somebody
  adopt,  ///< after the join: its result stays
};

/// An agent's answer to one that asks who is there.
struct promise {
  agent_id from{};
  std::vector<acceptance> accepted{};   ///< in this round, in ascending order of attempts
  std::optional<std::uint64_t> plan{};  ///< digest of the plan that it trains or has trained by
  seconds remaining{};                  ///< until its training should end
  std::vector<agent_id> unreachable{};  ///< ascending
};

/// Members that go on with a round together, and what all of them need to know.
struct epoch {
  std::uint16_t attempt = 0;
  std::vector<agent_id> members{};  ///< ascending
  resumption from = resumption::plan;
  seconds remaining{};  ///< until the last one's training should end
  // to adopt
  std::uint64_t digest = 0;
  roster next_members{};
  std::vector<agent_id> lacking{};  ///< members without the result: the first one that has it gives it to them
};

/// Whether so many of the round's members, both ascending, may go on without the rest. Any two groups that may have an
/// agent in common, unless `demanded` is set.
[[nodiscard]] inline bool is_quorum(std::span<const agent_id> present, std::span<const agent_id> members,
                                    std::size_t demanded) {
  const auto count = static_cast<std::size_t>(
      std::ranges::count_if(present, [&](agent_id id) { return std::ranges::binary_search(members, id); }));
  if (demanded > 0) return count >= std::min(demanded, members.size());
  return 2 * count > members.size() ||
         (2 * count == members.size() && std::ranges::binary_search(present, members.front()));
}

/// The result that may have been chosen, as far as these agents know; nullptr: none was, and none will be under the
/// number of an attempt that they took part in.
[[nodiscard]] inline const acceptance* may_be_chosen(std::span<const promise> answers) {
  const acceptance* found = nullptr;
  const auto accepted_by = [](const promise& one, const acceptance& result) {
    return std::ranges::any_of(one.accepted, [&](const acceptance& other) {
      return other.attempt == result.attempt && other.digest == result.digest;
    });
  };
  for (const promise& one : answers)
    for (const acceptance& result : one.accepted) {
      const bool by_all = std::ranges::all_of(answers, [&](const promise& other) {
        return !std::ranges::binary_search(result.makers, other.from) || accepted_by(other, result);
      });
      if (by_all && (found == nullptr || found->attempt < result.attempt)) found = &result;
    }
  return found;
}

/// Who goes on, decided by one agent from the answers of others and its own, ascending by agent. Of two that do not
/// reach each other, the one stays out that is cut off from more, or the higher one. \returns nothing if those who are
/// left are no quorum
[[nodiscard]] inline std::optional<epoch> next_epoch(std::uint16_t attempt, std::span<const agent_id> members,
                                                     std::size_t demanded, std::span<const promise> answers) {
  COMDML_REQUIRE(!members.empty() && !answers.empty(), members.size(), " members, ", answers.size(), " answers");
  epoch next{.attempt = attempt};
  const auto apart = [](const promise& one, const promise& other) {
    return one.from != other.from && (std::ranges::binary_search(one.unreachable, other.from) ||
                                      std::ranges::binary_search(other.unreachable, one.from));
  };
  std::vector<promise> there(answers.begin(), answers.end());
  while (true) {
    const auto cuts = [&](const promise& one) {
      return std::ranges::count_if(there, [&](const promise& other) { return apart(one, other); });
    };
    const auto worst = std::ranges::max_element(there, {}, [&](const promise& one) {
      return std::pair{cuts(one), one.from};
    });
    if (cuts(*worst) == 0) break;
    there.erase(worst);
  }
  for (const promise& one : answers)  // who was cut off from such as are out themselves
    if (std::ranges::none_of(there, [&](const promise& other) { return one.from == other.from || apart(one, other); }))
      there.push_back(one);
  std::ranges::sort(there, {}, &promise::from);
  for (const promise& one : there) {
    next.members.push_back(one.from);
    next.remaining = std::max(next.remaining, one.remaining);
  }
  if (!is_quorum(next.members, members, demanded)) return std::nullopt;
  // All answers count here: whoever stays out has given its word, too.
  if (const acceptance* const result = may_be_chosen(answers)) {
    const auto has_it = [&](const promise& one) {
      return std::ranges::find(one.accepted, result->digest, &acceptance::digest) != one.accepted.end();
    };
    if (std::ranges::none_of(there, has_it)) return std::nullopt;  // only those who stay out have it: ask again
    next.from = resumption::adopt;
    next.digest = result->digest;
    next.next_members = result->next_members;
    for (const promise& one : there)
      if (!has_it(one)) next.lacking.push_back(one.from);
    return next;
  }
  const bool one_plan = there.front().plan &&
                        std::ranges::all_of(there, [&](const promise& one) { return one.plan == there.front().plan; });
  next.from = one_plan ? resumption::join : resumption::plan;
  return next;
}

// ------------------------------------------------------------------------------------------------------- as messages
inline void write_ids(comm::message_writer& message, std::span<const agent_id> ids) {
  message.write(static_cast<std::uint32_t>(ids.size()));
  for (const agent_id id : ids) message.write(id.value);
}
/// A time that others may be waited for.
[[nodiscard]] inline seconds read_duration(comm::message_reader& message) {
  const seconds duration{message.read<double>()};
  if (!(duration >= seconds{} && duration < seconds::infinity()))
    message.fail(text("a duration of ", duration.value(), " s"));
  return duration;
}
/// Ascending ids below `agents`; anything else is malformed.
[[nodiscard]] inline std::vector<agent_id> read_ids(comm::message_reader& message, std::size_t agents) {
  const auto count = message.read<std::uint32_t>();
  if (count > agents) message.fail(text(count, " agents"));
  std::vector<agent_id> ids(count);
  for (agent_id& id : ids) id.value = message.read<std::uint32_t>();
  if (std::ranges::adjacent_find(ids, std::ranges::greater_equal{}) != ids.end() ||
      (!ids.empty() && ids.back().value >= agents))
    message.fail("ids that are not ascending, or of nobody");
  return ids;
}

inline void write_roster(comm::message_writer& message, const roster& members) {
  write_ids(message, members.ids);
  for (const std::uint32_t life : members.lives) message.write(life);
}
[[nodiscard]] inline roster read_roster(comm::message_reader& message, std::size_t agents) {
  roster members{read_ids(message, agents), {}};
  members.lives.resize(members.ids.size());
  for (std::uint32_t& life : members.lives) life = message.read<std::uint32_t>();
  return members;
}

inline void write_promise(comm::message_writer& message, const promise& own) {
  message.write(static_cast<std::uint16_t>(own.accepted.size()));
  for (const acceptance& one : own.accepted) {
    message.write(one.attempt).write(one.digest);
    write_ids(message, one.makers);
    write_roster(message, one.next_members);
  }
  message.write(std::uint8_t{own.plan.has_value()}).write(own.plan.value_or(0)).write(own.remaining.value());
  write_ids(message, own.unreachable);
}
[[nodiscard]] inline promise read_promise(comm::message_reader& message, std::size_t agents) {
  promise told{.from = message.sender()};
  for (auto left = message.read<std::uint16_t>(); left > 0; --left) {
    acceptance& one = told.accepted.emplace_back();
    one.attempt = message.read<std::uint16_t>();
    one.digest = message.read<std::uint64_t>();
    one.makers = read_ids(message, agents);
    one.next_members = read_roster(message, agents);
  }
  const bool has_plan = message.read<std::uint8_t>() != 0;
  const auto plan = message.read<std::uint64_t>();
  if (has_plan) told.plan = plan;
  told.remaining = read_duration(message);
  told.unreachable = read_ids(message, agents);
  return told;
}

inline void write_epoch(comm::message_writer& message, const epoch& next) {
  message.write(next.attempt).write(static_cast<std::uint8_t>(next.from)).write(next.remaining.value());
  message.write(next.digest);
  write_ids(message, next.members);
  write_roster(message, next.next_members);
  write_ids(message, next.lacking);
}
[[nodiscard]] inline epoch read_epoch(comm::message_reader& message, std::size_t agents) {
  epoch next;
  next.attempt = message.read<std::uint16_t>();
  const auto from = message.read<std::uint8_t>();
  if (from > static_cast<std::uint8_t>(resumption::adopt)) message.fail(text("resumption ", int{from}));
  next.from = static_cast<resumption>(from);
  next.remaining = read_duration(message);
  next.digest = message.read<std::uint64_t>();
  next.members = read_ids(message, agents);
  next.next_members = read_roster(message, agents);
  next.lacking = read_ids(message, agents);
  return next;
}

}  // namespace comdml::learn
