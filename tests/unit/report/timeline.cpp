// SPDX-License-Identifier: BSL-1.0
/// \file
/// What is recorded of agents' time, and the trace that is made of it.
#include "comdml/report/timeline.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace comdml;
using learn::activity;

namespace {

constexpr agent_id slow{1}, fast{0};

/// A round of two agents: the slow one sends, the fast one serves.
void play(learn::timeline& to, std::uint32_t round, agent_id guest = slow, agent_id helper = fast) {
  const double at = 10.0 * round;
  const auto add = [&](agent_id who, activity what, agent_id other, double begin, double end) {
    to.add(who, {what, other, seconds{at + begin}, seconds{at + end}});
  };
  for (const agent_id who : {helper, guest}) to.begin_round(who, round_index{round});
  to.would_take(helper, seconds{2});
  to.would_take(guest, seconds{8});
  add(guest, activity::own_work, guest, 0, 1);
  add(guest, activity::own_work, guest, 1, 2);
  add(guest, activity::sending, helper, 2, 2.5);
  add(guest, activity::waiting, guest, 2.5, 4);
  add(guest, activity::all_reduce, guest, 4, 5);
  add(helper, activity::own_work, helper, 0, 1);
  add(helper, activity::waiting, guest, 1, 1);  // no time at all
  add(helper, activity::guest_work, guest, 1, 3);
  add(helper, activity::own_work, helper, 3, 4);
  add(helper, activity::all_reduce, helper, 4, 5);
}

std::vector<std::uint32_t> rounds_of(const std::vector<learn::track>& tracks) {
  std::vector<std::uint32_t> rounds;
  for (const learn::track& one : tracks)
    if (one.agent == fast) rounds.push_back(one.round.value);
  return rounds;
}

}  // namespace

TEST_CASE("batches of the same work are one span, and what takes no time is none") {
  learn::timeline recorded;
  play(recorded, 0);
  const auto tracks = recorded.tracks(round_index{1});
  REQUIRE(tracks.size() == 2);
  CHECK(tracks[0].agent == fast);
  CHECK(tracks[0].spans.size() == 4);
  CHECK(tracks[1].alone == seconds{8});
  REQUIRE(tracks[1].spans.size() == 4);
  CHECK(tracks[1].spans[0] == learn::span_of_time{activity::own_work, slow, seconds{0}, seconds{2}});
  CHECK(tracks[1].spans[1].other == fast);
}

