// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml plan and comdml profile: what they print, for people and for machines, and what they refuse.
#include <set>

#include "support.hpp"

using namespace support;

namespace {

/// The golden case of the authors' own function (method, section 4): MB/s become Mbps, MB per batch bytes.
const char* const golden_fleet = R"(
[[agent]]
batches_per_second = 0.4
batches = 12
[[agent]]
batches_per_second = 1
batches = 10
[[agent]]
batches_per_second = 1.2
batches = 15
[[agent]]
batches_per_second = 0.2
batches = 10
[[agent]]
batches_per_second = 0.8
batches = 12
[[link]]
between = [0, 1]
mbps = 400
[[link]]
between = [0, 2]
mbps = 400
[[link]]
between = [0, 3]
mbps = 160.0
[[link]]
between = [1, 2]
mbps = 400
[[link]]
between = [1, 3]
mbps = 80
[[link]]
between = [1, 4]
mbps = 80
[[link]]
between = [2, 3]
mbps = 400
[[link]]
between = [2, 4]
mbps = 80
[[link]]
between = [3, 4]
mbps = 80
)";

const char* const golden_profile = R"({"schema": 1, "model": "golden", "batch": 100, "batches_per_second": 0,
  "splits": [
    {"point": 1, "slow_share": 0.8, "fast_share": 0.4, "bytes_per_batch": 20e6, "fast_side_bytes": 0},
    {"point": 2, "slow_share": 0.6, "fast_share": 0.6, "bytes_per_batch": 35e6, "fast_side_bytes": 0},
    {"point": 3, "slow_share": 0.2, "fast_share": 0.9, "bytes_per_batch": 30e6, "fast_side_bytes": 0}]})";

/// Cuts that leave a slow agent almost nothing to do.
const char* const fine_profile = R"({"schema": 1, "model": "fine", "batch": 100, "batches_per_second": 0,
  "splits": [
    {"point": 4, "slow_share": 0.75, "fast_share": 0.25, "bytes_per_batch": 1e6, "fast_side_bytes": 1000},
    {"point": 3, "slow_share": 0.5, "fast_share": 0.5, "bytes_per_batch": 1e6, "fast_side_bytes": 2000},
    {"point": 2, "slow_share": 0.25, "fast_share": 0.75, "bytes_per_batch": 2e6, "fast_side_bytes": 3000},
    {"point": 1, "slow_share": 0.02, "fast_share": 0.98, "bytes_per_batch": 2e6, "fast_side_bytes": 4000}]})";

/// Files of the golden case, and plans for them.
struct planner {
  scratch files;
  std::string fleet = (files / "fleet.toml").string();
  std::string profile = (files / "profile.json").string();

  explicit planner(const std::string& agents = golden_fleet, const std::string& cuts = golden_profile) {
    write(fleet, agents);
    write(profile, cuts);
  }

  [[nodiscard]] ending plan(const std::vector<std::string>& more) const {
    std::vector<std::string> all{"plan", "--fleet", fleet, "--profile", profile};
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  }
  [[nodiscard]] json result(std::vector<std::string> more) const {
    more.push_back("--json");
    const ending end = plan(more);
    INFO(end.error);
    REQUIRE(end.code == 0);
    CHECK(lines(end.out).size() == 1);
    return end.result();
  }
  [[nodiscard]] std::string refused(const std::vector<std::string>& more) const {
    const ending end = plan(more);
    CAPTURE(end.error);
    CHECK(end.code == 2);
    CHECK(end.out.empty());
    CHECK(contains(end.error, "remedy"));
    return end.error;
  }
};

std::set<std::string> names_of(const json& object) {
  std::set<std::string> names;
  for (const auto& [name, value] : object.items()) names.insert(name);
  return names;
}

/// Agents of 4, 2, 1, .5 and .2 batches/s, all linked.
std::string five_agents(const std::string& more = "", const std::string& link = "50") {
  std::string toml;
  for (const char* const speed : {"4", "2", "1", "0.5", "0.2"})
    toml += std::string{"[[agent]]\nbatches_per_second = "} + speed + "\nbatches = 50\n" + more;
  return toml + "[defaults]\nmbps = " + link + "\n";
}

const std::vector<std::string> all_policies{"none",   "random", "greedy",  "bottleneck",
                                            "star:1", "star:3", "auction", "deferred_acceptance"};

}  // namespace

