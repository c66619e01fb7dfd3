// SPDX-License-Identifier: BSL-1.0
/// \file
/// What agents do with their time: recorded beside a job that runs in one process, if its caller asks for it. Nothing
/// that is recorded travels, so simulated times are the same, bit for bit, with and without.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <tuple>
#include <vector>

#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"

namespace comdml::learn {

/// What an agent's time goes to.
enum class activity : std::uint8_t {
  own_work,    ///< computing for its own model
  guest_work,  ///< computing for a guest's
  sending,     ///< stalled: the window of batches on their way to its helper is full
  waiting,     ///< for a guest's next batch, or until the last agent has trained
  exchange,    ///< small records that all agents exchange, waiting for them included
  all_reduce,  ///< weights, relaying and waiting for others' included
};
inline constexpr std::size_t activities = 6;

/// What one agent did for a while. Batches of the same work that follow each other are one span.
struct span_of_time {
  activity what;
  agent_id other;  ///< the guest, the helper that is sent to, or the agent waited for; itself where it is none of these
  seconds begin;
  seconds end;

  friend bool operator==(const span_of_time&, const span_of_time&) = default;
};

/// One agent's round, by the transport's clock. Spans are in order and do not overlap; what lies between them took no
/// time under a virtual clock.
struct track {
  round_index round;
  agent_id agent;
  seconds alone;  ///< what its own training would have taken without help, by the cost model
  std::vector<span_of_time> spans;

  friend bool operator==(const track&, const track&) = default;
};

/// Sums over all agents of one round, in whole microseconds: the same in whatever order they were added.
struct round_totals {
  round_index round;
  std::int64_t agents = 0;
  std::array<std::int64_t, activities> spent{};  ///< by activity
  std::int64_t alone = 0;                        ///< sum of all tracks' `alone`
  std::int64_t longest_alone = 0;                ///< the largest of them

  [[nodiscard]] std::int64_t of(activity what) const { return spent[static_cast<std::size_t>(what)]; }
  /// What all agents together would have waited for the last of them, had nobody been helped.
  [[nodiscard]] std::int64_t waiting_alone() const { return agents * longest_alone - alone; }

  friend bool operator==(const round_totals&, const round_totals&) = default;
};

/// Collects tracks from the agents of one process; any thread may call it. Sums are kept of every round, tracks of the
/// first rounds, of every so many after them, and of the last one or two.
class timeline {
 public:
  struct selection {
    std::size_t first = 3;   ///< rounds
    std::size_t every = 10;  ///< one round in so many after them; at least 1
  };

  timeline() = default;
  explicit timeline(selection keep) : keep_{keep.first, std::max<std::size_t>(1, keep.every)} {}

  /// An agent begins a round: a later one than its last.
  void begin_round(agent_id agent, round_index round) {
    const std::lock_guard lock{mutex_};
    std::vector<track>& past = tracks_[agent];
    // The round before stays for now: if this one is not finished, that was the last one.
    if (past.size() > 1 && !selected(past.end()[-2].round)) past.erase(past.end() - 2);
    past.push_back({.round = round, .agent = agent, .alone = {}, .spans = {}});
    ++totals_of(round).agents;
  }

  /// What the agent's own training in its round would take without help.
  void would_take(agent_id agent, seconds alone) {
    const std::lock_guard lock{mutex_};
    const auto past = tracks_.find(agent);
    if (past == tracks_.end()) return;
    track& now = past->second.back();
    now.alone = alone;
    round_totals& sum = totals_of(now.round);
    sum.alone += to_micro(alone);
    sum.longest_alone = std::max(sum.longest_alone, to_micro(alone));
  }

  /// Adds to the agent's round, in the order of time; what took no time is not kept.
  void add(agent_id agent, const span_of_time& what) {
    if (what.end <= what.begin) return;
    const std::lock_guard lock{mutex_};
    const auto past = tracks_.find(agent);
    if (past == tracks_.end()) return;
    track& now = past->second.back();
    totals_of(now.round).spent[static_cast<std::size_t>(what.what)] += to_micro(what.end - what.begin);
    std::vector<span_of_time>& spans = now.spans;
    if (!spans.empty() && spans.back().what == what.what && spans.back().other == what.other)
      spans.back().end = what.end;
    else
      spans.push_back(what);
  }

  /// All rounds before `end`.
  [[nodiscard]] std::vector<round_totals> totals(round_index end) const {
    const std::lock_guard lock{mutex_};
    std::vector<round_totals> found;
    for (const auto& [round, sum] : totals_)
      if (round < end) found.push_back(sum);
    return found;
  }

  /// What was kept, ordered by round and agent; of rounds before `end` only, and of those of which nothing is missing:
  /// who is away keeps its own last rounds.
  [[nodiscard]] std::vector<track> tracks(round_index end) const {
    const std::lock_guard lock{mutex_};
    std::vector<track> found;
    std::map<round_index, std::int64_t> kept;
    for (const auto& [agent, past] : tracks_)
      for (const track& one : past)
        if (one.round < end) {
          found.push_back(one);
          ++kept[one.round];
        }
    std::erase_if(found, [&](const track& one) { return kept[one.round] < totals_.at(one.round).agents; });
    std::ranges::stable_sort(found, {}, [](const track& one) { return std::tuple{one.round, one.agent}; });
    return found;
  }

 private:
  [[nodiscard]] bool selected(round_index round) const {
    return round.value < keep_.first || (round.value + 1) % keep_.every == 0;
  }

  [[nodiscard]] round_totals& totals_of(round_index round) {
    round_totals& sum = totals_[round];
    sum.round = round;
    return sum;
  }
  [[nodiscard]] static std::int64_t to_micro(seconds time) {
    return std::llround(1e6 * std::clamp(time.value(), 0.0, 1e9));
  }

  mutable std::mutex mutex_;
  selection keep_{};
  std::map<round_index, round_totals> totals_;
  std::map<agent_id, std::vector<track>> tracks_;  ///< each agent's last one is of its current round
};

}  // namespace comdml::learn
