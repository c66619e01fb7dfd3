// SPDX-License-Identifier: BSL-1.0
/// \file
/// What an agent publishes for `comdml status`: one JSON object.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "comdml/core/ids.hpp"
#include "comdml/learn/round_report.hpp"
#include "train_task.hpp"

namespace program {

/// Those that take part in a round, ascending.
[[nodiscard]] std::vector<comdml::agent_id> members_of(const comdml::learn::round_report& report);
/// A digest in 16 hexadecimal digits.
[[nodiscard]] std::string hexadecimal(std::uint64_t digest);

/// Schema 1. May be used from several threads.
class agent_board {
 public:
  agent_board(const train_task& task, std::uint64_t agent);

  /// Something went wrong, now.
  void note_error(const std::string& what);
  void wait_for(const std::vector<comdml::agent_id>& missing);
  void begin();
  void on_round(const comdml::learn::round_report& report);

  [[nodiscard]] std::string text() const;

 private:
  const bool measures_;
  mutable std::mutex mutex_;
  nlohmann::ordered_json board_;
};

/// Whether the agent that published this takes part in rounds.
[[nodiscard]] bool is_running(const std::string& board);
/// What was published, on one line, without anything that a terminal would obey. \throws comdml::run_error if it is no
/// JSON
[[nodiscard]] std::string line_of(const std::string& board);
/// The same for people, on one screen. \throws comdml::run_error if it is none
[[nodiscard]] std::string screen_of(const std::string& board);

}  // namespace program
