// SPDX-License-Identifier: BSL-1.0
/// \file
/// What goes wrong in a network, drawn from a seed: a schedule of faults, to be replayed exactly.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <vector>

#include "comdml/core/ids.hpp"
#include "comdml/core/random.hpp"
#include "comdml/core/units.hpp"

namespace comdml::testing {

/// Between these times nothing passes between the agents of `side` and the others.
struct partition {
  seconds from{};
  seconds until{};
  std::vector<agent_id> side{};           ///< ascending
  seconds noticed = seconds::infinity();  ///< when it has lasted so long, the other side counts as lost until its end

  [[nodiscard]] bool separates(agent_id a, agent_id b) const {
    return std::ranges::binary_search(side, a) != std::ranges::binary_search(side, b);
  }
};
/// An agent does nothing for a while, as one that was stopped.
struct freeze {
  agent_id agent{};
  seconds from{};
  seconds duration{};
};
struct death {
  agent_id agent{};
  seconds when{};
};
/// Thrown through an agent's code that is to be started anew, and to know nothing of before.
struct restart {};

/// Probabilities are those of one message.
struct fault_schedule {
  std::uint64_t seed = 0;  ///< of what happens to single messages
  double drop = 0;
  double delay = 0;
  seconds longest_delay{};  ///< messages that are delayed are overtaken by others
  double duplicate = 0;
  double truncate = 0;
  /// Whether the death of a peer shows by its silence only.
  bool silent = false;
  std::vector<partition> partitions{};
  std::vector<freeze> freezes{};
  std::vector<death> deaths{};
  std::vector<death> restarts{};

  [[nodiscard]] bool separates(seconds when, agent_id a, agent_id b) const {
    return std::ranges::any_of(
        partitions, [&](const partition& cut) { return cut.from <= when && when < cut.until && cut.separates(a, b); });
  }
  /// Whether the agents know then that they are separated.
  [[nodiscard]] bool visibly_separates(seconds when, agent_id a, agent_id b) const {
    return std::ranges::any_of(partitions, [&](const partition& cut) {
      return cut.from + cut.noticed <= when && when < cut.until && cut.separates(a, b);
    });
  }
  /// When agents next find out that they are separated.
  [[nodiscard]] seconds next_notice(seconds after) const {
    seconds next = seconds::infinity();
    for (const partition& cut : partitions)
      if (const seconds then = cut.from + cut.noticed; then > after && then < cut.until) next = std::min(next, then);
    return next;
  }

  friend std::ostream& operator<<(std::ostream& out, const fault_schedule& what) {
    out << "seed " << what.seed << ": of the messages " << what.drop << " lost, " << what.delay << " late by up to "
        << what.longest_delay.value() << " s, " << what.duplicate << " twice, " << what.truncate << " cut"
        << (what.silent ? "; deaths are silent" : "");
    for (const partition& cut : what.partitions) {
      out << "; from " << cut.from.value() << " to " << cut.until.value() << " s apart:";
      for (const agent_id id : cut.side) out << ' ' << id;
      if (cut.noticed < cut.until - cut.from) out << ", noticed after " << cut.noticed.value() << " s";
    }
    for (const freeze& one : what.freezes)
      out << "; agent " << one.agent << " stands still from " << one.from.value() << " s for " << one.duration.value()
          << " s";
    for (const death& one : what.deaths) out << "; agent " << one.agent << " dies at " << one.when.value() << " s";
    for (const death& one : what.restarts)
      out << "; agent " << one.agent << " is started again at " << one.when.value() << " s";
    return out;
  }
};

/// Draws a schedule for a run that takes `length` without faults. One agent at most dies, one is never started again;
/// all other faults end some time.
[[nodiscard]] inline fault_schedule draw_faults(std::uint64_t seed, std::size_t agents, seconds length) {
  random_stream rng{seed, purpose::testing};
  const auto one_in = [&](std::size_t count) { return rng.below(count) == 0; };
  const auto some_agent = [&] { return agent_id{static_cast<std::uint32_t>(rng.below(agents))}; };
  fault_schedule drawn{.seed = seed};
  if (one_in(3)) drawn.drop = rng.uniform(0, .02);
  if (one_in(3)) {
    drawn.delay = rng.uniform(0, .2);
    drawn.longest_delay = length * rng.uniform(0, .2);
  }
  if (one_in(3)) drawn.duplicate = rng.uniform(0, .1);
  if (one_in(4)) drawn.truncate = rng.uniform(0, .02);
  drawn.silent = one_in(2);
  if (one_in(2)) {
    partition cut{.from = length * rng.uniform()};
    cut.until = cut.from + length * rng.uniform(0, 1.5);
    for (std::uint32_t i = 0; i < agents; ++i)
      if (one_in(3)) cut.side.push_back(agent_id{i});
    if (one_in(2)) cut.noticed = (cut.until - cut.from) * rng.uniform();
    drawn.partitions.push_back(cut);
  }
  if (one_in(3)) drawn.freezes.push_back({some_agent(), length * rng.uniform(), length * rng.uniform(0, 1)});
  if (!one_in(3)) drawn.deaths.push_back({some_agent(), length * rng.uniform()});
  const agent_id spared = some_agent();  // or nobody might be left who knows of the run
  while (one_in(3))
    if (const agent_id one = some_agent(); one != spared) drawn.restarts.push_back({one, length * rng.uniform(0, 1.2)});
  return drawn;
}

}  // namespace comdml::testing
