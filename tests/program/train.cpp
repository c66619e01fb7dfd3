// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml train: what it learns, prints and leaves behind, and that the same is the same.
#include <cstdlib>
#include <set>

#include "support.hpp"

using namespace support;

namespace {

std::set<std::string> names_of(const json& object) {
  std::set<std::string> names;
  for (const auto& [name, value] : object.items()) names.insert(name);
  return names;
}

std::string digest(const std::vector<std::string>& options) {
  const ending end = run(quick(options));
  INFO(end.error);
  REQUIRE(end.code == 0);
  return end.result()["weights_sha256"];
}

}  // namespace

TEST_CASE("without options, ten unlike agents learn the digits, and offloading saves time") {
  const ending end = run({"train", "--json"});
  REQUIRE(end.code == 0);
  const json result = end.result();
  CHECK(names_of(result) == std::set<std::string>{"schema", "test_accuracy", "test_loss", "rounds", "target_reached",
                                                  "simulated_seconds", "simulated_seconds_alone", "wall_seconds",
                                                  "bytes_activations", "bytes_weights", "parameters",
                                                  "weights_sha256"});
  CHECK(result["schema"] == 1);
  CHECK(result["test_accuracy"] >= 0.95);
  CHECK(result["target_reached"] == false);
  CHECK(result["simulated_seconds"] < result["simulated_seconds_alone"]);
  CHECK(result["bytes_activations"] > 0);
  CHECK(result["bytes_weights"] > 0);
  CHECK(result["parameters"] == 75002);
  CHECK(std::string{result["weights_sha256"]}.size() == 64);
  CHECK(lines(end.out).size() == 1);
  CHECK(lines(end.error).size() == 1 + result["rounds"].get<std::size_t>());
  CHECK(lines(end.error).front() == "digits: 1437 training images, 360 test images");
  CHECK_FALSE(contains(end.error, "ETA"));  // not a terminal
}

TEST_CASE("people get a summary: pairs, simulated time with and without, accuracy, files") {
  const scratch files;
  const std::string out = (files / "run").string();
  const ending end = run({"train", "--train-limit", "200", "--rounds", "2", "--out", out});
  REQUIRE(end.code == 0);
  for (const char* const part : {"keeps", "simulated time", "without", "test accuracy", "model.safetensors"}) {
    CAPTURE(part);
    CHECK(contains(end.out, part));
  }
}

TEST_CASE("metrics.jsonl has a line per round, and its last line says what --json says") {
  const scratch files;
  const ending end = run(quick({"--rounds", "3", "--evaluate-every", "2", "--out", (files / "run").string()}));
  REQUIRE(end.code == 0);
  const auto metrics = lines(content(files / "run/metrics.jsonl"));
  REQUIRE(metrics.size() == 3);
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const json round = json::parse(metrics[i]);
    CHECK(names_of(round) == std::set<std::string>{"schema", "round", "epoch", "test_accuracy", "test_loss",
                                                   "train_loss", "simulated_seconds", "simulated_seconds_alone",
                                                   "wall_seconds", "bytes_activations", "bytes_weights", "pairs",
                                                   "alone"});
    CHECK(round["round"] == i + 1);
    CHECK(round["test_accuracy"].is_null() == (i == 0));
    REQUIRE_FALSE(round["pairs"].empty());
    for (const json& pair : round["pairs"])
      CHECK(names_of(pair) == std::set<std::string>{"slow", "fast", "split", "wire", "time_s", "solo_s", "refused"});
  }
  const json last = json::parse(metrics.back());
  for (const char* const name : {"test_accuracy", "test_loss", "simulated_seconds", "bytes_weights", "wall_seconds"}) {
    CAPTURE(name);
    CHECK(last[name] == end.result()[name]);
  }
}

TEST_CASE("the same seed gives the same weights on 1, 2 and 4 threads, another seed others") {
  const std::string two = digest({"--threads", "2"});
  CHECK(digest({"--threads", "2"}) == two);
  CHECK(digest({"--threads", "1"}) == two);
  CHECK(digest({"--threads", "4"}) == two);
  CHECK(digest({"--seed", "2"}) != two);
}

