// SPDX-License-Identifier: BSL-1.0
// comdml simulate, as its users ask for it.
#include <doctest/doctest.h>
#include <signal.h>

#include "support.hpp"

using namespace support;

namespace {

ending simulate(std::vector<std::string> more) {
  more.insert(more.begin(), {"simulate", "--json"});
  return run(more);
}

/// What does not hang on how fast this machine is.
json without_wall(json result) {
  result.erase("wall_seconds");
  return result;
}

}  // namespace

TEST_CASE("a simulation takes the simulated time of the training that it stands for") {
  // 60 images for six agents, ten each. The trace's change comes before one that is redrawn.
  scratch files;
  write(files / "trace.csv", "round,agent,batches_per_second\n2,0,0.01\n2,4,0.3\n");
  for (const std::string algorithm : {"comdml", "allreduce"}) {
    const std::vector<std::string> both{
        "--agents",  "6",       "--fleet",     "paper:0.1", "--topology", "small-world:2:0.3",
        "--latency", "3",       "--rounds",    "2",         "--batch",    "4",
        "--model",   "resnet8", "--algorithm", algorithm,   "--wire",     algorithm == "comdml" ? "fp16" : "fp32",
        "--change",  "0.5:1",   "--seed",      "5"};
    std::vector<std::string> train{"train", "--json", "--train-limit", "60", "--test-limit", "6"};
    train.insert(train.end(), both.begin(), both.end());
    std::vector<std::string> play{"--images", "digits", "--own-images", "10"};
    play.insert(play.end(), both.begin(), both.end());
    const json trained = run(train).result();
    const json simulated = simulate(play).result();
    for (const char* const field :
         {"simulated_seconds", "simulated_seconds_alone", "bytes_activations", "bytes_weights", "rounds"})
      CHECK(simulated[field] == trained[field]);
    CHECK((simulated["mean_pairs"] > 0) == (algorithm == "comdml"));
  }
}

TEST_CASE("weights by a codec, and a server: the simulated time and bytes of training") {
  json before;
  for (const std::vector<std::string>& more : std::vector<std::vector<std::string>>{
           {"--algorithm", "allreduce"},
           {"--algorithm", "allreduce", "--weight-wire", "int8"},
           {"--algorithm", "comdml", "--weight-wire", "fp16"},
           {"--algorithm", "fedavg"},
           {"--algorithm", "fedavg", "--weight-wire", "int8"},
       }) {
    std::vector<std::string> train{"train", "--json", "--train-limit", "60", "--test-limit", "6"};
    std::vector<std::string> play{"--images", "digits", "--own-images", "10"};
    for (auto* const both : {&train, &play}) {
      both->insert(both->end(), {"--agents", "6", "--fleet", "paper:0.1", "--rounds", "2", "--batch", "4", "--model",
                                 "resnet8", "--seed", "5"});
      both->insert(both->end(), more.begin(), more.end());
    }
    CAPTURE(more.back());
    const json trained = run(train).result();
    const json simulated = simulate(play).result();
    for (const char* const field : {"simulated_seconds", "simulated_seconds_alone", "bytes_weights"})
      CHECK(simulated[field] == trained[field]);
    if (more == std::vector<std::string>{"--algorithm", "allreduce", "--weight-wire", "int8"})
      CHECK(simulated["bytes_weights"] < .3 * before["bytes_weights"].get<double>());
    before = simulated;
  }
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"--join", "neighbors", "--weight-wire", "fp16"},
           {"--algorithm", "fedavg", "--join", "neighbors"},
           {"--algorithm", "fedavg", "--sample", "0.5"},
           {"--algorithm", "fedavg", "--collective", "ring"},
       }) {
    const ending end = simulate(wrong);
    CHECK(end.code == 2);
    CHECK(contains(end.error, "remedy"));
  }
}

TEST_CASE("a simulation writes its rounds, and the same ones again from its configuration") {
  scratch files;
  const std::string out = (files / "out").string();
  const ending first =
      simulate({"--agents",      "12",      "--topology", "degree:4", "--join",   "neighbors", "--sample", "0.5",
                "--come-and-go", "0.2:0.5", "--jitter",   "2",        "--change", "0.3:2",     "--replan", "current",
                "--rounds",      "5",       "--out",      out});
  CHECK(first.code == 0);
  const auto rounds = lines(content(files / "out" / "metrics.jsonl"));
  REQUIRE(rounds.size() == 5);
  double before = 0;
  for (const std::string& line : rounds) {
    const json round = json::parse(line);
    CHECK(round["schema"] == 1);
    CHECK(round["test_accuracy"].is_null());
    CHECK(round["train_loss"].is_null());
    CHECK(round["pairs"].size() == round["pair_count"]);
    CHECK(round["participants"] <= 6);
    CHECK(round["simulated_seconds"] > before);
    before = round["simulated_seconds"];
  }
  CHECK(first.result()["simulated_seconds"] == before);
  const ending again = simulate({"--config", (files / "out" / "config.toml").string()});
  CHECK(without_wall(again.result()) == without_wall(first.result()));
}