TEST_CASE("the golden case: greedy's plan is the authors' own") {
  const planner golden;
  const json result = golden.result({"--pairing", "greedy"});
  CHECK(names_of(result) ==
        std::set<std::string>{"policy", "makespan_s", "alone_s", "optimal_s", "gap", "solve_ms", "pairs", "alone"});
  CHECK(result["policy"] == "greedy");
  CHECK(double{result["makespan_s"]} == doctest::Approx(20));
  CHECK(double{result["alone_s"]} == doctest::Approx(50));
  CHECK(double{result["optimal_s"]} <= double{result["makespan_s"]} + 1e-9);
  CHECK(double{result["gap"]} ==
        doctest::Approx(double{result["makespan_s"]} / double{result["optimal_s"]} - 1).epsilon(1e-9));
  CHECK(result["solve_ms"] >= 0);
  REQUIRE(result["pairs"].size() == 2);
  CHECK(names_of(result["pairs"][0]) == std::set<std::string>{"slow", "fast", "split", "time_s", "wire"});
  CHECK(result["pairs"][0]["slow"] == 3);
  CHECK(result["pairs"][0]["fast"] == 2);
  CHECK(result["pairs"][0]["split"] == 3);
  CHECK(result["pairs"][0]["wire"] == "fp32");
  CHECK(double{result["pairs"][0]["time_s"]} == doctest::Approx(20));
  CHECK(result["pairs"][1]["slow"] == 0);
  CHECK(result["pairs"][1]["fast"] == 1);
  CHECK(result["pairs"][1]["split"] == 2);
  CHECK(double{result["pairs"][1]["time_s"]} == doctest::Approx(18));
  CHECK(result["alone"] == json::array({4}));
}

TEST_CASE("every policy plans, and none beats the optimum over pairs but stars") {
  const planner files{five_agents(), fine_profile};
  const json best = files.result({"--pairing", "bottleneck"});
  CHECK(best["gap"] == 0);
  CHECK(best["optimal_s"] == best["makespan_s"]);
  for (const std::string& policy : all_policies) {
    CAPTURE(policy);
    const json result = files.result({"--pairing", policy});
    CHECK(result["policy"] == policy);
    CHECK(result["optimal_s"] == best["optimal_s"]);
    CHECK(double{result["makespan_s"]} <= double{result["alone_s"]});
    if (policy != "star:3") CHECK(double{result["gap"]} >= 0);
    std::set<int> agents;
    for (const json& pair : result["pairs"]) agents.insert({pair["slow"].get<int>(), pair["fast"].get<int>()});
    for (const json& agent : result["alone"]) CHECK(agents.insert(agent.get<int>()).second);
    CHECK(agents == std::set<int>{0, 1, 2, 3, 4});
    // Again, and it is the same plan.
    const json again = files.result({"--pairing", policy});
    CHECK(again["pairs"] == result["pairs"]);
  }
  CHECK(files.result({"--pairing", "none"})["pairs"].empty());
  for (const std::string policy : {"auction", "deferred_acceptance"}) {
    const json result = files.result({"--pairing", policy});
    REQUIRE(result["messages"].size() == 5);
    for (const json& sent : result["messages"]) CHECK(sent > 0);
    CHECK(contains(files.plan({"--pairing", policy}).out, "messages: "));
  }
  // A fast agent serves several others: better than any pairs.
  const json star = files.result({"--pairing", "star:3"});
  CHECK(double{star["gap"]} < 0);
  CHECK(star["optimal_s"] == best["optimal_s"]);
  std::set<int> helpers;
  for (const json& pair : star["pairs"]) helpers.insert(pair["fast"].get<int>());
  CHECK(helpers.size() < star["pairs"].size());
}

TEST_CASE("cost models, codecs and memory change the plan's times") {
  const planner files{five_agents("", "80")};
  const auto makespan = [&](const std::vector<std::string>& options) {
    return double{files.result(options)["makespan_s"]};
  };
  const double overlapped = makespan({});
  CHECK(makespan({"--cost", "serial"}) > overlapped);
  CHECK(makespan({"--cost", "handover"}) >= overlapped);
  CHECK(makespan({"--wire", "fp16"}) < overlapped);
  CHECK(makespan({"--wire", "int8"}) < makespan({"--wire", "fp16"}));
  const json small_wire = files.result({"--wire", "int8"});
  for (const json& pair : small_wire["pairs"]) CHECK(pair["wire"] == "int8");
  CHECK(makespan({"--wire", "auto"}) == makespan({"--wire", "int8"}));

  // 20 MB wait in the helper's window, four times over: with 1 MB to spare nobody helps.
  const planner small{five_agents("memory_mb = 1\n", "200")};
  CHECK(small.result({})["pairs"].empty());
  const planner large{five_agents("memory_mb = 1000\n", "200")};
  CHECK_FALSE(large.result({})["pairs"].empty());
}

