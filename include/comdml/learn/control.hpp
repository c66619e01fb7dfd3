// SPDX-License-Identifier: BSL-1.0
/// \file
/// How a program that embeds training stops and pauses it. The library installs no signal handlers.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>

#include "comdml/core/ids.hpp"

namespace comdml::learn {

class timeline;
class checkpoints;
struct checkpoint;

/// Holds all agents of a job between two mini-batches until it is resumed. Virtual time stands still meanwhile.
class pause_switch {
 public:
  void pause() {
    const std::lock_guard lock{mutex_};
    paused_ = true;
  }
  void resume() {
    {
      const std::lock_guard lock{mutex_};
      paused_ = false;
    }
    resumed_.notify_all();
  }
  /// Returns at once unless paused; a stop request ends the wait.
  void wait(const std::stop_token& stop) {
    std::unique_lock lock{mutex_};
    resumed_.wait(lock, stop, [this] { return !paused_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any resumed_;
  bool paused_ = false;
};

/// What the embedding program holds on to while a job runs.
struct control {
  std::stop_token stop{};
  std::shared_ptr<pause_switch> pause{};
  /// Is told what every agent of this process does when (learn/timeline.hpp); nothing is recorded without.
  std::shared_ptr<timeline> recorder{};
  /// Where checkpoints are written, and when the run ends its last commit (learn/checkpoint.hpp); none are without.
  std::shared_ptr<const checkpoints> keep{};
  /// What each agent of this process goes on from (latest_of_fleet, checkpoints::latest); they begin anew without.
  std::function<checkpoint(agent_id)> resume{};
};

}  // namespace comdml::learn
