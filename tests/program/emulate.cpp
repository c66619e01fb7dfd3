// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml emulate.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "support.hpp"

using namespace support;

TEST_CASE("emulate tells predicted and measured times of every round and agent") {
  const ending end = run({"emulate", "--rounds", "2", "--train-limit", "120", "--model", "resnet8", "--json"});
  INFO(end.error);
  REQUIRE(end.code == 0);
  const json result = end.result();
  REQUIRE(result["rounds"].size() == 2);
  REQUIRE(result["agents"].size() == 4);
  for (const json& round : result["rounds"]) {
    CHECK(double{round["predicted_s"]} > 0);
    CHECK(double{round["measured_s"]} > 0);
  }
  CHECK(result["agents"][2]["share"] == 0.2);
  CHECK(result["agents"][2]["errors"].size() == 2);
  CHECK(double{result["median_error_rounds"]} >= 0);
}

TEST_CASE("shares that cannot be emulated are refused") {
  for (const std::string wrong : {"1", "0.5,x", "0.5,0", "0.9,0.9", "2,0.1", "0.5,,0.5", "0.5,nan"}) {
    const ending end = run({"emulate", "--cpus", wrong});
    CAPTURE(wrong);
    CHECK(end.code == 2);
    CHECK(contains(end.error, "--cpus"));
    CHECK(contains(end.error, "remedy"));
  }
}
