// SPDX-License-Identifier: BSL-1.0
/// \file
/// Links of a fleet: a rate and a latency per ordered pair of agents. A plain value, used by transports, routes,
/// the cost model and pairing alike.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"

namespace comdml {

/// One direction between two agents. Rate zero = there is no link.
struct directed_link {
  bits_per_second rate{};
  seconds latency{};

  friend bool operator==(const directed_link&, const directed_link&) = default;
};

/// Square table of directed links. An agent has no link to itself; asking for it is allowed and gives rate zero.
///
/// Copies share one table until one of them is changed: every agent of a process holds the links, and so does every
/// pairing instance, and a table of its own for each would make memory cubic in the number of agents.
class link_matrix {
 public:
  link_matrix() : link_matrix{0} {}
  /// `agents` agents without any link.
  explicit link_matrix(std::size_t agents) : agents_{agents}, links_{std::make_shared<table>(agents * agents)} {}

  [[nodiscard]] std::size_t agents() const noexcept { return agents_; }

  [[nodiscard]] const directed_link& operator()(agent_id from, agent_id to) const { return (*links_)[index(from, to)]; }

  /// Sets one direction.
  void set(agent_id from, agent_id to, directed_link value) {
    const std::size_t at = index(from, to);
    if (links_.use_count() > 1)
      links_ = std::make_shared<table>(*links_);
    else
      std::atomic_thread_fence(std::memory_order_acquire);  // after the last reads through copies that are gone
    (*links_)[at] = value;
  }
  /// Sets both directions alike.
  void set_both(agent_id a, agent_id b, directed_link value) {
    set(a, b, value);
    set(b, a, value);
  }

  friend bool operator==(const link_matrix& a, const link_matrix& b) {
    return a.agents_ == b.agents_ && *a.links_ == *b.links_;
  }

 private:
  using table = std::vector<directed_link>;

  [[nodiscard]] std::size_t index(agent_id from, agent_id to) const {
    COMDML_REQUIRE(from.value < agents_ && to.value < agents_, "link ", from, " -> ", to, " of ", agents_, " agents");
    return from.value * agents_ + to.value;
  }

  std::size_t agents_ = 0;
  std::shared_ptr<table> links_;
};

}  // namespace comdml
