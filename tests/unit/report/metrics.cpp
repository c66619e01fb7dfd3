// SPDX-License-Identifier: BSL-1.0
/// \file
/// metrics.jsonl: the fields of a line, and lines that are there as soon as their round is over.
#include "comdml/report/metrics.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <unistd.h>

using namespace comdml;

namespace {

learn::round_report example() {
  learn::round_report report;
  report.round = round_index{4};
  report.epoch = epoch_index{7};
  report.test_accuracy = 0.5;
  report.test_loss = 1.25;
  report.train_loss = 1.5;
  report.elapsed = seconds{10};
  report.elapsed_alone = seconds{40};
  report.wall = seconds{2};
  report.activation_bytes = bytes{3e10};
  report.weight_bytes = bytes{12};
  report.plan.pairs = {{.slow = agent_id{3},
                        .fast = agent_id{0},
                        .split = split_point{2},
                        .codec = "fp32",
                        .cost = seconds{9.5},
                        .solo = seconds{40},
                        .refused = pairing::alternative{agent_id{1}, split_point{1}, seconds{11}}}};
  return report;
}

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::vector<std::string> lines;
  std::ifstream in{file};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("a line has exactly the fields of the schema") {
  const auto line = nlohmann::json::parse(report::to_json(example(), report::time_kind::simulated).dump());
  std::set<std::string> names;
  for (const auto& [name, value] : line.items()) names.insert(name);
  CHECK(names == std::set<std::string>{"schema", "round", "epoch", "test_accuracy", "test_loss", "train_loss",
                                       "simulated_seconds", "simulated_seconds_alone", "wall_seconds",
                                       "bytes_activations", "bytes_weights", "pairs", "alone"});
  CHECK(line["schema"] == 1);
  CHECK(line["round"] == 5);
  CHECK(line["epoch"] == 7);
  CHECK(line["test_accuracy"] == 0.5);
  CHECK(line["simulated_seconds_alone"] == 40.0);
  CHECK(line["bytes_activations"] == 30'000'000'000);
  CHECK(line["pairs"] ==
        nlohmann::json::parse(R"([{"slow": 3, "fast": 0, "split": 2, "wire": "fp32", "time_s": 9.5, "solo_s": 40.0,
                                   "refused": {"fast": 1, "split": 1, "time_s": 11.0}}])"));
}

TEST_CASE("what is not known is null") {
  learn::round_report report = example();
  report.test_accuracy.reset();
  report.test_loss.reset();
  report.train_loss = std::numeric_limits<double>::infinity();
  report.plan.pairs.clear();
  const auto line = nlohmann::json::parse(report::to_json(report, report::time_kind::real).dump());
  for (const char* const name :
       {"test_accuracy", "test_loss", "train_loss", "simulated_seconds", "simulated_seconds_alone"}) {
    CAPTURE(name);
    CHECK(line[name].is_null());
  }
  CHECK(line["wall_seconds"] == 2.0);
  CHECK(line["pairs"] == nlohmann::json::array());
}

TEST_CASE("every line is in the file when its round is over, and a new run begins anew") {
  const auto file =
      std::filesystem::temp_directory_path() / ("comdml-metrics-" + std::to_string(::getpid()) + ".jsonl");
  {
    report::metrics_file metrics{file};
    for (std::size_t round = 1; round <= 3; ++round) {
      CHECK(metrics.on_round(example()) == learn::verdict::go_on);
      CHECK(lines_of(file).size() == round);
    }
  }
  report::metrics_file again{file};
  CHECK(lines_of(file).empty());
  std::filesystem::remove(file);
}

TEST_CASE("a file that cannot be written is bad input, a full disk a failed run") {
  CHECK_THROWS_AS(report::metrics_file{"/dev/null/metrics.jsonl"}, input_error);
  if (std::filesystem::exists("/dev/full")) {
    report::metrics_file full{"/dev/full"};
    CHECK_THROWS_AS(full.on_round(example()), run_error);
  }
}
