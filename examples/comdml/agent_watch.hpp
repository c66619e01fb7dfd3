// SPDX-License-Identifier: BSL-1.0
/// \file
/// Turns what happens to an agent into lines of its log and into its status.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "agent_board.hpp"
#include "agent_log.hpp"
#include "comdml/comm/remote_engine.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/learn/round_report.hpp"

namespace program {

class agent_watch {
 public:
  agent_watch(agent_log& log, agent_board& board) : log_{log}, board_{board} {}

  /// On the line's thread. What others can bring about as often as they like is told once in ten seconds, with a count.
  void on_event(const comdml::comm::remote_event& event);
  /// On the agent's thread.
  void on_round(const comdml::learn::round_report& report);

 private:
  using clock = std::chrono::steady_clock;
  struct repeated {
    clock::time_point told;
    std::size_t since = 0;
  };

  agent_log& log_;
  agent_board& board_;
  std::map<std::pair<comdml::comm::remote_event_kind, std::optional<comdml::agent_id>>, repeated> told_;
  std::vector<comdml::agent_id> members_;
  std::optional<std::uint32_t> last_round_;
};

}  // namespace program
