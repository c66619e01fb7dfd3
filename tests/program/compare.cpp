// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml compare: a small experiment, what it refuses, and sweeps that are stopped half-way.
#include "../../examples/comdml/fixed_plan.hpp"

#include <algorithm>

#include "comdml/comm/codec.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/fleet.hpp"
#include "comdml/nn/resnet.hpp"
#include "comdml/pairing/greedy.hpp"
#include "comdml/split/analytic_profile.hpp"
#include "comdml/split/auxiliary_head.hpp"
#include "comdml/split/cuts.hpp"
#include "support.hpp"

using namespace support;

namespace {

constexpr const char* head =
    "title = \"tiny\"\nseeds = [1, 2]\ntarget_accuracy = 0.5\n"
    "[learn]\ndataset = \"digits\"\ntrain-limit = 300\ntest-limit = 100\nrounds = 4\n"
    "[time]\nmodel = \"resnet20\"\nbatches = 10\n";
constexpr const char* setting =
    "[[setting]]\nname = \"fast links\"\nfleet = \"paper\"\nagents = 4\nmbps = 100\nwire = \"int8\"\n";

std::string algorithm(const std::string& name, const std::string& more = "") {
  return "[[algorithm]]\nalgorithm = \"" + name + "\"\n" + more;
}

ending compare(const fs::path& file, const fs::path& out, std::vector<std::string> more = {}) {
  std::vector<std::string> all{"compare", file.string(), "--out", out.string()};
  all.insert(all.end(), more.begin(), more.end());
  return run(all);
}

json entry(const json& table, const std::string& name) {
  for (const json& one : table["table"])
    if (one["algorithm"] == name) return one;
  FAIL("no algorithm " << name);
  return {};
}

}  // namespace

TEST_CASE("a small experiment ends in a table, and one that was stopped half-way ends in the same") {
  const scratch files;
  const fs::path file = files / "tiny.toml";
  write(file, std::string{head} + setting + algorithm("allreduce") + algorithm("fedavg") + algorithm("comdml") +
                  algorithm("gossip"));
  const ending whole = compare(file, files / "whole", {"--json"});
  INFO(whole.error);
  REQUIRE(whole.code == 0);
  const json table = whole.result();
  CHECK(table["table"].size() == 4);
  CHECK(table["runs"].size() == 8);
  const json alone = entry(table, "allreduce");
  const json helped = entry(table, "comdml");
  CHECK(helped["seconds_per_round"]["mean"] < alone["seconds_per_round"]["mean"]);
  CHECK(helped["round_saved_of_allreduce"]["mean"] > 0.1);
  CHECK(helped["bytes_activations"]["mean"] > 0);
  CHECK(alone["round_saved_of_allreduce"]["mean"] == 0);
  CHECK(entry(table, "fedavg")["best_accuracy"] == alone["best_accuracy"]);
  CHECK(entry(table, "gossip")["seconds_per_round"].is_null());
  for (const json& one : table["runs"]) {
    CHECK(one["reached"] == (one["best_accuracy"] >= 0.5));
    CHECK(fs::exists(files / "whole" / one["folder"].get<std::string>() / "metrics.jsonl"));
  }
  const std::string page = content(files / "whole" / "report.html");
  for (const char* const part : {"gossip", "What follows is of the run comdml, fast links, seed 1", "After: round 1",
                                 "Without pairs: allreduce, round 1", "Why these pairs", "keeps "}) {
    CAPTURE(part);
    CHECK(contains(page, part));
  }
  CHECK(run({"report", (files / "whole").string(), "--run", "comdml, fast links, seed 2"}).code == 0);
  CHECK(contains(content(files / "whole" / "report.html"), "What follows is of the run comdml, fast links, seed 2"));
  CHECK(run({"report", (files / "whole").string(), "--run", "nobody"}).code == 2);

  const ending half = compare(file, files / "half", {"--stop-after", "2"});
  CHECK(half.code == 130);
  CHECK_FALSE(fs::exists(files / "half" / "table.csv"));
  std::size_t kept = 0;
  for (const auto& one : fs::directory_iterator{files / "half" / "learning"})
    kept += fs::exists(one.path() / "result.json");
  CHECK(kept >= 2);
  CHECK(kept < 6);
  const ending resumed = compare(file, files / "half");
  INFO(resumed.error);
  REQUIRE(resumed.code == 0);
  CHECK(contains(resumed.error, "there already"));
  for (const char* const name : {"table.csv", "table.json"}) {
    CHECK_FALSE(content(files / "whole" / name).empty());
    CHECK(content(files / "half" / name) == content(files / "whole" / name));
  }
}

