// SPDX-License-Identifier: BSL-1.0
/// \file
/// Measures links by a short exchange over any Transport: round trips for the latency, a burst for the rate.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// Options of measure_link and measure_links. All agents must use the same ones.
struct link_measurement {
  std::uint16_t round_trips = 5;           ///< at least two: the first may find the peer busy
  std::uint16_t burst = 8;                 ///< messages; at least two
  std::size_t message_size = 1 << 16;      ///< bytes of each of them
  seconds patience = seconds::infinity();  ///< for one message
};

/// What an exchange with a peer gave. The links are meaningful if the result is ok.
struct measured_link {
  agent_id peer{};
  comm::result result = comm::result::timed_out;
  directed_link to{};    ///< from this agent to the peer
  directed_link from{};  ///< from the peer to this agent
};

namespace detail {

/// One agent's part of an exchange; step numbers go on from part to part, so that every message has a channel of its
/// own, and no window stalls a burst.
template <Transport T>
class link_exchange {
 public:
  link_exchange(T& line, agent_id peer, const tag& what, const link_measurement& how)
      : line_{line}, peer_{peer}, tag_{what}, how_{how} {}

  [[nodiscard]] bool send(std::vector<std::byte> data) {
    if (failure == result::ok) failure = line_.send(peer_, next(), std::move(data), deadline());
    return failure == result::ok;
  }
  /// The message; empty if there was none.
  [[nodiscard]] std::vector<std::byte> receive() {
    if (failure != result::ok) return {};
    delivery got = line_.receive(peer_, next(), deadline());
    failure = got.result;
    return std::move(got.data);
  }

  /// The shortest round trip of empty messages.
  [[nodiscard]] seconds ask() {
    seconds shortest = seconds::infinity();
    for (std::uint16_t i = 0; i < how_.round_trips; ++i) {
      const seconds begin = line_.clock().now();
      if (!send({})) break;
      (void)receive();
      shortest = std::min(shortest, line_.clock().now() - begin);
    }
    return shortest;
  }
  void answer() {
    for (std::uint16_t i = 0; i < how_.round_trips; ++i) {
      (void)receive();
      if (!send({})) break;
    }
  }

  /// A burst is timed where it arrives, from the first message's end to the last one's, so clocks need not agree.
  void send_burst() {
    for (std::uint16_t i = 0; i < how_.burst; ++i)
      if (!send(std::vector<std::byte>(how_.message_size))) break;
  }
  [[nodiscard]] bits_per_second receive_burst() {
    (void)receive();
    const seconds begin = line_.clock().now();
    for (std::uint16_t i = 1; i < how_.burst; ++i) (void)receive();
    const double bits = 8.0 * static_cast<double>(how_.burst - 1) * static_cast<double>(how_.message_size);
    return bits_per_second{bits / (line_.clock().now() - begin).value()};
  }

  [[nodiscard]] bool tell(double value) { return send(message_writer{}.write(value).take()); }
  [[nodiscard]] double listen() {
    const std::vector<std::byte> data = receive();
    if (failure != result::ok) return 0;
    message_reader from{data, peer_};
    const auto value = from.template read<double>();
    from.finish();
    return value;
  }

  result failure = result::ok;

 private:
  [[nodiscard]] tag next() {
    tag now = tag_;
    now.step = static_cast<std::uint16_t>(tag_.step + step_++);
    return now;
  }
  [[nodiscard]] seconds deadline() const { return line_.clock().now() + how_.patience; }

  T& line_;
  agent_id peer_;
  tag tag_;
  const link_measurement& how_;
  std::uint16_t step_ = 0;
};

}  // namespace detail

/// Measures both directions of the link to a peer, which must do the same at the same time; both get the same numbers.
/// A rate is that of a burst of messages where it arrives. The latency is half of the shortest round trip, for either
/// direction: without a common clock the two cannot be told apart. Under a virtual clock, with nothing else on the
/// link, the result is the link.
/// \param what  a tag that nothing else uses, nor any of the 2 (round_trips + burst) + 4 steps after it
/// \throws run_error if the peer's message makes no sense
template <Transport T>
[[nodiscard]] measured_link measure_link(T& line, agent_id peer, const tag& what, const link_measurement& how = {}) {
  COMDML_REQUIRE(how.round_trips > 1 && how.burst > 1 && how.message_size > 0, how.round_trips, " round trips, ",
                 how.burst, " messages of ", how.message_size, " bytes");
  const bool first = line.self() < peer;
  detail::link_exchange<T> exchange{line, peer, what, how};
  measured_link link{.peer = peer};
  double latency = 0;
  if (first) {
    latency = exchange.ask().value() / 2;
    exchange.send_burst();
    link.to.rate = bits_per_second{exchange.listen()};
    link.from.rate = exchange.receive_burst();
    if (exchange.tell(link.from.rate.value())) (void)exchange.tell(latency);
  } else {
    exchange.answer();
    link.from.rate = exchange.receive_burst();
    if (exchange.tell(link.from.rate.value())) exchange.send_burst();
    link.to.rate = bits_per_second{exchange.listen()};
    latency = exchange.listen();
  }
  link.result = exchange.failure;
  if (link.result != result::ok) return {.peer = peer, .result = link.result};
  if (!(link.to.rate.value() > 0 && link.from.rate.value() > 0 && latency >= 0))
    throw malformed_message{
        peer, text("agent ", peer, " reports a link of ", link.to.rate.value(), " bits/s and ", latency, " s")};
  link.to.latency = link.from.latency = seconds{latency};
  return link;
}

/// Measures the links to all peers, in the order of the pairs (lower id, higher id); every agent of the fleet must take
/// part. An agent measures one link at a time. A peer that does not answer costs `patience`, and is said to be lost.
template <Transport T>
[[nodiscard]] std::vector<measured_link> measure_links(T& line, const tag& what, const link_measurement& how = {}) {
  std::vector<measured_link> links;
  for (const agent_id peer : line.peers()) links.push_back(measure_link(line, peer, what, how));
  return links;
}

}  // namespace comdml::comm