TEST_CASE("a large fleet is played, and its pairs are counted, not listed") {
  scratch files;
  const ending end = simulate({"--agents", "3000", "--topology", "degree:6", "--join", "neighbors", "--rounds", "2",
                               "--out", (files / "out").string()});
  CHECK(end.code == 0);
  CHECK(end.result()["saved"] > .1);
  const json round = json::parse(lines(content(files / "out" / "metrics.jsonl")).back());
  CHECK(round["pairs"].is_null());
  CHECK(round["pair_count"] > 100);
  for (const char* const name : {"run.json", "timeline.json"}) CHECK_FALSE(fs::exists(files / "out" / name));
  CHECK(run({"report", (files / "out").string()}).code == 0);
}

TEST_CASE("a simulation leaves what a report shows: who helps whom and why, and what agents do when") {
  scratch files;
  fs::create_directory(files / "out");
  write(files / "out" / "timeline.json", "of an earlier one");
  REQUIRE(simulate({"--agents", "10", "--rounds", "30", "--wire", "int8", "--out", (files / "out").string()}).code ==
          0);
  const json timeline = json::parse(content(files / "out" / "timeline.json"));
  CHECK(timeline["otherData"]["rounds_finished"] == 30);
  CHECK(timeline["otherData"]["totals"].size() == 30);
  CHECK(timeline["otherData"]["rounds_shown"].back() == 30);
  CHECK(json::parse(content(files / "out" / "run.json"))["agents"].size() == 10);
  REQUIRE(run({"report", (files / "out").string()}).code == 0);
  const std::string page = content(files / "out" / "report.html");
  for (const char* const part : {"After: round 30", "Why these pairs", "would need", "comdml simulate"}) {
    CAPTURE(part);
    CHECK(contains(page, part));
  }
  // Without a common end of the rounds there is nothing to be drawn; what an earlier simulation left goes.
  REQUIRE(
      simulate({"--agents", "10", "--rounds", "2", "--join", "neighbors", "--out", (files / "out").string()}).code ==
      0);
  CHECK_FALSE(fs::exists(files / "out" / "timeline.json"));
  CHECK(run({"report", (files / "out").string()}).code == 0);
}

TEST_CASE("a trace of links and presence is played") {
  scratch files;
  write(files / "trace.csv",
        "round,agent,to,present,mbps\n"
        "2,0,,0,\n"
        "3,0,,1,\n"
        "3,1,2,,1\n");
  const ending end = simulate({"--agents", "4", "--fleet", "uniform", "--trace", (files / "trace.csv").string(),
                               "--rounds", "3", "--out", (files / "out").string()});
  CHECK(end.code == 0);
  const auto rounds = lines(content(files / "out" / "metrics.jsonl"));
  REQUIRE(rounds.size() == 3);
  CHECK(json::parse(rounds[0])["participants"] == 4);
  CHECK(json::parse(rounds[1])["participants"] == 3);
  CHECK(json::parse(rounds[2])["participants"] == 4);
}

TEST_CASE("people get a table") {
  const ending end = run({"simulate", "--rounds", "2"});
  CHECK(end.code == 0);
  for (const char* const part : {"round, mean", "nobody helped", "idle", "pairs", "of activations"})
    CHECK(contains(end.out, part));
}

TEST_CASE("what cannot be simulated is refused, and nothing is overwritten") {
  scratch files;
  fs::create_directory(files / "trained");
  write(files / "trained" / "model.safetensors", "weights");
  write(files / "trained" / "metrics.jsonl", "old\n");
  const auto refused = [](const std::vector<std::string>& options, const std::string& part) {
    const ending end = simulate(options);
    CAPTURE(end.error);
    CHECK(end.code == 2);
    CHECK(contains(end.error, part));
    CHECK(contains(end.error, "remedy: "));
  };
  refused({"--agents", "6000"}, "--topology degree:20");
  refused({"--agents", "6000", "--topology", "ring"}, "give --join neighbors");
  refused({"--sample", "0"}, "will not do");
  refused({"--come-and-go", "0.5"}, "will not do");
  refused({"--out", (files / "trained").string()}, "holds the results of a training run");
  CHECK(content(files / "trained" / "metrics.jsonl") == "old\n");
}

TEST_CASE("an interrupted simulation keeps the rounds that it played") {
  scratch files;
  const fs::path metrics = files / "out" / "metrics.jsonl";
  process program{{"simulate", "--json", "--rounds", "1000000", "--out", (files / "out").string()}};
  REQUIRE(program.wait_for_lines(metrics, 3));
  program.signal(SIGINT);
  const ending end = program.wait();
  CHECK(end.code == 130);
  CHECK(end.result()["interrupted"] == true);
  CHECK(lines(content(metrics)).size() == end.result()["rounds"]);
  CHECK(json::parse(lines(content(metrics)).back())["round"] == end.result()["rounds"]);
}
