// SPDX-License-Identifier: BSL-1.0
/// \file
/// The links of a simulated fleet, side by side in memory, and when each is free again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "comdml/comm/virtual_time.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/rounds.hpp"
#include "comdml/learn/timeline.hpp"

namespace comdml::simulation {

/// Number of a directed link.
using wire_index = std::uint32_t;

/// The directed links of a fleet, numbered by sender, then receiver. Memory: some 10 bytes a link.
class wire_map {
 public:
  static constexpr wire_index none = std::numeric_limits<wire_index>::max();

  explicit wire_map(const link_matrix& links) : links_{links} {
    const auto agents = static_cast<std::uint32_t>(links.agents());
    first_.reserve(agents + 1);
    for (std::uint32_t from = 0; from < agents; ++from) {
      first_.push_back(static_cast<wire_index>(to_.size()));
      links.for_each_link(agent_id{from}, [&](agent_id to, link_matrix::kind_index kind) {
        to_.push_back(to.value);
        kind_.push_back(kind);
      });
      COMDML_REQUIRE(to_.size() < none, to_.size(), " links");
    }
    first_.push_back(static_cast<wire_index>(to_.size()));
    for (std::uint32_t from = 0; from < agents; ++from)
      for (wire_index wire = begin(from); wire < end(from); ++wire)
        both_ways_.push_back(find(agent_id{to_[wire]}, agent_id{from}) != none);
  }

  [[nodiscard]] std::size_t size() const noexcept { return to_.size(); }
  [[nodiscard]] const link_matrix& links() const noexcept { return links_; }

  // The wires from one agent.
  [[nodiscard]] wire_index begin(std::uint32_t from) const { return first_[from]; }
  [[nodiscard]] wire_index end(std::uint32_t from) const { return first_[from + 1]; }

  [[nodiscard]] std::uint32_t to(wire_index wire) const { return to_[wire]; }
  [[nodiscard]] const directed_link& link(wire_index wire) const { return links_.kinds()[kind_[wire]]; }
  /// Whether there is a link back.
  [[nodiscard]] bool both_ways(wire_index wire) const { return both_ways_[wire]; }

  /// none if there is no such link.
  [[nodiscard]] wire_index find(agent_id from, agent_id to) const {
    const auto last = to_.begin() + end(from.value);
    const auto found = std::lower_bound(to_.begin() + begin(from.value), last, to.value);
    return found != last && *found == to.value ? static_cast<wire_index>(found - to_.begin()) : none;
  }

 private:
  link_matrix links_;
  std::vector<wire_index> first_;
  std::vector<std::uint32_t> to_;
  std::vector<link_matrix::kind_index> kind_;
  std::vector<bool> both_ways_;
};

/// What one simulated world knows of its agents and links: the agents' own times, and when each link is through with
/// what it carries. A message arrives as it does under comm::virtual_time.
class clocks {
 public:
  clocks(const fleet::description& fleet, const wire_map& wires)
      : time(fleet.agents.size()), fleet_{&fleet}, wires_{&wires}, free_(wires.size()) {}

  std::vector<seconds> time;            ///< by agent
  learn::timeline* recorder = nullptr;  ///< told what agents do, if there is one

  /// What an agent's time from `begin` to `end` went to. `other`: see learn::span_of_time.
  void record(agent_id agent, learn::activity what, agent_id other, seconds begin, seconds end) const {
    if (recorder != nullptr) recorder->add(agent, {what, other, begin, end});
  }

  void begin_round(round_index round) noexcept { round_ = round; }

  /// Sends so many bytes over a wire. \returns when they arrive
  seconds send(agent_id from, wire_index wire, seconds departure, bytes size) {
    const directed_link link =
        fleet::with_jitter(wires_->link(wire), *fleet_, from, agent_id{wires_->to(wire)}, round_);
    return link_arrival(link, free_[wire], departure, size);
  }

  /// Other links from now on; those that stay keep what they carry.
  void change(const wire_map& wires) {
    std::vector<seconds> free(wires.size());
    for (std::uint32_t from = 0; from < time.size(); ++from) {
      wire_index old = wires_->begin(from);
      for (wire_index wire = wires.begin(from); wire < wires.end(from); ++wire) {
        while (old < wires_->end(from) && wires_->to(old) < wires.to(wire)) ++old;
        if (old < wires_->end(from) && wires_->to(old) == wires.to(wire)) free[wire] = free_[old];
      }
    }
    free_ = std::move(free);
    wires_ = &wires;
  }

  [[nodiscard]] const wire_map& wires() const noexcept { return *wires_; }

 private:
  const fleet::description* fleet_;
  const wire_map* wires_;
  std::vector<seconds> free_;  ///< by wire
  round_index round_{};
};

}  // namespace comdml::simulation
