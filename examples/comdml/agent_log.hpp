// SPDX-License-Identifier: BSL-1.0
/// \file
/// An agent's log: a line per event, with time, level and agent. spdlog stays behind it, in one file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agent_config.hpp"

namespace program {

enum class log_level { debug, info, warning, error };

/// May be used from several threads.
class agent_log {
 public:
  /// \throws comdml::input_error if the file cannot be written
  agent_log(const log_options& options, std::uint64_t agent);
  ~agent_log();

  /// What is no printable character is replaced: a line stays a line.
  void write(log_level level, std::string line);

 private:
  struct inside;
  std::unique_ptr<inside> inside_;
};

}  // namespace program