TEST_CASE("sums over agents do not depend on the order of the threads") {
  std::vector<std::vector<learn::round_totals>> found;
  for (int again = 0; again < 2; ++again) {
    learn::timeline recorded;
    std::vector<std::jthread> threads;
    for (std::uint32_t i = 0; i < 4; ++i)
      threads.emplace_back([&recorded, i] {
        recorded.begin_round(agent_id{i}, round_index{0});
        recorded.would_take(agent_id{i}, seconds{0.1 * (i + 1)});
        for (int n = 0; n < 100; ++n)
          recorded.add(agent_id{i}, {n % 2 == 0 ? activity::own_work : activity::waiting, agent_id{i},
                                     seconds{0.1 * i + n}, seconds{0.3 * i + n + 0.1}});
      });
    threads.clear();
    found.push_back(recorded.totals(round_index{1}));
  }
  CHECK(found[0] == found[1]);
  REQUIRE(found[0].size() == 1);
  CHECK(found[0][0].agents == 4);
  CHECK(found[0][0].of(activity::own_work) == 50 * (100'000 + 300'000 + 500'000 + 700'000));
  CHECK(found[0][0].waiting_alone() == 4 * 400'000 - 1'000'000);
}

TEST_CASE("the first rounds, some between, and the last one are kept, and sums of all") {
  learn::timeline recorded{{.first = 2, .every = 4}};
  for (std::uint32_t round = 0; round < 10; ++round) play(recorded, round);
  CHECK(rounds_of(recorded.tracks(round_index{10})) == std::vector<std::uint32_t>{0, 1, 3, 7, 8, 9});
  CHECK(rounds_of(recorded.tracks(round_index{9})) == std::vector<std::uint32_t>{0, 1, 3, 7, 8});  // unfinished: 9
  CHECK(recorded.totals(round_index{10}).size() == 10);
  CHECK(recorded.totals(round_index{10})[9].of(activity::guest_work) == 2'000'000);
}

TEST_CASE("the trace has what Chrome's format asks for") {
  learn::timeline recorded;
  for (std::uint32_t round = 0; round < 2; ++round) play(recorded, round);
  play(recorded, 2, fast, slow);  // the helper's events come after the other one's
  const auto trace = nlohmann::json::parse(report::trace(recorded, 3, report::time_kind::simulated).dump());
  REQUIRE(trace["traceEvents"].is_array());
  struct box {
    std::pair<int, int> thread;
    std::int64_t begin, end;
    std::string kind;
  };
  std::vector<box> boxes;
  std::map<std::pair<int, int>, std::int64_t> ends;
  std::map<int, int> arrows;
  std::size_t names = 0;
  for (const auto& event : trace["traceEvents"]) {
    CAPTURE(event.dump());
    REQUIRE(event["name"].is_string());
    REQUIRE(event["pid"].is_number_unsigned());
    REQUIRE(event["tid"].is_number_unsigned());
    const std::string phase = event["ph"];
    if (phase == "M") {
      ++names;
      CHECK(event["args"].size() == 1);
      continue;
    }
    REQUIRE(event["ts"].is_number_integer());
    const std::int64_t begin = event["ts"];
    const std::pair<int, int> thread{event["pid"], event["tid"]};
    if (phase == "X") {
      REQUIRE(event["dur"].is_number_integer());
      const std::int64_t end = begin + event["dur"].get<std::int64_t>();
      CHECK(end > begin);
      CHECK(begin >= ends[thread]);  // in order, and none begins before the last one of its track ends
      ends[thread] = end;
      boxes.push_back({thread, begin, end, event["cat"]});
    } else {
      REQUIRE((phase == "s" || phase == "f"));
      CHECK(event["cat"] == "flow");
      arrows[event["id"]] += phase == "s" ? 1 : 10;
      // From the slow agent's work to its helper's, both of which are there already.
      const char* const kind = phase == "s" ? "own work" : "guest work";
      CHECK(std::ranges::any_of(boxes, [&](const box& one) {
        return one.thread == thread && one.kind == kind && one.begin <= begin && begin < one.end;
      }));
    }
  }
  CHECK(boxes.size() == 3 * 8);
  CHECK(names == 2 * 5);
  CHECK(arrows == std::map<int, int>{{0, 11}, {1, 11}, {2, 11}});
  const auto& other = trace["otherData"];
  CHECK(other["rounds_shown"] == nlohmann::json{1, 2, 3});
  CHECK(other["alone"][0] == nlohmann::json{2e6, 8e6});
  CHECK(other["totals"][2]["sending"] == 500'000);
  CHECK(other["totals"][2]["waiting_alone"] == 6'000'000);
}

TEST_CASE("spans that touch stay together in the trace, and none overlap, whatever their lengths") {
  learn::timeline recorded;
  recorded.begin_round(fast, round_index{0});
  seconds at{12345.678};
  for (int i = 0; i < 500; ++i) {
    const seconds next = at + seconds{.0123 / (i + 3)};
    recorded.add(fast, {i % 2 == 0 ? activity::own_work : activity::guest_work, i % 2 == 0 ? fast : slow, at, next});
    at = next;
  }
  const auto trace = report::trace(recorded, 1, report::time_kind::simulated);
  std::int64_t end = 12'345'678'000;
  for (const auto& event : trace["traceEvents"])
    if (event["ph"] == "X") {
      CHECK(event["ts"] == end);
      end = event["ts"].get<std::int64_t>() + event["dur"].get<std::int64_t>();
    }
  CHECK(std::abs(static_cast<double>(end) - 1e6 * at.value()) < 1);
}

TEST_CASE("a trace that would be too long shows the first and the last round, and says so") {
  learn::timeline recorded{{.first = 100}};
  for (std::uint32_t round = 0; round < 6; ++round) play(recorded, round);
  const auto shown = [&](std::size_t most) {
    return report::trace(recorded, 6, report::time_kind::simulated, most)["otherData"]["rounds_shown"];
  };
  CHECK(shown(1000) == nlohmann::ordered_json{1, 2, 3, 4, 5, 6});
  CHECK(shown(16) == nlohmann::ordered_json{1, 6});
  CHECK(shown(24) == nlohmann::ordered_json{1, 2, 6});
  CHECK(shown(1) == nlohmann::ordered_json{1});
}
