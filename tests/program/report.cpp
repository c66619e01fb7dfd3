// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml report, and the timeline that it is made from.
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "support.hpp"

using namespace support;

namespace {

/// Two runs of each algorithm, in folders of one folder.
struct sweep {
  scratch files;
  fs::path folder = files / "sweep";
  json first;

  sweep() {
    for (const std::string algorithm : {"comdml", "allreduce"})
      for (const std::string seed : {"1", "2"}) {
        const ending end = run(quick({"--agents", "5", "--algorithm", algorithm, "--seed", seed, "--out",
                                      (folder / (algorithm + '-' + seed)).string()}));
        INFO(end.error);
        REQUIRE(end.code == 0);
        if (first.is_null()) first = end.result();
      }
  }
};

const sweep& runs() {
  static const sweep once;
  return once;
}

ending report(const fs::path& folder, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments{"report", folder.string()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run(arguments);
}

/// A copy of the first run's folder, to be spoiled.
struct copy {
  scratch files;
  fs::path folder = files / "run";

  copy() { fs::copy(runs().folder / "comdml-1", folder); }
};

}  // namespace

TEST_CASE("recording changes nothing, and an agent's spans fill its rounds") {
  json without = run(quick({"--agents", "5", "--seed", "1"})).result();
  json with = runs().first;
  for (json* result : {&without, &with}) result->erase("wall_seconds");
  CHECK(with == without);

  const json trace = json::parse(content(runs().folder / "comdml-1/timeline.json"));
  const auto nano = [](const json& micro) { return std::llround(1000 * double{micro}); };
  std::map<int, std::map<std::int64_t, std::int64_t>> spans;  // of each agent: begin -> end
  bool guests = false;
  for (const json& event : trace["traceEvents"])
    if (event["ph"] == "X") {
      guests = guests || event["cat"] == "guest work";
      CHECK(spans[event["pid"]].emplace(nano(event["ts"]), nano(event["ts"]) + nano(event["dur"])).second);
    }
  CHECK(guests);
  REQUIRE(spans.size() == 5);
  for (const auto& [agent, of_agent] : spans) {
    CAPTURE(agent);
    std::int64_t end = 0;
    for (const auto& [from, to] : of_agent) {
      CHECK(std::abs(from - end) <= 2);  // roundings; no time is lost, and none is counted twice
      end = to;
    }
    CHECK(1e-9 * static_cast<double>(end) >= double{with["simulated_seconds"]} * 0.9);
  }
}

TEST_CASE("a run and a folder of runs have a report") {
  const ending one = report(runs().folder / "comdml-1");
  INFO(one.error);
  REQUIRE(one.code == 0);
  const std::string page = content(runs().folder / "comdml-1/report.html");
  for (const char* const part :
       {"digits, resnet8, 5 agents", "Why these pairs", "would need", "comdml train --train-limit 200", "momentum"}) {
    CAPTURE(part);
    CHECK(contains(page, part));
  }
  CHECK_FALSE(contains(page, "://"));
  REQUIRE(report(runs().folder / "comdml-1", {"--out", (runs().folder / "again.html").string()}).code == 0);
  CHECK(content(runs().folder / "again.html") == page);
  CHECK(contains(report(runs().folder / "comdml-1", {"--out", "/dev/null", "--round", "1"}).error, "regular file"));

  REQUIRE(report(runs().folder).code == 0);
  const std::string both = content(runs().folder / "report.html");
  for (const char* const part :
       {"4 runs, 2 algorithms, 1 setting, 2 seeds", "saved against allreduce", "allreduce-2"}) {
    CAPTURE(part);
    CHECK(contains(both, part));
  }
}

TEST_CASE("sweep.json names the runs, and those that are not there yet are left out") {
  const scratch files;
  const fs::path folder = files / "sweep";
  fs::copy(runs().folder, folder, fs::copy_options::recursive);
  write(folder / "sweep.json",
        R"({"schema":1,"title":"Digits & co","command":"comdml compare x","runs":[
            {"name":"a","algorithm":"comdml","setting":"10 Mbps","seed":1,"folder":"comdml-1"},
            {"name":"b","algorithm":"allreduce","setting":"10 Mbps","seed":1,"folder":"allreduce-1"},
            {"name":"c","algorithm":"allreduce","setting":"10 Mbps","seed":2,"folder":"to-come"}]})");
  REQUIRE(report(folder).code == 0);
  const std::string page = content(folder / "report.html");
  for (const char* const part :
       {"Digits &amp; co", "10 Mbps", "2 runs", "1 of 3 runs have not finished a round", "comdml compare x"}) {
    CAPTURE(part);
    CHECK(contains(page, part));
  }
}

TEST_CASE("what is broken ends with 2, names the place, and leaves an earlier report as it was") {
  const copy spoiled;
  write(spoiled.folder / "report.html", "as it was");
  const auto refused = [&](const char* words) {
    CAPTURE(words);
    const ending end = report(spoiled.folder);
    CAPTURE(end.error);
    CHECK(end.code == 2);
    CHECK(contains(end.error, words));
    CHECK(contains(end.error, "remedy: "));
    CHECK(content(spoiled.folder / "report.html") == "as it was");
  };
  const std::string metrics = content(spoiled.folder / "metrics.jsonl");
  write(spoiled.folder / "metrics.jsonl", "{\"schema\":1}\n" + metrics);
  refused("metrics.jsonl, line 1: has no \"round\"");
  write(spoiled.folder / "metrics.jsonl", metrics);
  const std::string timeline = content(spoiled.folder / "timeline.json");
  write(spoiled.folder / "timeline.json", timeline.substr(0, timeline.size() / 2));
  refused("timeline.json: is not JSON");
  write(spoiled.folder / "timeline.json", timeline);
  write(spoiled.folder / "config.toml", "rounds = = 2\n");
  refused("config.toml, line 1, column ");
  CHECK(report(spoiled.files / "nowhere").code == 2);
  fs::create_directory(spoiled.files / "empty");
  CHECK(contains(report(spoiled.files / "empty").error, "holds neither metrics.jsonl nor sub-folders that do"));
  CHECK(run({"report"}).code == 2);
}

TEST_CASE("a killed run's folder has a report of its whole lines, and an old one's does without a timeline") {
  const copy cut;
  const std::string metrics = content(cut.folder / "metrics.jsonl");
  write(cut.folder / "metrics.jsonl", metrics.substr(0, metrics.size() - 20));
  for (const char* const name : {"timeline.json", "run.json", "config.toml"}) fs::remove(cut.folder / name);
  REQUIRE(report(cut.folder).code == 0);
  const std::string page = content(cut.folder / "report.html");
  for (const char* const part :
       {"is cut off", "no timeline.json", "no run.json", "no config.toml", "Why these pairs"}) {
    CAPTURE(part);
    CHECK(contains(page, part));
  }
}