TEST_CASE("people get bars, pairs with reasons, the gap, and what if") {
  const ending end = planner{five_agents()}.plan({"--pairing", "greedy"});
  REQUIRE(end.code == 0);
  for (const char* const part :
       {"alone", "planned", "####", "helps", "helped by", "keeps", "sets the pace", "instead of", "nobody helped",
        "optimum over pairs", "gap", "every link half as fast", "20 % lower", "20 % off"}) {
    CAPTURE(part);
    CHECK(contains(end.out, part));
  }
  for (const std::string& line : lines(end.out)) CHECK(line.size() <= 120);
  CHECK(planner{five_agents()}.plan({"--pairing", "none"}).code == 0);
}

TEST_CASE("cpus are counted in the profile's speed") {
  const std::string agents = "[[agent]]\ncpus = 2\nbatches = 10\n[[agent]]\nbatches_per_second = 1\nbatches = 1\n";
  std::string measured = golden_profile;
  measured.replace(measured.find("\"batches_per_second\": 0"), 23, "\"batches_per_second\": 0.5");
  CHECK(double{planner{agents, measured}.result({})["alone_s"]} == doctest::Approx(10));
  const planner unknown{agents};
  CHECK(contains(unknown.refused({}), unknown.fleet + ", line 2"));
}

TEST_CASE("a model stands in for a profile") {
  const scratch files;
  const std::string fleet = (files / "fleet.toml").string();
  write(fleet, five_agents());
  const ending end = run({"plan", "--fleet", fleet, "--model", "resnet56", "--json"});
  REQUIRE(end.code == 0);
  CHECK_FALSE(end.result()["pairs"].empty());
  const ending coarse = run({"plan", "--fleet", fleet, "--model", "resnet56", "--cuts", "stages", "--json"});
  const json by_stage = coarse.result();
  for (const json& pair : by_stage["pairs"]) CHECK(std::set<int>{1, 10, 19, 28}.contains(pair["split"].get<int>()));
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"plan", "--fleet", fleet}, {"plan", "--fleet", fleet, "--model", "resnet56", "--profile", fleet}}) {
    const ending refused = run(wrong);
    CHECK(refused.code == 2);
    CHECK(contains(refused.error, "remedy"));
  }
}

TEST_CASE("a fleet of many is planned without its optimum, unless that is asked for") {
  std::string many;
  for (int i = 0; i < 2001; ++i)
    many += "[[agent]]\nbatches_per_second = " + std::to_string(1 + i % 5) + "\nbatches = 50\n";
  for (int i = 0; i < 2000; ++i)
    many += "[[link]]\nbetween = [" + std::to_string(i) + ", " + std::to_string(i + 1) + "]\nmbps = 100\n";
  const planner files{many};
  const json quick = files.result({"--pairing", "greedy"});
  CHECK(quick["optimal_s"].is_null());
  CHECK(quick["gap"].is_null());
  const json full = files.result({"--pairing", "greedy", "--optimal"});
  CHECK(full["optimal_s"].is_number());
  CHECK(double{full["gap"]} >= 0);
  const ending table = files.plan({"--pairing", "greedy"});
  CHECK(contains(table.out, "--optimal"));
  CHECK(lines(table.out).size() < 200);
}