TEST_CASE("with pairing none, comdml is all-reduce training, to the last bit") {
  CHECK(digest({"--pairing", "none"}) == digest({"--algorithm", "allreduce"}));
}

TEST_CASE("config.toml is complete, taken back, and gives the same weights") {
  const scratch files;
  const std::string first = (files / "first").string();
  // Every option away from its default.
  const ending end = run({"train",
                          "--dataset",
                          "digits",
                          "--train-limit",
                          "150",
                          "--test-limit",
                          "50",
                          "--model",
                          "resnet14",
                          "--shortcut",
                          "projection",
                          "--cuts",
                          "stages",
                          "--auxiliary-head",
                          "pool_linear",
                          "--agents",
                          "5",
                          "--rounds",
                          "2",
                          "--batch",
                          "9",
                          "--local-epochs",
                          "2",
                          "--partition",
                          "dirichlet:0.7",
                          "--augment",
                          "crop-flip-cutout",
                          "--collective",
                          "ring",
                          "--fleet",
                          "paper:1.5",
                          "--optimizer",
                          "adam",
                          "--optimizer-state",
                          "averaged",
                          "--learning-rate",
                          "0.0012345678901234567",
                          "--momentum",
                          "0.8",
                          "--weight-decay",
                          "1e-4",
                          "--schedule",
                          "plateau",
                          "--evaluate-every",
                          "2",
                          "--seed",
                          "77",
                          "--threads",
                          "2",
                          "--target-accuracy",
                          "0.99",
                          "--json",
                          "--out",
                          first});
  INFO(end.error);
  REQUIRE(end.code == 0);
  const std::string config = first + "/config.toml";
  const ending again = run({"train", "--config", config, "--json", "--out", (files / "again").string()});
  REQUIRE(again.code == 0);
  CHECK(again.result()["weights_sha256"] == end.result()["weights_sha256"]);
  CHECK(content(files / "again/config.toml") == content(config));
  CHECK(content(files / "again/model.safetensors") == content(files / "first/model.safetensors"));

  const ending overridden = run({"train", "--config", config, "--seed", "78", "--json"});
  CHECK(overridden.result()["weights_sha256"] != end.result()["weights_sha256"]);
}

TEST_CASE("every other value of every option trains, too") {
  for (const std::vector<std::string>& options : std::vector<std::vector<std::string>>{
           {"--model", "bottleneck56", "--rounds", "1", "--agents", "2", "--train-limit", "40"},
           {"--model", "resnet20", "--cuts", "stages", "--optimizer-state", "averaged"},
           {"--partition", "shards:2", "--schedule", "step", "--augment", "crop-flip"},
           {"--fleet", "uniform", "--agents", "1"},
           {"--momentum", "0", "--evaluate-every", "0"}}) {
    const ending end = run(quick(options));
    INFO(end.error);
    CHECK(end.code == 0);
  }
}

TEST_CASE("under the wall clock nothing is simulated") {
  const scratch files;
  const ending end = run(quick({"--clock", "wall", "--out", (files / "run").string()}));
  REQUIRE(end.code == 0);
  CHECK(end.result()["simulated_seconds"].is_null());
  CHECK(json::parse(lines(content(files / "run/metrics.jsonl")).front())["simulated_seconds_alone"].is_null());
  CHECK(end.result()["weights_sha256"] == digest({}));
}

TEST_CASE("a target ends the run early") {
  const ending end = run(quick({"--rounds", "50", "--target-accuracy", "0.2"}));
  REQUIRE(end.code == 0);
  CHECK(end.result()["target_reached"] == true);
  CHECK(end.result()["rounds"] < 50);
}

