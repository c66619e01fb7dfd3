// SPDX-License-Identifier: BSL-1.0
/// \file
/// Reports: numbers and ticks, files that cannot be trusted, and what is on the page.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../temporary_directory.hpp"
#include "comdml/report/run_folder.hpp"
#include "comdml/report/run_page.hpp"
#include "comdml/report/sweep_page.hpp"

using namespace comdml;
using namespace comdml::report;

namespace {

std::string line(int round, const std::string& accuracy, const std::string& pairs = "[]") {
  return R"({"schema":1,"round":)" + std::to_string(round) + R"(,"epoch":0,"test_accuracy":)" + accuracy +
         R"(,"test_loss":1.5,"train_loss":1.25,"simulated_seconds":)" + std::to_string(10 * round) +
         R"(,"simulated_seconds_alone":)" + std::to_string(40 * round) + R"(,"wall_seconds":)" + std::to_string(round) +
         R"(,"bytes_activations":1000,"bytes_weights":2000,"pairs":)" + pairs + "}\n";
}

const std::string one_pair =
    R"([{"slow":1,"fast":0,"split":2,"wire":"fp32","time_s":9.5,"solo_s":40.0,"refused":{"fast":2,"split":1,"time_s":11.0}}])";

/// What reading this metrics.jsonl says.
std::string told(const std::string& metrics) {
  const temporary_directory files;
  files.write("metrics.jsonl", metrics);
  return input_error_of([&] { (void)read_run(files.path()); });
}

run_entry read(const std::string& metrics) {
  const temporary_directory files;
  files.write("metrics.jsonl", metrics);
  return read_run(files.path());
}

run_entry example(const std::string& algorithm, const std::string& seed, double pace) {
  run_entry run;
  run.name = algorithm + seed;
  run.algorithm = algorithm;
  run.seed = seed;
  for (std::uint64_t r = 1; r <= 4; ++r)
    run.rounds.push_back({.round = r,
                          .accuracy = 0.5 + 0.1 * static_cast<double>(r),
                          .simulated = pace * static_cast<double>(r),
                          .wall = static_cast<double>(r)});
  return run;
}

}  // namespace

TEST_CASE("nothing in a text can be markup") {
  CHECK(escaped("a<b>&\"c'\x01") == "a&lt;b&gt;&amp;&quot;c&#39;\xEF\xBF\xBD");
  CHECK(escaped("M\xC3\xBCller") == "M\xC3\xBCller");
}

TEST_CASE("numbers for people") {
  CHECK(fixed(-0.001, 2) == "0.00");
  CHECK(coordinate(1.50) == "1.5");
  CHECK(coordinate(20) == "20");
  CHECK(short_number(12345) == "12,345");
  CHECK(short_number(-1234567) == "-1,234,567");
  CHECK(short_number(0.0426) == "0.043");
  CHECK(short_number(1e12) == "1.0e+12");
  CHECK(plain_number(4) == "4");
  CHECK(duration(0) == "0 s");
  CHECK(duration(0.0123) == "12.3 ms");
  CHECK(duration(45) == "45.0 s");
  CHECK(duration(913.8) == "15.2 min");
  CHECK(duration(193.8, 913.8) == "194 s");
  CHECK(duration(193.8, 6540) == "3.23 min");
  CHECK(duration(3e5) == "3.47 days");
  CHECK(data_size(999) == "999 bytes");
  CHECK(data_size(1.5e6) == "1.50 MB");
  CHECK_THROWS_AS((void)fixed(std::numeric_limits<double>::infinity(), 1), contract_error);
}

TEST_CASE("ticks are round, inside, and few") {
  const auto at = [](double low, double high, std::size_t most) { return ticks_between(low, high, most).at; };
  CHECK(at(0, 10, 5) == std::vector<double>{0, 2, 4, 6, 8, 10});
  CHECK(at(0.61, 0.99, 4).size() == 3);
  CHECK(ticks_between(0.61, 0.99, 4).digits == 1);
  for (const auto& range : std::vector<std::pair<double, double>>{
           {0, 1e-9}, {-5, 5}, {1e15, 1e15 + 3}, {0, 1e300}, {-1e300, 1e300}, {1e-300, 2e-300}, {7, 7.0000001}})
    for (std::size_t most = 1; most < 12; ++most) {
      const double low = range.first, high = range.second;
      CAPTURE(low);
      CAPTURE(most);
      const ticks found = ticks_between(low, high, most);
      CHECK(found.at.size() <= most + 2);
      for (const double tick : found.at) {
        CHECK(tick >= low - 1e-6 * (high - low));
        CHECK(tick <= high + 1e-6 * (high - low));
      }
    }
}

