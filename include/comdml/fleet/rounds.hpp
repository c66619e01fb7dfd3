// SPDX-License-Identifier: BSL-1.0
/// \file
/// A fleet round by round: who takes part, how fast everyone computes, what the links are. Pure functions of the
/// description; training and simulation play the same ones.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/random.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/fleet.hpp"

namespace comdml::fleet {

/// What a link's latency is longer by in a round. At most the fleet's jitter.
[[nodiscard]] inline seconds jitter_of(const description& fleet, agent_id from, agent_id to, round_index round) {
  if (fleet.jitter == seconds{}) return {};
  const auto block =
      random_stream::philox({to.value, static_cast<std::uint32_t>(purpose::jitter), round.value, from.value},
                            {static_cast<std::uint32_t>(fleet.seed), static_cast<std::uint32_t>(fleet.seed >> 32)});
  return fleet.jitter * (static_cast<double>(block[0]) * 0x1p-32);
}

/// A link as it is in a round: jitter included.
[[nodiscard]] inline directed_link with_jitter(directed_link link, const description& fleet, agent_id from, agent_id to,
                                               round_index round) {
  if (link.rate.value() > 0) link.latency += jitter_of(fleet, from, to, round);
  return link;
}

/// Those of `present` that take part in a round, ascending: the share `sampled` of them, rounded, and one at least.
[[nodiscard]] inline std::vector<agent_id> sample(const description& fleet, std::vector<agent_id> present,
                                                  round_index round) {
  if (fleet.sampled >= 1 || present.empty()) return present;
  const double wanted = std::round(fleet.sampled * static_cast<double>(present.size()));
  const std::size_t count = std::clamp<std::size_t>(static_cast<std::size_t>(wanted), 1, present.size());
  random_stream rng{fleet.seed, agent_id{std::numeric_limits<std::uint32_t>::max()}, round, purpose::sampling};
  for (std::size_t i = 0; i < count; ++i) std::swap(present[i], present[i + rng.below(present.size() - i)]);
  present.resize(count);
  std::ranges::sort(present);
  return present;
}

/// Plays a description, round after round.
class rounds {
 public:
  /// \throws contract_error if a change is of an agent that the fleet does not have, or makes no sense
  explicit rounds(const description& fleet) : fleet_{fleet}, links_{fleet.links}, there_(fleet.agents.size(), true) {
    for (const agent_profile& agent : fleet.agents) speeds_.push_back(agent.speed);
    const auto known = [&](agent_id agent) {
      COMDML_REQUIRE(agent.value < there_.size(), "change of agent ", agent, " of ", there_.size());
    };
    for (const auto& [from, agent, speed] : fleet.changes) {
      known(agent);
      COMDML_REQUIRE(std::isfinite(speed.value()) && speed.value() > 0, "speed ", speed.value(), " from round ", from);
    }
    for (const link_change& change : fleet.link_changes) {
      known(change.sender);
      known(change.receiver);
      const double rate = change.rate.value_or(bits_per_second{}).value();
      const double latency = change.latency.value_or(seconds{}).value();
      COMDML_REQUIRE(rate >= 0 && std::isfinite(latency) && latency >= 0, "rate ", rate, ", latency ", latency);
    }
    for (const presence_change& change : fleet.presence) known(change.agent);
    COMDML_REQUIRE(fleet.sampled > 0 && fleet.sampled <= 1 && fleet.jitter >= seconds{}, "a share of ", fleet.sampled,
                   ", jitter ", fleet.jitter.value());
    sort(fleet.changes, speed_order_);
    sort(fleet.link_changes, link_order_);
    sort(fleet.presence, presence_order_);
  }

  /// Goes on to a round; not before the one before. \returns whether anything is other than it was: speeds, links or
  /// who takes part
  bool go_to(round_index round) {
    COMDML_REQUIRE(!begun_ || round >= round_, "round ", round, " after round ", round_);
    bool changed = !begun_;
    changed = play(fleet_.changes, speed_order_, round,
                   [&](const speed_change& change) {
                     return std::exchange(speeds_[change.agent.value], change.speed) != change.speed;
                   }) ||
              changed;
    const bool other_links = play(fleet_.link_changes, link_order_, round, [&](const link_change& change) {
      const directed_link old = links_(change.sender, change.receiver);
      const directed_link link{change.rate.value_or(old.rate), change.latency.value_or(old.latency)};
      if (link == old) return false;
      links_.set(change.sender, change.receiver, link);
      return true;
    });
    links_version_ += other_links ? 1 : 0;
    const bool others_there = play(fleet_.presence, presence_order_, round, [&](const presence_change& change) {
      const bool other = there_[change.agent.value] != change.present;
      there_[change.agent.value] = change.present;
      return other;
    });
    if (!begun_ || others_there) {
      present_.clear();
      for (std::uint32_t i = 0; i < there_.size(); ++i)
        if (there_[i]) present_.push_back(agent_id{i});
    }
    bool other_participants = others_there || !begun_;
    if (!begun_ || others_there || fleet_.sampled < 1) {
      std::vector<agent_id> drawn = sample(fleet_, present_, round);
      other_participants = other_participants || drawn != participants_;
      participants_ = std::move(drawn);
    }
    begun_ = true;
    round_ = round;
    return changed || other_links || other_participants;
  }