TEST_CASE("a run goes on from the weights of another") {
  const scratch files;
  REQUIRE(run(quick({"--rounds", "6", "--out", (files / "first").string()})).code == 0);
  const std::string weights = (files / "first/model.safetensors").string();
  const ending fresh = run(quick({"--rounds", "1"}));
  const ending further = run(quick({"--rounds", "1", "--init", weights}));
  REQUIRE(further.code == 0);
  CHECK(further.result()["test_loss"] < fresh.result()["test_loss"]);
  const ending other = run(quick({"--model", "resnet14", "--init", weights}));
  CHECK(other.code == 2);
  CHECK(contains(other.error, weights));
}

TEST_CASE("a run that goes on in its own directory records the file that it started from") {
  const scratch files;
  const fs::path out = files / "run";
  REQUIRE(run(quick({"--out", out.string()})).code == 0);
  const ending further = run(quick({"--init", (out / "model.safetensors").string(), "--out", out.string()}));
  REQUIRE(further.code == 0);
  const std::string config = (out / "config.toml").string();
  CHECK(contains(content(config), (out / "model.safetensors.previous").string()));
  const ending again = run({"train", "--json", "--config", config});
  CHECK(again.result()["weights_sha256"] == further.result()["weights_sha256"]);

  const ending lost = run({"train", "--config", config, "--out", out.string()});  // would overwrite .previous
  CHECK(lost.code == 2);
  CHECK(contains(lost.error, "remedy"));
}

TEST_CASE("a run that diverges keeps what it committed, or leaves an earlier run as it was") {
  const scratch files;
  const fs::path out = files / "run";
  REQUIRE(run(quick({"--out", out.string()})).code == 0);
  const std::string model = content(out / "model.safetensors");
  const std::string config = content(out / "config.toml");
  const std::vector<std::string> wild{"--agents",       "2",  "--learning-rate", "1000",      "--rounds", "50",
                                      "--local-epochs", "50", "--out",           out.string()};
  const ending at_once = run(quick(wild));
  INFO(at_once.error);
  CHECK(at_once.code == 3);
  CHECK(content(out / "model.safetensors") == model);
  CHECK(content(out / "config.toml") == config);

  const ending later = run(quick(
      {"--agents", "2", "--learning-rate", "100", "--momentum", "0.99", "--rounds", "50", "--out", out.string()}));
  INFO(later.error);
  CHECK(later.code == 3);
  const auto metrics = lines(content(out / "metrics.jsonl"));
  REQUIRE_FALSE(metrics.empty());
  const json last = json::parse(metrics.back());
  CHECK(last["train_loss"].is_null());  // it is no number, and none is made up
  CHECK(content(out / "model.safetensors.previous") == model);
  const ending evaluated =
      run({"evaluate", "--test-limit", "80", "--weights", (out / "model.safetensors").string(), "--json"});
  REQUIRE(evaluated.code == 0);
  CHECK(evaluated.result()["test_accuracy"] == last["test_accuracy"]);
}

TEST_CASE("a split profile decides what is split") {
  const scratch files;
  const std::string profile = (files / "profile.json").string();
  write(profile, R"({"schema": 1, "model": "resnet8", "batch": 10, "batches_per_second": 0, "splits": [
      {"point": 3, "slow_share": 0.5, "fast_share": 0.5, "bytes_per_batch": 1000, "fast_side_bytes": 1000}]})");
  const ending end = run(quick({"--batch", "10", "--profile", profile, "--out", (files / "run").string()}));
  INFO(end.error);
  REQUIRE(end.code == 0);
  const json round = json::parse(lines(content(files / "run/metrics.jsonl")).front());
  REQUIRE_FALSE(round["pairs"].empty());
  for (const json& pair : round["pairs"]) CHECK(pair["split"] == 3);

  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"--batch", "11"}, {"--batch", "10", "--model", "resnet14"}}) {
    std::vector<std::string> options{"--profile", profile};
    options.insert(options.end(), wrong.begin(), wrong.end());
    const ending refused = run(quick(options));
    CHECK(refused.code == 2);
    CHECK(contains(refused.error, profile));
  }
}