TEST_CASE("nonsense is refused with file, line and remedy") {
  const std::string two =
      "[[agent]]\nbatches_per_second = 1\nbatches = 5\n[[agent]]\nbatches_per_second = 2\nbatches = 5\n";
  struct fault {
    std::string toml, line, told;
  };
  for (const fault& one : {
           fault{two + "speed = 1\n", "line 7", "unknown key \"speed\""},
           fault{two + "[[agent]]\nbatches_per_second = -1\nbatches = 5\n", "line 8", "-1"},
           fault{two + "[[agent]]\nbatches_per_second = nan\nbatches = 5\n", "line 8", "nan"},
           fault{two + "[[agent]]\nbatches_per_second = 1\n", "line 7", "batches"},
           fault{two + "[[agent]]\nbatches_per_second = 1\nbatches = 5\ncpus = 2\n", "line 10", "cpus"},
           fault{two + "[[link]]\nbetween = [0, 2]\nmbps = 1\n", "line 8", "agent 2"},
           fault{two + "[[link]]\nbetween = [1, 1]\nmbps = 1\n", "line 8", "itself"},
           fault{two.substr(0, two.size() / 2), "line 1", "one agent only"},
           fault{"", "line 1", "no agents"},
       }) {
    const planner files{one.toml};
    const std::string message = files.refused({"--json"});
    CAPTURE(one.toml);
    CAPTURE(message);
    CHECK(contains(message, files.fleet + ", " + one.line));
    CHECK(contains(message, one.told));
  }
  for (const auto& [text, place] :
       {std::pair<std::string, std::string>{R"({"schema": 1, "model": "m", "batch": 100, "batches_per_second": 0,)"
                                            "\n\"splits\": []}",
                                            ", line 2"},
        {"", "line 1"},
        {"{\"schema\": 1,\n nan", "line 2"},
        {"{\n\"schema\": 2}", "line 2"},
        {"{\"schema\": 1, \"model\": \"m\", \"batch\": 10, \"batches_per_second\": 1, \"splits\": [\n{\n\"point\": "
         "-1}]}",
         "line 3"}}) {
    const planner files{two, text};
    const std::string message = files.refused({});
    CAPTURE(message);
    CHECK(contains(message, files.profile));
    CHECK(contains(message, place));
  }
  const planner files{two};
  for (const std::vector<std::string>& options : std::vector<std::vector<std::string>>{{"--pairing", "best"},
                                                                                       {"--pairing", "star:0"},
                                                                                       {"--pairing", "star"},
                                                                                       {"--pairing", "star:x"},
                                                                                       {"--cost", "free"},
                                                                                       {"--wire", "fp8"},
                                                                                       {"--time-limit", "0"},
                                                                                       {"--time-limit", "nan"},
                                                                                       {"--batch", "1"},
                                                                                       {"--batch", "16"},
                                                                                       {"--cuts", "stages"}}) {
    const std::string message = files.refused(options);
    CAPTURE(message);
    CHECK(contains(message, options.front()));
  }
  CHECK(contains(run({"plan"}).error, "--fleet"));
  CHECK(run({"plan", "--fleet", (files.files / "none").string(), "--model", "resnet8"}).code == 2);
}

TEST_CASE("a measured profile is a file that plan and train take") {
  const scratch files;
  const std::string profile = (files / "profile.json").string();
  const ending measured = run(
      {"profile", "--model", "resnet8", "--batch", "16", "--images", "digits", "--repetitions", "3", "--out", profile});
  INFO(measured.error);
  REQUIRE(measured.code == 0);
  CHECK(contains(measured.out, "batches/s"));
  const json written = json::parse(content(profile));
  CHECK(written["schema"] == 1);
  CHECK(written["model"] == "resnet8");
  CHECK(written["batch"] == 16);
  CHECK(written["batches_per_second"] > 0);
  CHECK(written["splits"].size() == 4);
  CHECK(names_of(written["splits"][0]) ==
        std::set<std::string>{"point", "slow_share", "fast_share", "bytes_per_batch", "fast_side_bytes", "codec"});
  const std::string fleet = (files / "fleet.toml").string();
  write(fleet, "[[agent]]\ncpus = 2\nbatches = 9\n[[agent]]\ncpus = 0.1\nbatches = 9\n[defaults]\nmbps = 1000\n");
  const ending planned = run({"plan", "--fleet", fleet, "--profile", profile, "--json"});
  REQUIRE(planned.code == 0);
  CHECK(planned.result()["pairs"].size() == 1);
  CHECK(run(quick({"--fleet", fleet, "--profile", profile})).code == 0);
  CHECK(run({"profile", "--model", "resnet8", "--out", (files / "none/profile.json").string()}).code == 2);
  CHECK(run({"profile", "--model", "resnet8"}).code == 2);
  CHECK(run({"profile", "--batch", "1", "--out", profile}).code == 2);
}