TEST_CASE("a scale without width has one") {
  const scale flat{3, 3, 0, 100};
  CHECK(flat(3) == doctest::Approx(50));
  CHECK(scale{0, 10, 100, 0}(2.5) == doctest::Approx(75));
}

TEST_CASE("labels that would touch move apart, and stay inside") {
  std::vector<std::pair<double, std::size_t>> labels{{50, 0}, {52, 1}, {99, 2}};
  report::detail::spread_labels(labels, 15, 100);
  CHECK(labels[0].first == 50);
  CHECK(labels[1].first == 65);
  CHECK(labels[2].first == 99);
  labels = {{98, 0}, {99, 1}};
  report::detail::spread_labels(labels, 15, 100);
  CHECK(labels[0].first <= 85);
  CHECK(labels[1].first <= 100);
}

TEST_CASE("a long run's curve is thinned, to its last point") {
  for (const std::size_t size : {1u, 2u, 999u, 1000u, 1001u, 54321u}) {
    std::vector<std::pair<double, double>> points;
    for (std::size_t i = 0; i < size; ++i) points.emplace_back(static_cast<double>(i), 0.0);
    const auto thin = report::detail::thinned(points);
    CHECK(thin.size() <= 1000);
    CHECK(thin.size() >= std::min<std::size_t>(size, 500));
    CHECK(thin.back() == points.back());
  }
}

TEST_CASE("a run is read, and a last line that was cut off is noted") {
  const run_entry run = read(line(1, "0.5", one_pair) + line(3, "null") + line(4, "0.75").substr(0, 60));
  REQUIRE(run.rounds.size() == 2);
  CHECK(run.notes.size() == 1);
  CHECK(run.rounds[0].pairs[0].refused->fast == 2);
  CHECK(*run.rounds[0].pairs[0].solo == 40);
  CHECK(run.accuracy() == 0.5);
  CHECK(run.simulated());
  CHECK(read(line(1, "0.5") + line(2, "0.5")).notes.empty());
  // Files of older programs know neither solo times nor refused offers.
  CHECK_FALSE(read(line(1, "0.5", R"([{"slow":1,"fast":0,"split":2,"wire":"fp32","time_s":9.5}])"))
                  .rounds[0]
                  .pairs[0]
                  .solo.has_value());
}

TEST_CASE("what cannot be is refused, with file and line") {
  struct fault {
    std::string metrics, words;
  };
  const std::string good = line(1, "0.5");
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string bad = line(2, "0.5", one_pair);
    bad.replace(bad.find(from), from.size(), to);
    return good + bad;
  };
  for (const fault& one : std::vector<fault>{
           {"", "no finished round"},
           {line(1, "0.5").substr(0, 50), "no finished round"},
           {good + "{\n" + line(3, "0.5"), "line 2: is not JSON"},
           {good + "[]\n", "line 2: is not a JSON object"},
           {good + good, "line 2: round 1 comes after round 1"},
           {changed("\"test_accuracy\":0.5", "\"test_accuracy\":NaN"), "line 2: is not JSON"},
           {changed("\"test_accuracy\":0.5", "\"test_accuracy\":1e999"), "line 2: is not JSON"},
           {changed("\"test_accuracy\":0.5", "\"test_accuracy\":7"), "line 2: \"test_accuracy\" is 7"},
           {changed("\"wall_seconds\":2", "\"wall\":2"), "line 2: has no \"wall_seconds\""},
           {changed("\"wall_seconds\":2", "\"wall_seconds\":\"2\""), "line 2: \"wall_seconds\" is not a number"},
           {changed("\"simulated_seconds\":20", "\"simulated_seconds\":2"), "line 2: simulated time runs backwards"},
           {changed("\"simulated_seconds\":20,", "\"simulated_seconds\":null,"), "known in some rounds only"},
           {changed("\"bytes_weights\":2000", "\"bytes_weights\":1e300"), "\"bytes_weights\" is 1e+300"},
           {changed("\"slow\":1", "\"slow\":-1"), "line 2, pair 1: \"slow\" is not a whole number"},
           {changed("\"slow\":1", "\"slow\":0"), "paired with itself"},
           {changed("\"time_s\":9.5", "\"time_s\":null"), "\"time_s\" is not a number"},
           {changed("\"schema\":1", "\"schema\":2"), "of schema 2"}}) {
    CAPTURE(one.metrics);
    const std::string message = told(one.metrics);
    CHECK(contains(message, one.words));
    CHECK(contains(message, "metrics.jsonl"));
    CHECK(contains(message, "remedy: "));
  }
}