TEST_CASE("Ctrl-C in the middle of a sweep keeps what was learned, and the sweep goes on to the same table") {
  const scratch files;
  const fs::path file = files / "tiny.toml";
  std::string longer = std::string{head} + setting + algorithm("allreduce") + algorithm("comdml") + algorithm("gossip");
  longer.replace(longer.find("0.5"), 3, "1.0");  // out of reach, so that no run ends early
  write(file, longer);
  process sweep{{"compare", file.string(), "--out", (files / "cut").string()}};
  REQUIRE(sweep.wait_for_told(2));  // how many runs there are, and how the first one went
  sweep.signal(SIGINT);
  const ending cut = sweep.wait();
  INFO(cut.error);
  CHECK(cut.code == 130);
  CHECK(contains(cut.error, "the same command goes on"));
  CHECK_FALSE(fs::exists(files / "cut" / "table.csv"));

  const ending resumed = compare(file, files / "cut");
  REQUIRE(resumed.code == 0);
  CHECK(contains(resumed.error, "there already"));
  REQUIRE(compare(file, files / "whole").code == 0);
  for (const char* const name : {"table.csv", "table.json"}) {
    CHECK_FALSE(content(files / "whole" / name).empty());
    CHECK(content(files / "cut" / name) == content(files / "whole" / name));
  }
}

TEST_CASE("a target that is not reached is not a success") {
  const scratch files;
  const fs::path file = files / "far.toml";
  std::string far = std::string{head} + setting + algorithm("allreduce");
  far.replace(far.find("0.5"), 3, "1.0");
  far.replace(far.find("rounds = 4"), 10, "rounds = 1");
  write(file, far);
  const ending end = compare(file, files / "far");
  INFO(end.error);
  REQUIRE(end.code == 0);
  CHECK(contains(end.out, "not reached, best "));
  CHECK(contains(content(files / "far" / "table.csv"), "fast links,allreduce,2,0,0,,,,"));
}

TEST_CASE("weights by a codec: fewer bytes and less time, for those who know it") {
  const scratch files;
  const fs::path file = files / "weights.toml";
  const std::string fleet = "fleet = \"paper\"\nagents = 4\nmbps = 10\n";
  const auto content_with = [&](const std::string& codec) {
    return "title = \"weights\"\nseeds = [1]\n[[setting]]\nname = \"fp32\"\n" + fleet +
           "[[setting]]\nname = \"coded\"\nweight-wire = \"" + codec + "\"\n" + fleet + algorithm("allreduce") +
           algorithm("fedavg") + algorithm("comdml") + algorithm("splitlearning");
  };
  write(file, content_with("int8"));
  const ending end = compare(file, files / "weights", {"--json"});
  INFO(end.error);
  REQUIRE(end.code == 0);
  const json table = end.result()["table"];
  REQUIRE(table.size() == 8);
  for (std::size_t i = 0; i < 4; ++i) {
    const json& plain = table[i];
    const json& coded = table[i + 4];
    CAPTURE(plain["algorithm"]);
    if (plain["algorithm"] == "splitlearning") {
      CHECK(coded["seconds_per_round"] == plain["seconds_per_round"]);
      continue;
    }
    CHECK(coded["bytes_weights"]["mean"] < .3 * plain["bytes_weights"]["mean"].get<double>());
    CHECK(coded["seconds_per_round"]["mean"] < plain["seconds_per_round"]["mean"]);
  }
  write(files / "bad.toml", content_with("auto"));
  CHECK(compare(files / "bad.toml", files / "none").code == 2);
}

TEST_CASE("training on the scaled fleet takes the simulated time") {
  const scratch files;
  const fs::path file = files / "timed.toml";
  write(file, std::string{head} + setting +
                  "[[setting]]\nname = \"mixed\"\nfleet = \"paper\"\nagents = 5\nlatency = 2\n" +
                  algorithm("allreduce") + algorithm("allreduce", "name = \"trained\"\ntimed-by = \"training\"\n"));
  const ending end = compare(file, files / "timed", {"--json"});
  INFO(end.error);
  REQUIRE(end.code == 0);
  const json table = end.result();
  std::size_t pairs = 0;
  for (const json& one : table["runs"])
    for (const json& other : table["runs"])
      if (one["algorithm"] == "allreduce" && other["algorithm"] == "trained" && one["setting"] == other["setting"] &&
          one["seed"] == other["seed"]) {
        ++pairs;
        CHECK(other["seconds_per_round"].get<double>() ==
              doctest::Approx(one["seconds_per_round"].get<double>()).epsilon(.01));
        CHECK(other["best_accuracy"] == one["best_accuracy"]);
      }
  CHECK(pairs == 4);
}

