// SPDX-License-Identifier: BSL-1.0
/// \file
/// Makes a sound channel of one that repeats, cuts, overtakes or loses: what arrives is in order, whole, and there
/// once; what is lost stops its channel. Models Transport.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/digest.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// Numbers the messages of each channel and seals them with a digest: 12 bytes more each. After a lost message nothing
/// of its channel is received any more, until a deadline tells; only messages of no round (comm::tag) go on behind it.
template <Transport T>
class checked_transport {
 public:
  /// Messages of a channel that wait for an earlier one; more than that are lost.
  static constexpr std::size_t most_early = 64;

  explicit checked_transport(T& line) : line_{line} {}

  [[nodiscard]] agent_id self() const { return line_.self(); }
  [[nodiscard]] std::span<const agent_id> peers() const { return line_.peers(); }
  [[nodiscard]] decltype(auto) clock() { return line_.clock(); }

  [[nodiscard]] result send(agent_id to, const tag& what, std::vector<std::byte> data, seconds deadline) {
    if (what.round < first_round_.value) return result::ok;
    std::uint32_t& number = sent_[{to, what}];
    message_writer sealed;
    sealed.write(number).write(digest(number, data)).write_rest(data);
    const result how = line_.send(to, what, sealed.take(), deadline);
    if (how == result::ok) ++number;
    return how;
  }
  [[nodiscard]] delivery receive(agent_id from, const tag& what, seconds deadline) {
    const channel one{from, what};
    return receive_any(std::span{&one, 1}, deadline);
  }
  [[nodiscard]] delivery receive_any(std::span<const channel> channels, seconds deadline) {
    for (const channel& one : channels)
      if (auto next = next_early(one)) return *std::move(next);
    while (true) {
      delivery got = line_.receive_any(channels, deadline);
      if (got.result != result::ok || accept(got)) return got;
    }
  }
  void forget_before(round_index round) {
    first_round_ = std::max(first_round_, round);
    const auto old = [&](const auto& entry) { return entry.first.tag.round < first_round_.value; };
    std::erase_if(sent_, old);
    std::erase_if(received_, old);
    line_.forget_before(round);
  }
  void publish(std::vector<std::byte> data) { line_.publish(std::move(data)); }
  [[nodiscard]] auto peek(agent_id peer) { return line_.peek(peer); }

 private:
  struct incoming {
    std::uint32_t expected = 0;
    std::map<std::uint32_t, std::vector<std::byte>> early;
  };

  [[nodiscard]] static std::uint64_t digest(std::uint32_t number, std::span<const std::byte> data) {
    digest64 all;
    all.update(std::as_bytes(std::span{&number, 1}));
    all.update(data);
    return all.value();
  }

  /// Opens a message. \returns whether it is the next one of its channel
  bool accept(delivery& got) {
    constexpr std::size_t head = sizeof(std::uint32_t) + sizeof(std::uint64_t);
    if (got.data.size() < head || got.tag.round < first_round_.value) return false;
    message_reader sealed{got.data, got.from};
    const auto number = sealed.read<std::uint32_t>();
    const auto told = sealed.read<std::uint64_t>();
    if (told != digest(number, sealed.read_bytes(sealed.rest()))) return false;
    got.data.erase(got.data.begin(), got.data.begin() + head);

    incoming& own = received_[{got.from, got.tag}];
    if (number < own.expected) return false;
    if (number > own.expected && !got.tag.may_get_lost()) {
      if (own.early.size() < most_early) own.early.try_emplace(number, std::move(got.data));
      return false;
    }
    own.expected = number + 1;
    return true;
  }

  [[nodiscard]] std::optional<delivery> next_early(const channel& one) {
    const auto own = received_.find(one);
    if (own == received_.end()) return std::nullopt;
    const auto next = own->second.early.find(own->second.expected);
    if (next == own->second.early.end()) return std::nullopt;
    delivery got{result::ok, one.from, one.tag, std::move(next->second)};
    own->second.early.erase(next);
    ++own->second.expected;
    return got;
  }

  T& line_;
  round_index first_round_{};
  std::map<channel, std::uint32_t> sent_;  ///< messages so far; here `from` is the receiver
  std::map<channel, incoming> received_;
};

}  // namespace comdml::comm
