// SPDX-License-Identifier: BSL-1.0
/// \file
/// comm::all_gather and comm::all_reduce without threads: who waits for whom is fixed, so the agents' times follow from
/// each other step by step.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "comdml/comm/codec.hpp"
#include "comdml/comm/collective.hpp"
#include "comdml/comm/message.hpp"
#include "comdml/comm/routes.hpp"
#include "comdml/comm/schedule.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/simulation/wires.hpp"

namespace comdml::simulation {

/// Collective operations of a group. The ways along which messages are relayed are worked out once per group, and only
/// where some have no direct link.
class collectives {
 public:
  /// \param members  ascending; they must be connected
  /// \param codec    by which the values of sums travel
  explicit collectives(const wire_map& wires, std::vector<agent_id> members,
                       comm::wire_codec codec = comm::wire_codec{comm::fp32{}})
      : wires_{&wires}, members_{std::move(members)}, codec_{codec} {
    std::vector<comm::transfer> there;
    std::vector<comm::transfer> back;
    for (std::size_t rank = 1; rank < members_.size(); ++rank) {
      there.push_back({rank, 0});
      back.push_back({0, rank});
    }
    const auto later = [](index_range) { return bytes{}; };  // sizes are known when records are exchanged
    gather_ = compile(there, later);
    scatter_ = compile(back, later);
  }

  [[nodiscard]] const std::vector<agent_id>& members() const noexcept { return members_; }

  /// An exchange with all of records of so many bytes: of the first member, and of each other one.
  void exchange(clocks& world, std::size_t first, std::size_t others) {
    play(world, gather_, bytes{static_cast<double>(others)});
    const std::size_t all = block(first) + (members_.size() - 1) * block(others);
    play(world, scatter_, bytes{static_cast<double>(all)});
  }
  void exchange(clocks& world, std::size_t record) { exchange(world, record, record); }

  /// The sum of vectors of so many values. \returns bytes sent by all members and relays together
  template <Collective C>
  bytes sum(clocks& world, const C& collective, std::size_t values) {
    auto found = sums_.find(values);
    if (found == sums_.end()) {
      if (sums_.size() >= most_sums) sums_.clear();
      found = sums_.try_emplace(values).first;
      const bool coded = std::string_view{codec_.name} != comm::fp32::name;
      const comm::coded_blocks<comm::wire_codec> blocks{codec_, values};
      const auto size = [&](index_range range) {
        return bytes{static_cast<double>(coded ? blocks.bytes_of(range) : sizeof(float) * range.size())};
      };
      for (const auto& step : collective.plan(members_.size(), coded ? blocks.count() : values).steps) {
        std::vector<hop> hops = compile(step, size);
        std::ranges::move(hops, std::back_inserter(found->second));
      }
    }
    bytes sent{};
    for (const hop& one : found->second) {
      play(world, one, std::nullopt);
      for (const message& each : one) sent += each.size;
    }
    return sent;
  }

 private:
  struct message {
    wire_index wire;
    std::uint32_t from;
    std::uint32_t to;
    bytes size;
  };
  /// In the order in which each member sends: all of a hop are sent before one is waited for.
  using hop = std::vector<message>;

  /// Vectors of different length, as other cuts are used, whose messages are kept.
  static constexpr std::size_t most_sums = 4;

  /// A record in a message of all records.
  static std::size_t block(std::size_t record) {
    return comm::message_writer{}.write_block(std::vector<std::byte>(record)).take().size();
  }

  /// `size_of` tells the bytes of a range of values.
  template <class Size>
  [[nodiscard]] std::vector<hop> compile(const std::vector<comm::transfer>& step, const Size& size_of) {
    std::vector<hop> hops;
    for (const comm::transfer& move : step) {
      const bytes size = size_of(move.values);
      const auto add = [&](std::size_t number, agent_id from, agent_id to, wire_index wire) {
        if (hops.size() <= number) hops.resize(number + 1);
        hops[number].push_back({wire, from.value, to.value, size});
      };
      const agent_id from = members_[move.from_rank];
      const agent_id to = members_[move.to_rank];
      if (const wire_index wire = wires_->find(from, to); wire != wire_map::none) {
        add(0, from, to, wire);
        continue;
      }
      const std::vector<agent_id>& path = path_of(from, to);
      for (std::size_t i = 0; i + 1 < path.size(); ++i)
        add(i, path[i], path[i + 1], wires_->find(path[i], path[i + 1]));
    }
    return hops;
  }

  const std::vector<agent_id>& path_of(agent_id from, agent_id to) {
    if (!routes_) routes_.emplace(wires_->links(), members_);
    std::vector<agent_id>& path = paths_[{from, to}];
    if (path.empty()) path = routes_->path(from, to);
    return path;
  }

  void play(clocks& world, const std::vector<hop>& hops, std::optional<bytes> size) {
    for (const hop& one : hops) play(world, one, size);
  }
  void play(clocks& world, const hop& one, std::optional<bytes> size) {
    arrivals_.clear();
    for (const message& each : one)
      arrivals_.push_back(world.send(agent_id{each.from}, each.wire, world.time[each.from], size.value_or(each.size)));
    for (std::size_t i = 0; i < one.size(); ++i) {
      seconds& time = world.time[one[i].to];
      time = std::max(time, arrivals_[i]);
    }
  }

  const wire_map* wires_;
  std::vector<agent_id> members_;
  comm::wire_codec codec_;
  std::optional<comm::routes> routes_;
  std::map<std::pair<agent_id, agent_id>, std::vector<agent_id>> paths_;
  std::vector<hop> gather_;
  std::vector<hop> scatter_;
  std::map<std::size_t, std::vector<hop>> sums_;  ///< by number of values
  std::vector<seconds> arrivals_;
};

}  // namespace comdml::simulation