TEST_CASE("fleets that change: what is learned is what training on that fleet learns, in the same time") {
  // Time is counted by the model that learns, so the plans are those of training, too.
  const scratch files;
  const std::string same =
      "title = \"changing\"\nseeds = [2]\ntarget_accuracy = 1.0\n"
      "[learn]\ndataset = \"digits\"\ntrain-limit = 300\ntest-limit = 100\nrounds = 5\nbatch = 10\n"
      "[time]\nmodel = \"resnet8\"\nimages = \"digits\"\nbatch = 10\nbatches = 5\n";
  struct change {
    std::string name, key, value;
  };
  const std::vector<change> all{{"drawn", "sample", "0.5"},
                                {"coming and going", "come-and-go", "\"0.4:0.5\""},
                                {"speeds", "change", "\"0.5:1\""}};
  std::string settings;
  for (const change& one : all)
    settings += "[[setting]]\nname = \"" + one.name + "\"\nfleet = \"paper:0.1\"\nagents = 6\nwire = \"int8\"\n" +
                one.key + " = " + one.value + '\n';
  write(files / "changing.toml", same + settings + algorithm("allreduce") + algorithm("comdml"));
  const ending end = compare(files / "changing.toml", files / "sweep", {"--json"});
  INFO(end.error);
  REQUIRE(end.code == 0);
  std::size_t paired = 0;
  const json played = end.result();
  CHECK(played["runs"].size() == 6);
  for (const json& one : played["runs"]) {
    CAPTURE(one.dump());
    const auto& what = *std::ranges::find(all, one["setting"].get<std::string>(), &change::name);
    std::string value = what.value;
    std::erase(value, '"');
    const ending trained = run({"train",
                                "--train-limit",
                                "300",
                                "--test-limit",
                                "100",
                                "--rounds",
                                "5",
                                "--batch",
                                "10",
                                "--agents",
                                "6",
                                "--fleet",
                                "paper:0.1",
                                "--wire",
                                one["algorithm"] == "comdml" ? "int8" : "fp32",
                                "--seed",
                                "2",
                                "--algorithm",
                                one["algorithm"],
                                "--" + what.key,
                                value,
                                "--out",
                                (files / "trained").string()});
    INFO(trained.error);
    REQUIRE(trained.code == 0);
    const auto swept = lines(content(files / "sweep" / one["folder"].get<std::string>() / "metrics.jsonl"));
    const auto expected = lines(content(files / "trained" / "metrics.jsonl"));
    REQUIRE(swept.size() == 5);
    REQUIRE(expected.size() == 5);
    for (std::size_t r = 0; r < 5; ++r) {
      const json found = json::parse(swept[r]);
      const json wanted = json::parse(expected[r]);
      CHECK(found["test_accuracy"] == wanted["test_accuracy"]);
      CHECK(found["train_loss"] == wanted["train_loss"]);
      CHECK(found["simulated_seconds"] == wanted["simulated_seconds"]);
      paired += wanted["pairs"].size();
    }
  }
  CHECK(paired > 10);
  // Speeds that nobody is told of change no plan: what was learned without the change is used again.
  write(files / "one.toml",
        same + settings.substr(settings.rfind("[[setting]]")) +
            "[[setting]]\nname = \"no change\"\nfleet = \"paper:0.1\"\nagents = 6\nwire = \"int8\"\n" +
            algorithm("comdml") + algorithm("comdml", "name = \"current\"\nreplan = \"current\"\n"));
  const ending both = compare(files / "one.toml", files / "one", {"--json"});
  INFO(both.error);
  REQUIRE(both.code == 0);
  CHECK(contains(both.error, "2 training runs to do"));
  CHECK(entry(both.result(), "comdml")["seconds_per_round"] != entry(both.result(), "current")["seconds_per_round"]);
}

