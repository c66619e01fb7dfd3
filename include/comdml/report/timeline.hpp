// SPDX-License-Identifier: BSL-1.0
/// \file
/// timeline.json: what agents did when, as Chrome Trace Event JSON (JSON Object Format), which Perfetto and
/// chrome://tracing load. One process per agent, with a thread for computing, one for the network and one for waiting;
/// an arrow leads from a slow agent's work to its helper's. Times are whole microseconds of the transport's clock:
/// Perfetto cuts fractions off at a nanosecond, and drops an event that begins before the last one of its thread ends.
/// An arrow's ends come after the events that they lie in, which Perfetto looks for among those it has read.
///
/// Complete events ("ph": "X") carry `args`: `round` (counted from 1), and `other` (an agent id) where somebody else is
/// involved. Their `cat` is one of the activities' names. `otherData` tells, in schema 1:
///
/// | field             | meaning                                                                                |
/// |-------------------|----------------------------------------------------------------------------------------|
/// | `schema`          | 1                                                                                      |
/// | `time`            | "simulated" or "real"                                                                  |
/// | `rounds_finished` | of the run                                                                             |
/// | `rounds_shown`    | those whose events are here, counted from 1                                            |
/// | `alone`           | per shown round, by agent: what its own training would take without help, microseconds;|
/// |                   | null where that is not known                                                           |
/// | `totals`          | per finished round, summed over agents, in microseconds: each activity, and            |
/// |                   | `waiting_alone`, the waiting for the last one, had nobody been helped                   |
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "comdml/core/errors.hpp"
#include "comdml/learn/timeline.hpp"
#include "comdml/report/metrics.hpp"
#include "comdml/report/run.hpp"

namespace comdml::report {

/// Rounds whose events fit into `most` events, out of what was recorded: the first, the last, then the others in order.
[[nodiscard]] inline std::set<round_index> shown_rounds(const std::vector<learn::track>& tracks, std::size_t most) {
  std::map<round_index, std::size_t> events;
  for (const learn::track& one : tracks) events[one.round] += one.spans.size();
  std::vector<round_index> wanted;
  wanted.reserve(events.size());
  for (const auto& [round, count] : events) wanted.push_back(round);
  if (wanted.size() > 2) std::rotate(wanted.begin() + 1, wanted.end() - 1, wanted.end());
  std::set<round_index> shown;
  std::size_t sum = 0;
  for (const round_index round : wanted)
    if (sum += events[round]; sum <= most || shown.empty()) shown.insert(round);
  return shown;
}

namespace detail {

/// Whole ones, so that an event ends where the next one begins.
[[nodiscard]] inline std::int64_t microseconds(seconds time) {
  return std::llround(1e6 * std::min(time.value(), 9e12));
}

/// The thread of an activity: 1 computing, 2 network, 3 waiting.
[[nodiscard]] inline int thread_of(learn::activity what) {
  switch (what) {
    case learn::activity::own_work:
    case learn::activity::guest_work:
      return 1;
    case learn::activity::waiting:
      return 3;
    default:
      return 2;
  }
}

}  // namespace detail

/// The trace of what was recorded of a run's `finished` rounds. \param most  events, roughly: rounds that do not fit
/// are left out, see shown_rounds
[[nodiscard]] inline nlohmann::ordered_json trace(const learn::timeline& recorded, std::size_t finished, time_kind time,
                                                  std::size_t most = 100'000) {
  using json = nlohmann::ordered_json;
  using learn::activity;
  const round_index end{static_cast<std::uint32_t>(finished)};
  const std::vector<learn::track> tracks = recorded.tracks(end);
  const std::set<round_index> shown = shown_rounds(tracks, most);

  json events = json::array();
  std::set<agent_id> named;
  std::size_t arrows = 0;
  json rounds = json::array();
  json alone = json::array();
  for (const round_index round : shown) {
    rounds.push_back(round.value + 1);
    json times = json::array();
    json flows = json::array();
    // Where a guest's work begins on its helper, by guest.
    std::map<agent_id, std::pair<agent_id, seconds>> begun;
    for (const learn::track& one : tracks)
      if (one.round == round)
        for (const learn::span_of_time& span : one.spans)
          if (span.what == activity::guest_work) begun.try_emplace(span.other, one.agent, span.begin);
    for (const learn::track& one : tracks) {
      if (one.round != round) continue;
      const std::uint32_t process = one.agent.value;
      while (times.size() <= process) times.push_back(nullptr);
      if (one.alone > seconds{}) times[process] = 1e6 * one.alone.value();
      if (named.insert(one.agent).second) {
        const auto name = [&](const char* what, int thread, json value) {
          events.push_back(
              {{"name", what}, {"ph", "M"}, {"pid", process}, {"tid", thread}, {"args", std::move(value)}});
        };
        name("process_name", 1, {{"name", text("agent ", one.agent)}});
        name("process_sort_index", 1, {{"sort_index", process}});
        name("thread_name", 1, {{"name", "computing"}});
        name("thread_name", 2, {{"name", "network"}});
        name("thread_name", 3, {{"name", "waiting"}});
      }
      bool arrow = begun.contains(one.agent);
      for (const learn::span_of_time& span : one.spans) {
        const std::int64_t from = detail::microseconds(span.begin);
        const std::int64_t to = detail::microseconds(span.end);
        if (to == from) continue;
        const char* const kind = activity_names[static_cast<std::size_t>(span.what)];
        const bool alone_in_it = span.other == one.agent;
        json arguments{{"round", round.value + 1}};
        if (!alone_in_it) arguments["other"] = span.other.value;
        events.push_back({{"name", alone_in_it ? kind : text(kind, ", agent ", span.other)},
                          {"cat", kind},
                          {"ph", "X"},
                          {"ts", from},
                          {"dur", to - from},
                          {"pid", process},
                          {"tid", detail::thread_of(span.what)},
                          {"args", std::move(arguments)}});
        if (!arrow || span.what != activity::own_work) continue;
        arrow = false;
        const auto& [helper, when] = begun.at(one.agent);
        const auto point = [&](const char* phase, std::uint32_t pid, seconds at) {
          json flow{
              {"name", "activations"},         {"cat", "flow"}, {"ph", phase}, {"id", arrows}, {"pid", pid}, {"tid", 1},
              {"ts", detail::microseconds(at)}};
          if (*phase == 'f') flow["bp"] = "e";  // binds to the event that is there, not to the next one
          flows.push_back(std::move(flow));
        };
        point("s", process, span.begin);
        point("f", helper.value, when);
        ++arrows;
      }
    }
    for (json& flow : flows) events.push_back(std::move(flow));
    alone.push_back(std::move(times));
  }

  json totals = json::array();
  for (const learn::round_totals& sum : recorded.totals(end)) {
    json entry{{"round", sum.round.value + 1}};
    for (std::size_t a = 0; a < learn::activities; ++a) entry[activity_names[a]] = sum.spent[a];
    entry["waiting_alone"] = sum.waiting_alone();
    totals.push_back(std::move(entry));
  }
  return {{"displayTimeUnit", "ms"},
          {"otherData",
           {{"schema", 1},
            {"time", time == time_kind::simulated ? "simulated" : "real"},
            {"rounds_finished", finished},
            {"rounds_shown", std::move(rounds)},
            {"alone", std::move(alone)},
            {"totals", std::move(totals)}}},
          {"traceEvents", std::move(events)}};
}

}  // namespace comdml::report
