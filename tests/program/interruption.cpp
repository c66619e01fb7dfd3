// SPDX-License-Identifier: BSL-1.0
/// \file
/// Ctrl-C and worse, in the middle of a run.
#include <chrono>
#include <map>

#include "support.hpp"

using namespace support;

namespace {

std::vector<std::string> long_run(const fs::path& out) {
  return {"train", "--rounds", "100000", "--json", "--out", out.string()};
}

}  // namespace

TEST_CASE("the first Ctrl-C ends the run within a mini-batch and leaves valid files") {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const scratch files;
    const fs::path out = files / "run";
    process training{long_run(out)};
    REQUIRE(training.wait_for_lines(out / "metrics.jsonl", 2));
    const auto before = std::chrono::steady_clock::now();
    training.signal(signal);
    const ending end = training.wait();
    CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds{10});
    INFO(end.error);
    CHECK(end.code == 130);
    const auto metrics = lines(content(out / "metrics.jsonl"));
    CHECK(end.result()["rounds"] == metrics.size());
    for (const std::string& line : metrics) CHECK(json::parse(line)["schema"] == 1);

    // The model is that of the last round in the metrics.
    const ending evaluated = run({"evaluate", "--weights", (out / "model.safetensors").string(), "--json"});
    REQUIRE(evaluated.code == 0);
    CHECK(evaluated.result()["test_accuracy"] == json::parse(metrics.back())["test_accuracy"]);
    CHECK(evaluated.result()["weights_sha256"] == end.result()["weights_sha256"]);
    CHECK(run({"train", "--config", (out / "config.toml").string(), "--rounds", "1"}).code == 0);
  }
}

TEST_CASE("Ctrl-C before the first round is over leaves an earlier run as it was") {
  const scratch files;
  const fs::path out = files / "run";
  REQUIRE(run(quick({"--out", out.string()})).code == 0);
  const auto files_of_run = [&] {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::directory_iterator{out}) found[entry.path().filename()] = content(entry.path());
    return found;
  };
  const auto before = files_of_run();
  CHECK(before.size() == 5);
  std::vector<std::string> options = long_run(out);
  options.insert(options.end(), {"--model", "resnet110", "--local-epochs", "1000"});
  process training{options};
  REQUIRE(training.wait_for_start());
  std::this_thread::sleep_for(std::chrono::milliseconds{300});
  training.signal(SIGINT);
  const ending end = training.wait();
  INFO(end.error);
  CHECK(end.code == 130);
  CHECK(end.result()["rounds"] == 0);
  CHECK(files_of_run() == before);
}

TEST_CASE("Ctrl-C before the first round is over: nothing is said to lie where nothing lies") {
  const scratch files;
  process training{{"train", "--model", "resnet110", "--local-epochs", "1000", "--out", (files / "run").string()}};
  REQUIRE(training.wait_for_start());
  training.signal(SIGINT);
  const ending end = training.wait();
  CHECK(end.code == 130);
  CHECK_FALSE(contains(end.out, "results:"));
  CHECK(fs::is_empty(files / "run"));
}

TEST_CASE("after nohup a hang-up is ignored") {
  const scratch files;
  const fs::path out = files / "run";
  process training{{"-c", "trap '' HUP; exec \"$0\" train --rounds 100000 --out \"$1\"", COMDML_PROGRAM, out.string()},
                   "/bin/sh"};
  REQUIRE(training.wait_for_lines(out / "metrics.jsonl", 1));
  training.signal(SIGHUP);
  const std::size_t before = lines(content(out / "metrics.jsonl")).size();
  CHECK(training.wait_for_lines(out / "metrics.jsonl", before + 3));
  training.signal(SIGTERM);
  CHECK(training.wait().code == 130);
}

TEST_CASE("who reads along may go away: the run goes on") {
  const scratch files;
  const fs::path out = files / "run";
  const ending end = shell("\"$0\" train --train-limit 200 --rounds 4 --out '" + out.string() + "' 2>&1 | head -n 1");
  CHECK(lines(end.out).size() == 1);
  CHECK(lines(content(out / "metrics.jsonl")).size() == 4);
  CHECK(fs::exists(out / "model.safetensors"));
}

TEST_CASE("a full disk is a run that failed, and is told") {
  const scratch files;
  const fs::path out = files / "run";
  const ending end =
      shell("ulimit -f 100; trap '' XFSZ; exec \"$0\" train --train-limit 200 --rounds 2 --out '" + out.string() + "'");
  INFO(end.error);
  CHECK(end.code == 3);
  CHECK(contains(end.error, (out / "model.safetensors").string()));
  CHECK(lines(content(out / "metrics.jsonl")).size() == 2);
}

TEST_CASE("standard output that cannot be written is told") {
  for (const std::string command : {"train --train-limit 200 --rounds 1 --json", "train --help", "--version"}) {
    const ending end = shell("exec \"$0\" " + command + " > /dev/full");
    CAPTURE(command);
    CHECK(end.code == 3);
    CHECK(contains(end.error, "standard output"));
  }
}

TEST_CASE("the same Ctrl-C twice kills") {
  const scratch files;
  const fs::path out = files / "run";
  std::vector<std::string> options = long_run(out);
  options.insert(options.end(), {"--model", "resnet110", "--batch", "1000", "--agents", "1", "--threads", "1"});
  process training{options};
  REQUIRE(training.wait_for_start());
  std::this_thread::sleep_for(std::chrono::milliseconds{500});
  training.signal(SIGINT);
  std::this_thread::sleep_for(std::chrono::milliseconds{50});
  training.signal(SIGINT);
  CHECK(training.wait().code == 130);  // 128 + SIGINT
  CHECK_FALSE(fs::exists(out / "model.safetensors"));
}

TEST_CASE("killed in the middle, the earlier model is kept and the new metrics are whole lines") {
  const scratch files;
  const fs::path out = files / "run";
  REQUIRE(run(quick({"--out", out.string()})).code == 0);
  const std::string model = content(out / "model.safetensors");
  process training{long_run(out)};
  for (int tries = 0; tries < 3000 && !fs::exists(out / "model.safetensors.previous"); ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  REQUIRE(training.wait_for_lines(out / "metrics.jsonl", 3));
  training.signal(SIGKILL);
  CHECK(training.wait().code == 128 + SIGKILL);
  CHECK(content(out / "model.safetensors.previous") == model);
  CHECK_FALSE(fs::exists(out / "model.safetensors"));
  for (const std::string& line : lines(content(out / "metrics.jsonl"))) CHECK(json::parse(line)["schema"] == 1);
}