TEST_CASE("what is wrong with an experiment is said with its line, and nothing is written") {
  const scratch files;
  struct fault {
    std::string content;
    std::string told;
  };
  for (const fault& one : std::vector<fault>{
           {std::string{head} + "speed = 3\n" + setting + algorithm("allreduce"), "line 12"},
           {std::string{head} + setting + "colour = 1\n" + algorithm("allreduce"), "unknown key \"colour\""},
           {std::string{head} + setting + algorithm("sorcery"), "sorcery"},
           {std::string{head} + setting + algorithm("fedavg", "pairing = \"bottleneck\"\n"), "means nothing to fedavg"},
           {std::string{head} + setting + algorithm("comdml", "cut = 77\n"), "no cut after 77"},
           {std::string{head} + algorithm("allreduce"), "[[setting]]"},
           {std::string{head} + setting + setting + algorithm("allreduce"), "two settings"},
           {std::string{head} + setting + "sample = 0.5\n" + algorithm("fedavg"), "needs all agents in every round"},
           {std::string{head} + setting + "come-and-go = \"0.1:0.5\"\n" + algorithm("gossip"), "needs all agents"},
           {std::string{head} + setting + "come-and-go = \"2\"\n" + algorithm("comdml"), "come-and-go"},
           {std::string{head} + setting + "change = \"0.5:1\"\n" + algorithm("braintorrent"), "knows no rounds"},
           {std::string{head} + setting + "change = \"0.5:1\"\n" + algorithm("splitlearning"), "by a formula"},
           {"title = \"x\"\nseeds = [1]\n" + std::string{setting} + algorithm("gossip"), "depends on learning"},
           {"title = \"x\nseeds = [1]\n", "line 1"},
       }) {
    CAPTURE(one.told);
    write(files / "bad.toml", one.content);
    const ending end = compare(files / "bad.toml", files / "none");
    INFO(end.error);
    CHECK(end.code == 2);
    CHECK(contains(end.error, one.told));
    CHECK(contains(end.error, "remedy"));
    CHECK_FALSE(fs::exists(files / "none"));
  }
  const ending unknown = run({"compare", "--preset", "?", "--out", (files / "none").string()});
  CHECK(unknown.code == 2);
  for (const char* const name : {"smoke", "paper", "reduction"}) CHECK(contains(unknown.error, name));

  fs::create_directories(files / "other");
  write(files / "other" / "letter.txt", "mine");
  write(files / "good.toml", std::string{head} + setting + algorithm("allreduce"));
  CHECK(compare(files / "good.toml", files / "other").code == 2);
  CHECK_FALSE(fs::exists(files / "other" / "learning"));
}

TEST_CASE("a plan is mapped to the cuts that keep the nearest share, and stays the same") {
  using namespace comdml;
  const nn::resnet<56> large{image_shape{32, 32, 3}, 10};
  const nn::resnet<8> small{image_shape{8, 8, 1}, 10};
  const std::vector<split_point> cuts = split::every_block{}.points(small);
  REQUIRE(cuts.size() == 4);
  CHECK(program::kept_share(large, split_point{static_cast<std::uint32_t>(large.units())}) == 1);
  for (const split_point cut : split::every_block{}.points(large)) {
    const double share = program::kept_share(large, cut);
    const split_point nearest = program::nearest_cut(small, cuts, share);
    for (const split_point other : cuts)
      CHECK(std::abs(program::kept_share(small, nearest) - share) <=
            std::abs(program::kept_share(small, other) - share));
  }
  for (const split_point cut : cuts) CHECK(program::nearest_cut(small, cuts, program::kept_share(small, cut)) == cut);

  fleet::instance here{
      .agents = {{batches_per_second{.2}, batches{50}},
                 {batches_per_second{4}, batches{50}},
                 {batches_per_second{.5}, batches{50}}},
      .links = link_matrix{3},
      .profile = split::analytic_profile<comm::fp32>(large, split::pool_linear{}, split::every_block{}, 100)};
  for (std::uint32_t a = 0; a < 3; ++a)
    for (std::uint32_t b = 0; b < 3; ++b)
      if (a != b) here.links.set(agent_id{a}, agent_id{b}, {.rate = megabits_per_second(100)});
  const pairing::plan made = pairing::greedy<>{}.plan(here);
  REQUIRE(made.pairs.size() == 1);
  const auto fixed = program::mapped_plan<fleet::overlapped>(made, large, small, cuts);
  fleet::instance there = here;
  there.profile = split::analytic_profile<comm::fp32>(small, split::pool_linear{}, split::every_block{}, 16);
  there.agents[0].speed = batches_per_second{8};  // greedy would pair nobody like that
  const pairing::plan kept = fixed.plan(there);
  REQUIRE(kept.pairs.size() == 1);
  CHECK(kept.pairs[0].slow == made.pairs[0].slow);
  CHECK(kept.pairs[0].fast == made.pairs[0].fast);
  CHECK(kept.alone == made.alone);
  CHECK(pairing::violations(kept, there).empty());
}
