// SPDX-License-Identifier: BSL-1.0
/// \file
/// Split profiles as files: round trip, and every way to be unusable.
#include "comdml/fleet/profile_file.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

using namespace comdml;

namespace {

fleet::split_profile example() {
  return {.model = "resnet8",
          .batch = 50,
          .speed = batches_per_second{3.25},
          .splits = {{.point = split_point{3},
                      .slow_share = 0.75,
                      .fast_share = 0.3,
                      .wire = bytes_per_batch{1e6},
                      .fast_side = bytes{2600},
                      .codec = "fp32"},
                     {.point = split_point{1},
                      .slow_share = 1.0 / 3,
                      .fast_share = 0.9,
                      .wire = bytes_per_batch{12345},
                      .fast_side = bytes{26000},
                      .codec = "int8"}}};
}

/// The message of the input_error that reading this text ends in; empty if it is accepted.
std::string complaint(const std::string& json) {
  try {
    static_cast<void>(fleet::parse_profile(json, "profile.json"));
  } catch (const input_error& error) {
    return error.what();
  }
  return {};
}

std::string changed(const std::string& from, const std::string& to) {
  std::string json = fleet::to_json(example());
  const auto at = json.find(from);
  REQUIRE(at != std::string::npos);
  return json.replace(at, from.size(), to);
}

bool contains(const std::string& whole, const std::string& part) { return whole.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a profile is read back as it was written, to the last bit") {
  const auto file = std::filesystem::temp_directory_path() / ("comdml-profile-" + std::to_string(::getpid()) + ".json");
  fleet::write_profile(file, example());
  CHECK(fleet::read_profile(file) == example());
  std::filesystem::remove(file);
  CHECK_THROWS_AS(static_cast<void>(fleet::read_profile(file)), input_error);
}

TEST_CASE("the codec may be left out") {
  const auto profile =
      fleet::parse_profile(R"({"schema": 1, "model": "", "batch": 2, "batches_per_second": 0, "splits": [
      {"point": 1, "slow_share": 1, "fast_share": 0, "bytes_per_batch": 8, "fast_side_bytes": 4}]})",
                           "profile.json");
  REQUIRE(profile.splits.size() == 1);
  CHECK(profile.splits.front().codec == "fp32");
}

TEST_CASE("an unusable profile is refused with the place and the remedy") {
  struct damage {
    std::string from, to, told;
  };
  for (const damage& one : {
           damage{"\"schema\": 1", "\"schema\": 2", "schema 2"},
           damage{"\"schema\"", "\"shema\"", "shema"},
           damage{"\"batch\": 50", "\"batch\": 0", "batch"},
           damage{"\"batch\": 50", "\"batch\": -50", "batch"},
           damage{"\"batch\": 50", "\"batch\": 1.5", "batch"},
           damage{"\"batch\": 50", "\"batch\": \"50\"", "batch"},
           damage{"\"batch\": 50", "\"batch\": 1e99", "batch"},
           damage{"\"model\": \"resnet8\"", "\"model\": 8", "model"},
           damage{"0.75", "-0.75", "entry 0"},
           damage{"0.75", "null", "entry 0"},
           damage{"\"point\": 3", "\"point\": 0", "entry 0"},
           damage{"\"fast_side_bytes\": 26000", "\"fast\": 1", "entry 1"},
           damage{"\"splits\": [", "\"splits\": [[],", "entry 0"},
           damage{"\"schema\": 1", "\"schema\": 1, \"more\": []", "more"},
       }) {
    const std::string told_us = complaint(changed(one.from, one.to));
    CAPTURE(one.to);
    CAPTURE(told_us);
    CHECK(contains(told_us, "profile.json"));
    CHECK(contains(told_us, one.told));
    CHECK(contains(told_us, "remedy"));
  }
  CHECK(complaint(changed("\"point\": 1", "\"point\": 4")).empty());  // in any order
  CHECK(contains(complaint("[]"), "not an object"));
  CHECK(contains(complaint(std::string(100'000, '[')), "not valid JSON"));
}

TEST_CASE("a profile cut off anywhere is refused, with the line") {
  const std::string whole = fleet::to_json(example());
  const std::size_t end = whole.rfind('}');
  for (std::size_t length = 0; length <= end; ++length) {
    CAPTURE(length);
    CHECK(contains(complaint(whole.substr(0, length)), "profile.json, line "));
  }
}

TEST_CASE("a file that is too large is not read") {
  const auto file = std::filesystem::temp_directory_path() / ("comdml-large-" + std::to_string(::getpid()) + ".json");
  std::ofstream{file} << std::string((1 << 20) + 1, ' ');
  CHECK_THROWS_AS(static_cast<void>(fleet::read_profile(file)), input_error);
  std::filesystem::remove(file);
}
