// SPDX-License-Identifier: BSL-1.0
/// \file
/// Ctrl-C and worse, in the middle of a run.
#include <chrono>

#include "support.hpp"

using namespace support;

namespace {

std::vector<std::string> long_run(const fs::path& out) {
  return {"train", "--rounds", "100000", "--json", "--out", out.string()};
}

}  // namespace

TEST_CASE("the first Ctrl-C ends the run within a mini-batch and leaves valid files") {
  for (const int signal : {SIGINT, SIGTERM}) {
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

TEST_CASE("Ctrl-C before the first round is over leaves the earlier model where it was") {
  const scratch files;
  const fs::path out = files / "run";
  REQUIRE(run(quick({"--out", out.string()})).code == 0);
  const std::string model = content(out / "model.safetensors");
  std::vector<std::string> options = long_run(out);
  options.insert(options.end(), {"--model", "resnet110", "--local-epochs", "1000"});
  process training{options};
  for (int tries = 0; tries < 3000 && !fs::exists(out / "model.safetensors.previous"); ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  std::this_thread::sleep_for(std::chrono::milliseconds{300});
  training.signal(SIGINT);
  const ending end = training.wait();
  INFO(end.error);
  CHECK(end.code == 130);
  CHECK(end.result()["rounds"] == 0);
  CHECK(content(out / "metrics.jsonl").empty());
  CHECK(content(out / "model.safetensors") == model);
}

TEST_CASE("the same Ctrl-C twice kills") {
  const scratch files;
  const fs::path out = files / "run";
  std::vector<std::string> options = long_run(out);
  options.insert(options.end(), {"--model", "resnet110", "--batch", "1000", "--agents", "1", "--threads", "1"});
  process training{options};
  for (int tries = 0; tries < 3000 && !fs::exists(out / "metrics.jsonl"); ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
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
