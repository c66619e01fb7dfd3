// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml train --algorithm: the rivals, and what they refuse.
#include "support.hpp"

using namespace support;

TEST_CASE("every algorithm trains, reports its time and bytes, and repeats itself") {
  for (const char* const name : {"allreduce", "fedavg", "dpsgd", "splitlearning", "gossip", "braintorrent"}) {
    CAPTURE(name);
    const scratch files;
    const fs::path out = files / "run";
    const ending end = run(quick({"--algorithm", name, "--agents", "5", "--threads", "2", "--out", out.string()}));
    INFO(end.error);
    REQUIRE(end.code == 0);
    const json result = end.result();
    CHECK(result["rounds"] == 2);
    CHECK(result["test_accuracy"] > 0.1);
    CHECK(result["simulated_seconds"] > 0);
    CHECK(result["simulated_seconds"] == result["simulated_seconds_alone"]);
    CHECK(result["bytes_weights"] > 0);
    CHECK((result["bytes_activations"] > 0) == (std::string{name} == "splitlearning"));
    CHECK(lines(content(out / "metrics.jsonl")).size() == 2);
    CHECK(lines(end.error).size() == 3);
    const ending again = run({"train", "--config", (out / "config.toml").string(), "--threads", "1", "--json"});
    REQUIRE(again.code == 0);
    CHECK(again.result()["weights_sha256"] == result["weights_sha256"]);
    CHECK(again.result()["simulated_seconds"] == result["simulated_seconds"]);
    CHECK(again.result()["test_loss"] == result["test_loss"]);
  }
}

TEST_CASE("options that an algorithm knows take effect") {
  const auto result = [](std::vector<std::string> options) {
    options.insert(options.end(), {"--agents", "4", "--fleet", "uniform", "--rounds", "1"});
    const ending end = run(quick(options));
    INFO(end.error);
    REQUIRE(end.code == 0);
    return end.result();
  };
  CHECK(result({"--algorithm", "gossip", "--time-budget", "50"})["simulated_seconds"] == 50);
  CHECK(result({"--algorithm", "dpsgd", "--mix-every", "2"})["bytes_weights"] <
        result({"--algorithm", "dpsgd"})["bytes_weights"]);
  CHECK(result({"--algorithm", "splitlearning", "--cut", "1"})["bytes_activations"] !=
        result({"--algorithm", "splitlearning", "--cut", "4"})["bytes_activations"]);
  CHECK(result({"--algorithm", "splitlearning", "--wire", "int8"})["bytes_activations"] <
        result({"--algorithm", "splitlearning"})["bytes_activations"]);
  CHECK(result({"--algorithm", "fedavg", "--server", "2"})["weights_sha256"] !=
        result({"--algorithm", "fedavg", "--server", "0"})["weights_sha256"]);
}

TEST_CASE("options that mean nothing to an algorithm are refused, and so are fleets that it cannot work on") {
  const scratch files;
  const fs::path one_way = files / "one_way.toml";
  write(one_way,
        "[[agent]]\nbatches_per_second = 1\nbatches = 5\n[[agent]]\nbatches_per_second = 1\nbatches = "
        "5\n[[agent]]\nbatches_per_second = 1\nbatches = 5\n"
        "[[link]]\nfrom = 0\nto = 1\nmbps = 10\n[[link]]\nfrom = 1\nto = 2\nmbps = 10\n"
        "[[link]]\nfrom = 2\nto = 0\nmbps = 10\n");
  struct fault {
    std::vector<std::string> options;
    std::string told;
  };
  for (const fault& one : std::vector<fault>{
           {{"--algorithm", "gossip", "--pairing", "bottleneck"}, "--pairing"},
           {{"--algorithm", "allreduce", "--wire", "int8"}, "--wire"},
           {{"--algorithm", "fedavg", "--collective", "ring"}, "--collective"},
           {{"--algorithm", "dpsgd", "--optimizer-state", "averaged"}, "each agent's memory"},
           {{"--algorithm", "gossip", "--schedule", "plateau"}, "constant or step"},
           {{"--algorithm", "braintorrent", "--clock", "wall"}, "--clock virtual"},
           {{"--time-budget", "10"}, "braintorrent"},
           {{"--mix-every", "2"}, "dpsgd"},
           {{"--algorithm", "gossip", "--server", "1"}, "splitlearning"},
           {{"--algorithm", "fedavg", "--server", "10"}, "0 to 9"},
           {{"--algorithm", "splitlearning", "--cut", "77"}, "no cut after 77"},
           {{"--algorithm", "dpsgd", "--fleet", one_way.string()}, "both directions"},
       }) {
    CAPTURE(one.told);
    std::vector<std::string> options = quick(one.options);
    options.insert(options.end(), {"--out", (files / "none").string()});
    const ending end = run(options);
    INFO(end.error);
    CHECK(end.code == 2);
    CHECK(contains(end.error, one.told));
    CHECK(contains(end.error, "remedy"));
    CHECK_FALSE(fs::exists(files / "none"));
  }
}
