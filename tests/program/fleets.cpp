// SPDX-License-Identifier: BSL-1.0
// Fleets, topologies and changes, as the program's users ask for them.
#include <doctest/doctest.h>

#include "support.hpp"

using namespace support;

namespace {

/// The shortest training there is.
ending train(std::vector<std::string> more) {
  more.insert(more.begin(), {"train", "--train-limit", "48", "--test-limit", "10", "--rounds", "1", "--batch", "4",
                             "--threads", "2", "--json"});
  return run(more);
}

}  // namespace

TEST_CASE("training ends on every topology, with the same weights whatever the ways are") {
  scratch files;
  write(files / "edges.txt", "0 1\n1 2\n2 3\n3 4\n4 5\n5 0\n1 4\n");
  std::string weights;
  for (const std::string topology :
       {"complete", "ring", "star", "line", "grid", "erdos-renyi:0.5", "small-world:2:0.5", "degree:4", "file"}) {
    CAPTURE(topology);
    const std::string value = topology == "file" ? "file:" + (files / "edges.txt").string() : topology;
    const ending paired = train({"--agents", "6", "--topology", value, "--fleet", "paper:0.01"});
    CHECK(paired.code == 0);
    CHECK(paired.result()["simulated_seconds"] <= paired.result()["simulated_seconds_alone"]);
    const ending alone = train({"--agents", "6", "--topology", value, "--algorithm", "allreduce"});
    CHECK(alone.code == 0);
    if (weights.empty()) weights = alone.result()["weights_sha256"];
    CHECK(alone.result()["weights_sha256"] == weights);
  }
}

TEST_CASE("impossible topologies, traces and fleets are refused, with the place and the remedy") {
  scratch files;
  write(files / "apart.txt", "0 1\n2 3\n");
  write(files / "back.csv", "round,agent,batches_per_second\n3,0,1\n2,0,1\n");
  write(files / "away.csv", "round,agent,present\n1,1,0\n");
  write(files / "fleet.toml",
        "[[agent]]\nbatches_per_second = 1\n[[agent]]\nbatches_per_second = 1\n[[agent]]\nbatches_per_second = 1\n"
        "[[link]]\nbetween = [0, 1]\nmbps = 10\n[[link]]\nbetween = [1, 2]\nmbps = 10\n");
  const std::string apart = (files / "apart.txt").string();
  const std::string toml = (files / "fleet.toml").string();
  const auto refused = [](const std::vector<std::string>& options, const std::string& part) {
    const ending end = train(options);
    CAPTURE(end.error);
    CHECK(end.code == 2);
    CHECK(contains(end.error, part));
    CHECK(contains(end.error, "remedy: "));
  };
  refused({"--agents", "4", "--topology", "degree:4"}, "4 neighbors each for 4 agents");
  refused({"--topology", "degree:3"}, "3 neighbors");
  refused({"--topology", "hexagon"}, "\"hexagon\" is not known");
  refused({"--topology", "erdos-renyi:1.5"}, "is not known");
  refused({"--topology", "file:" + (files / "nothing").string()}, "no such file");
  refused({"--agents", "40", "--topology", "erdos-renyi:0.001"}, "parts: {0} {1}");
  refused({"--agents", "5", "--topology", "file:" + apart}, "fall into 3 parts: {0 1} {2 3} {4}");
  refused({"--fleet", toml, "--topology", "star"}, "fall into 2 parts: {0 1} {2}");
  refused({"--fleet", toml, "--latency", "5"}, "says what its links are like");
  refused({"--trace", (files / "back.csv").string()}, "back.csv, line 3: time runs backwards");
  refused({"--trace", (files / "away.csv").string(), "--algorithm", "dpsgd"}, "needs all agents in every round");
  refused({"--sample", "0.5", "--algorithm", "fedavg"}, "--sample: means nothing to --algorithm fedavg");
  refused({"--change", "2:5"}, "\"2:5\" will not do");
  refused({"--fleet", "loguniform:4:1"}, "\"loguniform:4:1\" is not known");
}

TEST_CASE("changes of speed, and fleets by name, reach training's simulated time") {
  const auto time = [](const std::vector<std::string>& options) {
    const ending end = train(options);
    CAPTURE(end.error);
    CHECK(end.code == 0);
    return end.result()["simulated_seconds"].get<double>();
  };
  const std::vector<std::string> base{"--agents", "4", "--fleet",     "uniform",
                                      "--rounds", "3", "--algorithm", "allreduce"};
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = base;
    all.insert(all.end(), more.begin(), more.end());
    return time(all);
  };
  scratch files;
  write(files / "slow.csv", "round,agent,batches_per_second\n2,1,0.5\n");
  const double plain = with({});
  CHECK(with({"--trace", (files / "slow.csv").string()}) > 1.5 * plain);  // two rounds of three take twice as long
  CHECK(with({"--latency", "100"}) > plain + 1);
  CHECK(with({"--jitter", "100"}) > plain);
  write(files / "away.csv", "round,agent,present\n2,1,0\n3,1,1\n");
  CHECK(with({"--trace", (files / "away.csv").string()}) > plain);  // it has to get the model when it comes back
  CHECK(with({"--sample", "0.5", "--come-and-go", "0.2:0.5"}) != plain);
  CHECK(with({"--change", "1:1"}) == plain);  // redrawn, but all are alike
  CHECK(with({"--fleet", "authors", "--change", "1:1", "--rounds", "4"}) !=
        with({"--fleet", "authors", "--rounds", "4"}));
  CHECK(time({"--fleet", "two:8", "--algorithm", "allreduce"}) ==
        time({"--fleet", "two:1", "--algorithm", "allreduce"}));
}