TEST_CASE("a broken timeline or run.json is refused") {
  const temporary_directory files;
  files.write("metrics.jsonl", line(1, "0.5"));
  const auto message = [&] { return input_error_of([&] { (void)read_run(files.path()); }); };
  files.write("timeline.json", "{\"traceEvents\":[]}");
  CHECK(contains(message(), "timeline.json: has no \"otherData\""));
  files.write("timeline.json",
              R"({"traceEvents":[{"ph":"X","cat":"own work","ts":0,"dur":1,"pid":9,"args":{"round":1}}],"otherData":
                 {"schema":1,"time":"simulated","rounds_shown":[1],"alone":[[1]],"totals":[]}})");
  CHECK(contains(message(), "event 0: is of an unknown kind, round or agent"));
  std::filesystem::remove(files.path() / "timeline.json");
  CHECK(message().empty());
  files.write("run.json", R"({"schema":1,"program":"p","command":"c","units":1,"agents":[{"speed":1,"images":1}],
                              "links_mbps":[[0,1]],"splits":[]})");
  CHECK(contains(message(), "run.json: \"links_mbps\""));
}

TEST_CASE("a sweep's folders lie inside it") {
  const temporary_directory files;
  const auto message = [&](const std::string& folder) {
    files.write("sweep.json",
                R"({"schema":1,"title":"t","runs":[{"name":"n","algorithm":"a","setting":"s","seed":1,"folder":")" +
                    folder + "\"}]}");
    return input_error_of([&] {
      const sweep_index index = read_sweep_index(files.path() / "sweep.json");
      CHECK(index.runs[0].seed == "1");
    });
  };
  CHECK(message("a/b").empty());
  for (const char* const outside : {"/etc", "../x", "a/../../x", ""})
    CHECK(contains(message(outside), "does not lie inside"));
}

TEST_CASE("names from files stay text on the page") {
  run_entry run = read(line(1, "0.5", one_pair));
  const std::string hostile = "</title><script>alert('x')</script>";
  run.name = run.algorithm = hostile;
  run.rounds[0].pairs[0].wire = hostile;
  run.options = {{hostile, hostile}};
  const std::string page = html(run);
  CHECK_FALSE(contains(page, "<script>alert"));
  CHECK(contains(page, "&lt;script&gt;alert(&#39;x&#39;)"));
  sweep_entry sweep{hostile, hostile, {run}, {hostile}};
  sweep.runs[0].setting = hostile;
  CHECK_FALSE(contains(html(sweep), "<script>alert"));
}

TEST_CASE("a pair is explained with its cost, the time alone and the refused offer") {
  const run_entry run = read(line(1, "0.5", one_pair));
  const std::string words = reason(run, run.rounds[0].pairs[0]);
  for (const char* const part : {"Agent 1 would need 40.0 s alone", "keeps 2 units", "fp32", "to agent 0",
                                 "after 9.50 s", "76.2 % sooner", "agent 2, keeping 1 unit: 11.0 s"}) {
    CAPTURE(words);
    CHECK(contains(words, part));
  }
  CHECK(contains(html(run), "Agent 1 would need 40.0 s alone"));
}

TEST_CASE("a run without a timeline, evaluation or pairs has a report that says so") {
  const std::string page = html(read(line(1, "null")));
  CHECK(contains(page, "no timeline.json"));
  CHECK(contains(page, "nothing was measured"));
  CHECK(contains(page, "Nobody was paired"));
  CHECK(contains(page, "no config.toml"));
}

TEST_CASE("waiting before and after comes from the recorded round") {
  recorded_timeline timeline;
  timeline.rounds.push_back(
      {1, {{round_index{0}, agent_id{0}, seconds{2}, {}}, {round_index{0}, agent_id{1}, seconds{8}, {}}}});
  for (std::uint32_t i = 0; i < 2; ++i)
    timeline.rounds[0].tracks[i].spans = {{learn::activity::own_work, agent_id{i}, seconds{10}, seconds{11.0 + i}},
                                          {learn::activity::waiting, agent_id{i}, seconds{11.0 + i}, seconds{13}}};
  const round_view view = view_of(timeline.rounds[0], {{.slow = 1, .fast = 0, .split = 1, .wire = "fp32"}});
  CHECK(view.length == 3);
  CHECK(view.longest_alone == 8);
  CHECK(view.waiting_before == 6);
  CHECK(view.waiting_after == 3);
  CHECK(view.rows[0].agent == 1);  // the slow one first, then its helper
}