TEST_CASE("training takes fleet files, codecs, cost models and every policy") {
  const scratch files;
  const std::string fleet = (files / "fleet.toml").string();
  write(fleet,
        "[[agent]]\nbatches_per_second = 4\n[[agent]]\nbatches_per_second = 2\n[[agent]]\nbatches_per_second = 0.2\n"
        "[[agent]]\nbatches_per_second = 0.1\nmemory_mb = 100\n[defaults]\nmbps = 100\n");
  const auto trained = [&](const std::vector<std::string>& more) {
    std::vector<std::string> options{"--fleet", fleet, "--train-limit", "120", "--rounds", "1"};
    options.insert(options.end(), more.begin(), more.end());
    const ending end = run(quick(options));
    CAPTURE(end.error);
    REQUIRE(end.code == 0);
    return end.result();
  };
  const json plain = trained({});
  CHECK(plain["simulated_seconds"] < plain["simulated_seconds_alone"]);
  const json half = trained({"--wire", "fp16"});
  CHECK(half["bytes_activations"] < plain["bytes_activations"]);
  CHECK(half["weights_sha256"] != plain["weights_sha256"]);
  CHECK(trained({"--wire", "int8"})["bytes_activations"] < half["bytes_activations"]);
  trained({"--cost", "serial"});
  const std::string measured = (files / "measured").string();
  const json once_measured = trained({"--profile", "measured", "--out", measured});
  const ending again = run({"train", "--config", measured + "/config.toml", "--json"});
  REQUIRE(again.code == 0);  // with the same profile: measured again it would be another
  CHECK(again.result()["weights_sha256"] == once_measured["weights_sha256"]);
  for (const std::string& policy : all_policies) {
    CAPTURE(policy);
    const json once = trained({"--pairing", policy, "--threads", "1"});
    CHECK(trained({"--pairing", policy, "--threads", "4"})["weights_sha256"] == once["weights_sha256"]);
  }
  // Declared speeds are what simulated agents turn out to have, so measured ones give the same pairs.
  const json measured_speeds = trained({"--replan", "measured", "--rounds", "3"});
  CHECK(measured_speeds["weights_sha256"] == trained({"--rounds", "3"})["weights_sha256"]);
  CHECK(trained({"--replan", "measured", "--clock", "wall", "--rounds", "3"})["rounds"] == 3);
  // A star: one helper, all others its guests.
  write(fleet,
        "[[agent]]\nbatches_per_second = 8\n[[agent]]\nbatches_per_second = 0.2\n[[agent]]\nbatches_per_second = 0.2\n"
        "[[agent]]\nbatches_per_second = 0.1\n[defaults]\nmbps = 100\n");
  const std::string out = (files / "run").string();
  trained({"--pairing", "star:3", "--out", out});
  const json round = json::parse(lines(content(out + "/metrics.jsonl")).front());
  CHECK(round["pairs"].size() == 3);  // one helper, all others its guests
  // What was run can be run again from its config.toml.
  CHECK(contains(content(out + "/config.toml"), "fleet = '" + fleet + "'"));
  CHECK(run({"train", "--config", out + "/config.toml", "--json"}).code == 0);

  const auto refused = [&](const std::vector<std::string>& more) {
    const ending end = run(quick(more));
    CHECK(end.code == 2);
    CHECK(contains(end.error, "remedy"));
    return end.error;
  };
  CHECK(contains(refused({"--fleet", fleet, "--agents", "5"}), "--agents"));
  write(fleet, "[[agent]]\nbatches_per_second = 4\n[[agent]]\nbatches_per_second = 2\n");
  CHECK(contains(refused({"--fleet", fleet}), "join all agents"));
  write(fleet, "[[agent]]\ncpus = 4\n");
  CHECK(contains(refused({"--fleet", fleet}), fleet + ", line 2"));
}

TEST_CASE("--version says which licence results, and milp is there or says how to get it") {
  const std::string version = run({"--version"}).out;
  const planner files{five_agents(), fine_profile};
  if (contains(version, "built with GLPK")) {
    CHECK(contains(version, "GPL"));
    const json result = files.result({"--pairing", "milp"});
    CHECK(result["policy"] == "milp");
    CHECK(double{result["gap"]} == doctest::Approx(0));
    CHECK(contains(files.plan({"--pairing", "milp", "--time-limit", "1"}).out, "no pairing takes less than"));
  } else {
    CHECK(contains(version, "licence: Boost Software License 1.0"));
    CHECK(contains(files.refused({"--pairing", "milp"}), "libglpk-dev"));
  }
}
