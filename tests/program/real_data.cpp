// SPDX-License-Identifier: BSL-1.0
/// \file
/// Real images, where they are at hand: COMDML_TEST_DATA names the directory that holds cifar10-lossless and mnist.
#include "support.hpp"

using namespace support;

TEST_CASE("CIFAR-10 trains and is evaluated") {
  const fs::path directory = data("cifar10-lossless");
  if (directory.empty()) return;
  const scratch files;
  const std::string out = (files / "run").string();
  const ending end = run({"train", "--dataset", "cifar10", "--data-dir", directory.string(), "--train-limit", "400",
                          "--test-limit", "100", "--agents", "4", "--rounds", "2", "--json", "--out", out});
  INFO(end.error);
  REQUIRE(end.code == 0);
  CHECK(end.result()["test_accuracy"] >= 0.05);  // 400 images do not teach much: the long tests ask for more
  const ending again = run({"evaluate", "--weights", out + "/model.safetensors", "--dataset", "cifar10", "--data-dir",
                            directory.string(), "--test-limit", "100", "--json"});
  REQUIRE(again.code == 0);
  CHECK(again.result()["test_accuracy"] == end.result()["test_accuracy"]);
}

TEST_CASE("a little of MNIST is learned") {
  const fs::path directory = data("mnist");
  if (directory.empty()) return;
  const ending end = run({"train", "--dataset", "mnist", "--data-dir", directory.string(), "--train-limit", "1000",
                          "--test-limit", "300", "--agents", "4", "--rounds", "6", "--local-epochs", "2", "--json"});
  INFO(end.error);
  REQUIRE(end.code == 0);
  CHECK(end.result()["test_accuracy"] > 0.5);
}

TEST_SUITE("long") {
  TEST_CASE("with the default options, CIFAR-10 reaches 25 % in three rounds, and rises") {
    const fs::path directory = data("cifar10-lossless");
    if (directory.empty()) return;
    const scratch files;
    const fs::path out = files / "run";
    const ending end = run({"train", "--dataset", "cifar10", "--data-dir", directory.string(), "--model", "resnet8",
                            "--agents", "4", "--rounds", "3", "--json", "--out", out.string()});
    INFO(end.error);
    REQUIRE(end.code == 0);
    CHECK(end.result()["test_accuracy"] >= 0.25);
    double before = 0;
    for (const std::string& line : lines(content(out / "metrics.jsonl"))) {
      const double accuracy = json::parse(line)["test_accuracy"];
      CHECK(accuracy > before);
      before = accuracy;
    }
  }

  TEST_CASE("with the default options, ten agents reach 97 % on MNIST within eight rounds") {
    const fs::path directory = data("mnist");
    if (directory.empty()) return;
    const ending end = run({"train", "--dataset", "mnist", "--data-dir", directory.string(), "--model", "resnet8",
                            "--agents", "10", "--rounds", "8", "--target-accuracy", "0.97", "--json"});
    INFO(end.error);
    REQUIRE(end.code == 0);
    CHECK(end.result()["target_reached"] == true);
    CHECK(end.result()["test_accuracy"] >= 0.97);
  }
}
