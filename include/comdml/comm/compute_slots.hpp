// SPDX-License-Identifier: BSL-1.0
/// \file
/// Limits how many agents of one process compute at once.
#pragma once

#include <compare>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <set>

#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// Slots are handed out by booked end, then id: the agent that the others will wait for first computes first. The order
/// changes how long a run takes, never its results.
class compute_slots {
 public:
  explicit compute_slots(std::size_t count) : free_{count} {}

  /// Runs `work` on the calling thread as soon as there is a slot for it.
  template <class Work>
  void run(seconds end, agent_id agent, Work&& work) {
    const holder slot{*this, {end, agent}};
    work();
  }

 private:
  struct key {
    seconds end;
    agent_id agent;
    friend auto operator<=>(const key&, const key&) = default;
  };

  struct holder {
    holder(compute_slots& all, key mine) : slots{all} {
      std::unique_lock lock{slots.mutex_};
      slots.waiting_.insert(mine);
      slots.changed_.wait(lock, [&] { return slots.free_ > 0 && *slots.waiting_.begin() == mine; });
      slots.waiting_.erase(mine);
      --slots.free_;
      slots.changed_.notify_all();
    }
    ~holder() {
      const std::lock_guard lock{slots.mutex_};
      ++slots.free_;
      slots.changed_.notify_all();
    }
    holder(const holder&) = delete;
    holder& operator=(const holder&) = delete;

    compute_slots& slots;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<key> waiting_;
  std::size_t free_;
};

}  // namespace comdml::comm