TEST_CASE("a sweep shows one run's round, with pairs and without") {
  sweep_entry sweep{.title = "s", .command = "", .runs = {}};
  for (const char* const algorithm : {"allreduce", "comdml"}) {
    run_entry run = example(algorithm, "1", 10);
    run.setting = "slow links";
    const double end = run.algorithm == "comdml" ? 5 : 8;
    if (run.algorithm == "comdml") run.rounds[0].pairs.push_back({.slow = 1, .fast = 0, .split = 2, .wire = "int8"});
    run.timeline.emplace();
    shown_round& shown = run.timeline->rounds.emplace_back(shown_round{.round = 1});
    for (std::uint32_t i = 0; i < 2; ++i)
      shown.tracks.push_back({round_index{0},
                              agent_id{i},
                              seconds{4 + 4.0 * i},
                              {{learn::activity::own_work, agent_id{i}, seconds{0}, seconds{end - 1}},
                               {learn::activity::all_reduce, agent_id{i}, seconds{end - 1}, seconds{end}}}});
    sweep.runs.push_back(std::move(run));
  }
  std::string page = html(sweep);
  for (const char* const part : {"What follows is of the run comdml1", "After: round 1, 5.00 s",
                                 "Without pairs: allreduce, round 1, 8.00 s", "keeps 2, int8"}) {
    CAPTURE(part);
    CHECK(contains(page, part));
  }
  page = html(sweep, {}, "allreduce1");
  CHECK(contains(page, "What follows is of the run allreduce1"));
  CHECK_FALSE(contains(page, "Without pairs"));
  CHECK(contains(input_error_of([&] { (void)html(sweep, {}, "nobody"); }), "none of the 2 runs"));
  sweep.runs[0].seed = "2";  // another fleet
  CHECK_FALSE(contains(html(sweep), "Without pairs"));
}

TEST_CASE("a run whose pairs are not listed, and that learned nothing, can be read and drawn") {
  run_entry run = read(line(1, "null", "null") + line(2, "null", "null"));
  CHECK(run.rounds[1].pairs.empty());
  CHECK_FALSE(contains(html(run), "Over rounds"));
  run.setting = "a";
  const std::string sweep = html(sweep_entry{.title = "s", .command = "", .runs = {run, run}});
  CHECK_FALSE(contains(sweep, "Over rounds"));
  CHECK(contains(sweep, ": of all rounds. "));
}

TEST_CASE("algorithms are compared at an accuracy that all runs reached") {
  std::vector<run_entry> runs{example("comdml", "1", 1), example("comdml", "2", 2), example("allreduce", "1", 4),
                              example("allreduce", "2", 4)};
  runs[0].rounds.back().accuracy = 0.805;  // all others reach 0.9
  const auto all = comparisons_of(runs);
  REQUIRE(all.size() == 1);
  REQUIRE(all[0].groups.size() == 2);
  CHECK(common_accuracy(all[0]) == doctest::Approx(0.80));
  CHECK(time_to(runs[1], 0.79) == 6);
  CHECK_FALSE(time_to(runs[0], 0.81).has_value());
  const mean_and_spread spread = spread_of({1, 2, 3});
  CHECK(spread.mean == doctest::Approx(2));
  CHECK(spread.deviation == doctest::Approx(1));
  CHECK(spread_of({5}).deviation == 0);
  const curve mean = report::detail::mean_over_time(all[0].groups[0], 1);
  CHECK(mean.points.front().first == 2);  // from when both were evaluated
  CHECK(mean.points.back().first == 4);   // until the first one ends
  CHECK(mean.points.back().second == doctest::Approx((0.805 + 0.7) / 2));
  const std::string page = html(sweep_entry{"two algorithms", "comdml compare", runs});
  CHECK(contains(page, "time to 80 %"));
  CHECK(contains(page, "saved against allreduce"));
  CHECK(contains(page, "comdml compare"));

  // A sweep's own target is kept, and who has not reached it is said so.
  const std::string aimed = html(sweep_entry{.title = "s", .command = "", .runs = runs, .target = .875});
  CHECK(contains(aimed, "time to 87.5 %"));
  CHECK(contains(aimed, "not reached by 1 of 2"));
  CHECK_FALSE(contains(aimed, "which every run here has reached"));
  CHECK_FALSE(contains(html(sweep_entry{.title = "s", .command = "", .runs = runs, .target = .8}), "not reached"));
}
