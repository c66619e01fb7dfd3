// SPDX-License-Identifier: BSL-1.0
/// \file
/// What `comdml agent` is told: one TOML file on each machine.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "options.hpp"
#include "texts.hpp"

namespace program {

/// 40 characters of Z85.
[[nodiscard]] std::string key_check(const std::string& written);
/// tcp://HOST:PORT.
[[nodiscard]] std::string address_check(const std::string& written);
/// The same, or with port *.
[[nodiscard]] std::string bind_check(const std::string& written);

/// [agent].
struct agent_options {
  std::optional<std::uint64_t> id{};
  std::string key = "agent.key";
  std::string bind = "tcp://*:5555";
  std::string advertise{};
  std::string data_dir{};
  bool own_data = false;
  bool later = false;  ///< the run begins without it
  std::vector<std::string> observers{};
};

/// [[peer]].
struct peer_options {
  std::optional<std::uint64_t> id{};
  std::string public_key{};
  std::string address{};
  bool later = false;
};

/// [survival].
struct survival_options {
  double patience = 30;
  double endurance = 600;
  std::uint64_t quorum = 0;
};

/// [checkpoint].
struct checkpoint_options {
  std::string folder{};
  std::uint64_t every = 1;
};

/// [emulate].
struct emulated_options {
  double share = 1;
  std::optional<double> mbps{};
};

/// [log].
struct log_options {
  std::string level = "info";
  std::string file{};
};

struct agent_config {
  agent_options agent;
  std::vector<peer_options> peers;
  train_options train;
  survival_options survival;
  checkpoint_options checkpoint;
  emulated_options emulate;
  log_options log;
  output_options output;
};

/// \param is_given  whether an option of the results stands on the command line
/// \throws comdml::input_error with line and column for anything but a sound configuration
void read_agent_config(const std::filesystem::path& file, const std::function<bool(const std::string&)>& is_given,
                       agent_config& config);

/// A configuration to begin with, for --help.
[[nodiscard]] const char* agent_config_example();

}  // namespace program
