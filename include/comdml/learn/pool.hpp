// SPDX-License-Identifier: BSL-1.0
/// \file
/// Workspaces shared by agents: an agent leases one while it computes, so a fleet of a hundred holds no more of them
/// than agents compute at once.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace comdml::learn {

/// A free list of default-constructed objects. Safe to use from several threads.
template <class W>
class pool {
 public:
  /// Exclusive use of one object until the lease ends.
  class lease {
   public:
    lease(pool& owner, std::unique_ptr<W> object) noexcept : owner_{owner}, object_{std::move(object)} {}
    ~lease() {
      const std::lock_guard lock{owner_.mutex_};
      owner_.free_.push_back(std::move(object_));
    }
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;

    [[nodiscard]] W& operator*() const noexcept { return *object_; }
    [[nodiscard]] W* operator->() const noexcept { return object_.get(); }

   private:
    pool& owner_;
    std::unique_ptr<W> object_;
  };

  [[nodiscard]] lease acquire() {
    const std::lock_guard lock{mutex_};
    if (free_.empty()) {
      free_.reserve(++made_);  // room for all of them, so that giving one back cannot fail
      return lease{*this, std::make_unique<W>()};
    }
    std::unique_ptr<W> object = std::move(free_.back());
    free_.pop_back();
    return lease{*this, std::move(object)};
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<W>> free_;
  std::size_t made_ = 0;
};

}  // namespace comdml::learn