  [[nodiscard]] round_index round() const noexcept { return round_; }
  /// Of all agents, those that are away included.
  [[nodiscard]] const std::vector<batches_per_second>& speeds() const noexcept { return speeds_; }
  /// Without jitter.
  [[nodiscard]] const link_matrix& links() const noexcept { return links_; }
  /// How often links have changed.
  [[nodiscard]] std::size_t links_version() const noexcept { return links_version_; }
  /// Ascending.
  [[nodiscard]] const std::vector<agent_id>& present() const noexcept { return present_; }
  [[nodiscard]] const std::vector<agent_id>& participants() const noexcept { return participants_; }

  /// The link in this round, jitter included.
  [[nodiscard]] directed_link link(agent_id from, agent_id to) const {
    return with_jitter(links_(from, to), fleet_, from, to, round_);
  }

 private:
  /// Changes in the order of their rounds; those of one round stay in the order in which they were written.
  template <class Change>
  static void sort(const std::vector<Change>& changes, std::vector<std::size_t>& order) {
    for (std::size_t i = 0; i < changes.size(); ++i) order.push_back(i);
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return changes[i].from; });
    std::ranges::reverse(order);  // the next one is the last
  }

  template <class Change, class Apply>
  static bool play(const std::vector<Change>& changes, std::vector<std::size_t>& order, round_index round,
                   Apply&& apply) {
    bool any = false;
    for (; !order.empty() && changes[order.back()].from <= round; order.pop_back())
      any = apply(changes[order.back()]) || any;
    return any;
  }

  description fleet_;
  std::vector<std::size_t> speed_order_;
  std::vector<std::size_t> link_order_;
  std::vector<std::size_t> presence_order_;
  bool begun_ = false;
  round_index round_{};
  std::vector<batches_per_second> speeds_;
  link_matrix links_;
  std::size_t links_version_ = 0;
  std::vector<bool> there_;
  std::vector<agent_id> present_;
  std::vector<agent_id> participants_;
};

/// Who takes part in a round, ascending.
[[nodiscard]] inline std::vector<agent_id> participants(const description& fleet, round_index round) {
  rounds played{fleet};
  played.go_to(round);
  return played.participants();
}

/// The fleet of a round: speeds and links as they are then, jitter included, and nothing that changes any more. Agents
/// that do not take part are still in it.
[[nodiscard]] inline description at(const description& fleet, round_index round) {
  rounds played{fleet};
  played.go_to(round);
  description now{.agents = fleet.agents, .links = played.links(), .seed = fleet.seed};
  for (std::size_t i = 0; i < now.agents.size(); ++i) now.agents[i].speed = played.speeds()[i];
  if (fleet.jitter > seconds{})
    for (std::uint32_t from = 0; from < now.agents.size(); ++from)
      played.links().for_each_link(agent_id{from}, [&](agent_id to, link_matrix::kind_index) {
        now.links.set(agent_id{from}, to, played.link(agent_id{from}, to));
      });
  return now;
}

/// How resources change during a run.
struct redraw {
  double share = .3;         ///< of the agents
  std::size_t every = 50;    ///< rounds
  std::size_t rounds = 500;  ///< of the run
};

/// Every so many rounds a share of the agents, drawn anew, gets the declared speed of an agent drawn from the fleet
/// (arXiv 2312.05642: 30 % every 50 rounds). Adds to the description's changes.
inline void add_redraws(description& fleet, const redraw& how) {
  COMDML_REQUIRE(how.share >= 0 && how.share <= 1 && how.every > 0, "a share of ", how.share, " every ", how.every);
  const std::size_t agents = fleet.agents.size();
  const auto count = static_cast<std::size_t>(std::round(how.share * static_cast<double>(agents)));
  for (std::size_t round = how.every; round < how.rounds; round += how.every) {
    const round_index from{static_cast<std::uint32_t>(round)};
    random_stream rng{fleet.seed, agent_id{std::numeric_limits<std::uint32_t>::max()}, from, purpose::change};
    const std::vector<std::uint32_t> order = rng.permutation(agents);
    for (std::size_t i = 0; i < count; ++i)
      fleet.changes.push_back({from, agent_id{order[i]}, fleet.agents[rng.below(agents)].speed});
  }
}

/// How agents come and go.
struct coming_and_going {
  double leaves = .1;        ///< probability that an agent which is there leaves before the next round
  double returns = .5;       ///< that one which is away comes back
  std::size_t rounds = 500;  ///< of the run
};

/// Agents leave and return at random; all are there in the first round, and two at least in every other one. Adds to
/// the description's changes of presence.
inline void add_presence(description& fleet, const coming_and_going& how) {
  COMDML_REQUIRE(how.leaves >= 0 && how.leaves <= 1 && how.returns >= 0 && how.returns <= 1, "leaves ", how.leaves,
                 ", returns ", how.returns);
  std::vector<bool> there(fleet.agents.size(), true);
  std::size_t left = there.size();
  for (std::size_t round = 1; round < how.rounds; ++round) {
    const round_index from{static_cast<std::uint32_t>(round)};
    random_stream rng{fleet.seed, agent_id{std::numeric_limits<std::uint32_t>::max()}, from, purpose::presence};
    for (std::uint32_t i = 0; i < there.size(); ++i) {
      const bool moves = rng.uniform() < (there[i] ? how.leaves : how.returns);
      if (!moves || (there[i] && left <= 2)) continue;
      there[i] = !there[i];
      left = there[i] ? left + 1 : left - 1;
      fleet.presence.push_back({from, agent_id{i}, there[i]});
    }
  }
}

}  // namespace comdml::fleet
