// SPDX-License-Identifier: BSL-1.0
/// \file
/// A network that fails by a schedule: under the virtual clock a seed gives the same failures again. It looks like a
/// Transport, and breaks its contract: put comm::checked_transport on it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/random.hpp"
#include "comdml/core/units.hpp"
#include "comdml/testing/faults.hpp"

namespace comdml::testing {

/// Deaths are for the network to play (comm::in_process::kill); the rest happens here, to what is received: for that
/// each message carries its number and the time of its departure. Both sides of a link need the same schedule. Any call
/// may throw `restart`.
template <Transport T>
class faulty_transport {
 public:
  /// Refers to both.
  faulty_transport(T& line, const fault_schedule& faults) : line_{line}, faults_{faults} {
    for (const freeze& one : faults.freezes)
      if (one.agent == self()) freezes_.push_back(one);
    std::ranges::sort(freezes_, {}, &freeze::from);
    for (const death& one : faults.restarts)
      if (one.agent == self()) restarts_.push_back(one.when);
    std::ranges::sort(restarts_);
  }

  [[nodiscard]] agent_id self() const { return line_.self(); }
  [[nodiscard]] std::span<const agent_id> peers() const { return line_.peers(); }
  [[nodiscard]] decltype(auto) clock() { return line_.clock(); }

  [[nodiscard]] comm::result send(agent_id to, const comm::tag& what, std::vector<std::byte> data, seconds deadline) {
    suffer();
    if (faults_.visibly_separates(line_.clock().now(), self(), to)) return comm::result::peer_lost;
    comm::message_writer labelled;
    labelled.write(line_.clock().now().value()).write(sent_[to]++).write_rest(data);
    const comm::result how = line_.send(to, what, labelled.take(), deadline);
    return how == comm::result::peer_lost && faults_.silent ? comm::result::ok : how;
  }
  [[nodiscard]] comm::delivery receive(agent_id from, const comm::tag& what, seconds deadline) {
    const comm::channel one{from, what};
    return receive_any(std::span{&one, 1}, deadline);
  }
  [[nodiscard]] comm::delivery receive_any(std::span<const comm::channel> channels, seconds deadline) {
    std::set<agent_id> ended;  // peers of which nothing is under way in these channels, but for what is late
    while (true) {
      suffer();
      const auto first = earliest(channels);
      if (first != late_.end() && first->arrival <= line_.clock().now()) {
        comm::delivery got{comm::result::ok, first->where.from, first->where.tag, std::move(first->data)};
        late_.erase(first);
        return got;
      }
      std::vector<comm::channel> open;
      for (const comm::channel& one : channels) {
        const bool has_ended = ended.contains(one.from);
        if (faults_.visibly_separates(line_.clock().now(), self(), one.from) ||
            (has_ended && !faults_.silent && !is_late(channels, one.from)))
          return {comm::result::peer_lost, one.from, one.tag};
        if (!has_ended) open.push_back(one);
      }
      seconds until = std::min(deadline, faults_.next_notice(line_.clock().now()));
      if (first != late_.end()) until = std::min(until, first->arrival);
      const comm::delivery got = line_.receive_any(open, until);
      if (got.result == comm::result::ok)
        take(got);
      else if (got.result == comm::result::peer_lost)
        ended.insert(got.from);
      else if (line_.clock().now() >= deadline)
        return channels.empty() ? got : comm::delivery{got.result, channels[0].from, channels[0].tag};
    }
  }
  void forget_before(round_index round) {
    std::erase_if(late_, [&](const late& one) { return one.where.tag.round < round.value; });
    line_.forget_before(round);
  }
  void publish(std::vector<std::byte> data) { line_.publish(std::move(data)); }
  [[nodiscard]] auto peek(agent_id peer) { return line_.peek(peer); }

 private:
  struct late {
    seconds arrival{};
    comm::channel where{};
    std::vector<std::byte> data{};
  };

  void suffer() {
    while (!freezes_.empty() && freezes_.front().from <= line_.clock().now()) {
      const seconds rest = freezes_.front().duration;
      freezes_.erase(freezes_.begin());
      line_.clock().compute(rest, [] {});
    }
    if (!restarts_.empty() && restarts_.front() <= line_.clock().now()) {
      restarts_.erase(restarts_.begin());
      throw restart{};
    }
  }

  /// What becomes of a message.
  void take(const comm::delivery& got) {
    comm::message_reader labelled{got.data, got.from};
    const seconds departure{labelled.read<double>()};
    const auto number = labelled.read<std::uint32_t>();
    const auto rest = labelled.read_bytes(labelled.rest());
    std::vector<std::byte> data(rest.begin(), rest.end());
    // One stream per message of a link: what happens to it depends on nothing else.
    random_stream rng{faults_.seed * 64 + self().value, got.from, round_index{number}, purpose::testing};
    if (faults_.separates(departure, got.from, self()) || rng.uniform() < faults_.drop) return;
    const auto arrival = [&] {
      const seconds now = line_.clock().now();
      return rng.uniform() < faults_.delay ? now + faults_.longest_delay * rng.uniform() : now;
    };
    if (rng.uniform() < faults_.truncate) data.resize(rng.below(data.size() + 1));
    const comm::channel where{got.from, got.tag};
    if (rng.uniform() < faults_.duplicate) late_.push_back({arrival(), where, data});
    late_.push_back({arrival(), where, std::move(data)});
  }

  [[nodiscard]] typename std::vector<late>::iterator earliest(std::span<const comm::channel> channels) {
    auto best = late_.end();
    for (auto one = late_.begin(); one != late_.end(); ++one)
      if (std::ranges::find(channels, one->where) != channels.end() &&
          (best == late_.end() || std::tie(one->arrival, one->where) < std::tie(best->arrival, best->where)))
        best = one;
    return best;
  }
  [[nodiscard]] bool is_late(std::span<const comm::channel> channels, agent_id peer) const {
    return std::ranges::any_of(late_, [&](const late& one) {
      return one.where.from == peer && std::ranges::find(channels, one.where) != channels.end();
    });
  }

  T& line_;
  const fault_schedule& faults_;
  std::vector<freeze> freezes_;
  std::vector<seconds> restarts_;
  std::map<agent_id, std::uint32_t> sent_;
  std::vector<late> late_;
};

}  // namespace comdml::testing
