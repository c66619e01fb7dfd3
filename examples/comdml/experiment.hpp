// SPDX-License-Identifier: BSL-1.0
/// \file
/// What `comdml compare` compares: an experiment, as its TOML file has it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fleets.hpp"
#include "options.hpp"

namespace program {

/// Algorithms under settings, over seeds. Learning and time are separate: a small model learns on a small data set, and
/// time is counted by the profile and the byte sizes of another one.
struct experiment {
  /// What time is counted by.
  struct time_model {
    std::string model = "resnet56";
    std::string images = "cifar10";  ///< the data set whose images have the right shape
    std::uint64_t batch = 100;
    std::uint64_t batches = 50;  ///< of an agent's round, all local epochs together
    std::string cuts = "every_block";
    std::string auxiliary_head = "convolution_pool_linear";
    std::uint64_t rounds = 3;  ///< that are played where nothing is learned
  };
  /// A fleet and its links.
  struct setting {
    std::string name;
    fleet_options fleet{};
    std::optional<double> mbps{};  ///< of all links; empty: the fleet's own
    std::string wire = "fp32";
    std::string weight_wire = "fp32";  ///< of allreduce, fedavg and comdml
  };
  struct contender {
    std::string name;
    std::string algorithm = "comdml";
    std::string pairing = "greedy";
    std::string cost = "overlapped";
    std::string replan = "declared";
    std::optional<std::string> cuts{};   ///< other ones than the time model's
    std::optional<std::uint64_t> cut{};  ///< the only one, counted in units
    bool timed_by_training = false;      ///< not by the simulation
  };

  std::string title;
  std::vector<std::uint64_t> seeds;
  double target = 0;
  std::shared_ptr<const train_options> learn{};  ///< empty: rounds are played without learning
  time_model time{};
  std::vector<setting> settings;
  std::vector<contender> contenders;
  std::string source;  ///< the file's text
};

/// Checks an experiment's text. `name` stands for it in errors.
/// \throws comdml::input_error with line and column
[[nodiscard]] experiment parse_experiment(const std::string& name, const std::string& text);

/// From a file. \throws comdml::input_error
[[nodiscard]] experiment read_experiment(const std::filesystem::path& file);

/// One that is part of the program. \throws comdml::input_error that lists all of them, with their titles
[[nodiscard]] experiment preset(const std::string& name);

/// A file of bench/experiments, as it was when the program was configured.
struct embedded_experiment {
  const char* name;
  const char* text;
};
/// By name.
[[nodiscard]] const std::vector<embedded_experiment>& embedded_experiments();

}  // namespace program
