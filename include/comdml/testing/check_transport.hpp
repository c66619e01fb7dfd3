// SPDX-License-Identifier: BSL-1.0
/// \file
/// Checks a Transport: order, sizes, polling, deadlines, lost peers, published values, and collectives on top of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "comdml/comm/collective.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"

namespace comdml::testing {

/// Options of check_transport.
struct transport_check {
  std::size_t members = 7;               ///< collectives are checked with 1 .. members agents
  std::size_t largest = (1U << 22) + 1;  ///< bytes of the largest message
  std::size_t stream = 200;              ///< messages sent one after another over one channel
  seconds patience{30};                  ///< no call of a sound transport takes longer
};

namespace detail {

/// What the agents of one check do. Every `run` function is one agent; all failures are contract_errors.
template <Transport T>
class transport_checks {
 public:
  transport_checks(T& transport, std::size_t agents, const transport_check& options)
      : transport_{transport}, agents_{agents}, options_{options} {}

  void peers() {
    std::vector<agent_id> others;
    for (const agent_id id : everyone())
      if (id != agent_id{transport_.self()}) others.push_back(id);
    const std::span<const agent_id> told = transport_.peers();
    require(std::vector(told.begin(), told.end()) == others, "peers() are not all others in ascending order");
  }

  void order() {
    if (first()) {
      send(second_tag, message(2, 5));
      send(first_tag, message(1, 5));
      for (std::size_t i = 0; i < options_.stream; ++i) send(first_tag, message(i, 9));
    } else {
      require(receive(first_tag) == message(1, 5), "a message was held up by one with another tag");
      require(receive(second_tag) == message(2, 5), "a message was mixed up with one of another tag");
      for (std::size_t i = 0; i < options_.stream; ++i)
        require(receive(first_tag) == message(i, 9), text("message ", i, " of a channel is out of order"));
    }
  }

  void sizes() {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1000}, options_.largest})
      if (first())
        send(first_tag, message(size, size));
      else
        require(receive(first_tag) == message(size, size), text("a message of ", size, " bytes was changed"));
  }

  void polling() {
    if (first()) {
      receive(first_tag);  // a sign that the other one has polled
      send(second_tag, message(2, 3));
      return;
    }
    const std::vector<comm::channel> channels{{agent_id{0}, first_tag}, {agent_id{0}, second_tag}};
    require(transport_.receive_any(channels, transport_.clock().now()).result == comm::result::timed_out,
            "a poll without any message did not time out");
    send(first_tag, message(1, 3));
    const comm::delivery got = transport_.receive_any(channels, deadline());
    require(got.result == comm::result::ok, text("receive_any: ", got.result));
    require(got.from == agent_id{0} && got.tag == second_tag && got.data == message(2, 3),
            "receive_any gave another message than the only one");
  }

  void deadlines() {
    if (first()) {
      receive(second_tag);  // stays until the other one is through
      return;
    }
    const seconds until = transport_.clock().now() + seconds{0.01};
    const comm::delivery got = transport_.receive(agent_id{0}, first_tag, until);
    require(got.result == comm::result::timed_out, text("a receive of nothing: ", got.result));
    require(got.data.empty(), "a time-out came with data");
    require(transport_.clock().now() >= until, "a receive gave up before its deadline");
    send(second_tag, {});
  }

  void lost_peer() {
    if (first()) return send(first_tag, message(1, 100));
    require(receive(first_tag) == message(1, 100), "the last message of an agent that ended was lost");
    const comm::delivery got = transport_.receive(agent_id{0}, first_tag, transport_.clock().now() + seconds{1});
    require(got.result == comm::result::peer_lost || got.result == comm::result::timed_out,
            text("a receive from an agent that has ended: ", got.result));
  }

  void publishing() {
    if (first()) {
      transport_.publish(message(1, 10));
      transport_.publish(message(2, 20));
      send(first_tag, {});
      receive(second_tag);
      return;
    }
    require(!transport_.peek(agent_id{0}) || transport_.peek(agent_id{0})->age >= seconds{}, "a negative age");
    receive(first_tag);
    const seconds until = deadline();
    auto seen = transport_.peek(agent_id{0});
    while (!seen || seen->data != message(2, 20)) {
      require(transport_.clock().now() < until, "the latest published value cannot be seen");
      (void)transport_.receive(agent_id{0}, second_tag, transport_.clock().now() + seconds{0.01});  // a pause
      seen = transport_.peek(agent_id{0});
    }
    require(seen->age >= seconds{}, "a negative age");
    send(second_tag, {});
  }

  void forgetting() {
    constexpr comm::tag old{1, 1, 0};
    constexpr comm::tag current{2, 1, 0};
    if (first()) {
      send(old, message(1, 10));
      send(current, message(2, 10));
      receive(second_tag);
      for (int i = 0; i < 20; ++i) send(old, message(3, 10));  // more than a window: they take no room
      send(current, message(4, 10));
      return;
    }
    require(receive(current) == message(2, 10), "a message of round 2 was changed");
    transport_.forget_before(round_index{2});
    send(second_tag, {});
    require(receive(current) == message(4, 10), "forget_before(2) dropped a message of round 2");
    const comm::delivery got = transport_.receive(agent_id{0}, old, transport_.clock().now() + seconds{0.01});
    require(got.result != comm::result::ok, "a message of round 1 was received after forget_before(2)");
  }

  template <Collective C>
  void sums(const C& collective) {
    const comm::group all{epoch_index{0}, everyone(), all_linked()};
    std::uint16_t kind = 10;
    for (const std::size_t count : std::initializer_list<std::size_t>{0, 1, 5, 1000}) {
      // Small integers have exact sums; thirds do not, so there the order of summation shows.
      std::vector<float> exact(count);
      std::vector<float> rounded(count);
      std::vector<float> expected(count);
      for (std::size_t i = 0; i < count; ++i) {
        exact[i] = static_cast<float>(i % 7 + std::size_t{10} * rank());
        rounded[i] = static_cast<float>(i + 1) / static_cast<float>(3 + rank());
        expected[i] = static_cast<float>(agents_ * (i % 7) + 5 * agents_ * (agents_ - 1));
      }
      finish(comm::all_reduce(transport_, collective, all, {1, kind++, 0}, exact, deadline()));
      require(exact == expected, text("all_reduce of ", count, " values of ", agents_, " members: wrong sum"));
      finish(comm::all_reduce(transport_, collective, all, {1, kind++, 0}, rounded, deadline()));
      const auto bits = std::as_bytes(std::span{rounded});
      const std::vector<std::byte> mine(bits.begin(), bits.end());
      const comm::gathered everywhere = comm::all_gather(transport_, all, {1, kind++, 0}, mine, deadline());
      finish(everywhere.outcome);
      require(everywhere.records.size() == agents_, "all_gather: not one record per member");
      for (const auto& record : everywhere.records)
        require(record == mine,
                text("all_reduce of ", count, " values of ", agents_, " members: other bits elsewhere"));
    }
  }

  void gathering() {
    const comm::group all{epoch_index{0}, everyone(), all_linked()};
    const comm::gathered got = comm::all_gather(transport_, all, {1, 1, 0}, message(rank(), 10 * rank()), deadline());
    finish(got.outcome);
    require(got.records.size() == agents_, "all_gather: not one record per member");
    for (std::size_t i = 0; i < agents_; ++i)
      require(got.records[i] == message(i, 10 * i), text("all_gather: wrong record of agent ", i));
  }

 private:
  static constexpr comm::tag first_tag{9, 1, 0};
  static constexpr comm::tag second_tag{9, 1, 1};

  static void require(bool good, const std::string& what) {
    if (!good) throw contract_error{"check_transport: " + what};
  }
  [[nodiscard]] std::size_t rank() const { return agent_id{transport_.self()}.value; }
  [[nodiscard]] bool first() const { return rank() == 0; }
  [[nodiscard]] agent_id other() const { return agent_id{first() ? 1U : 0U}; }
  [[nodiscard]] seconds deadline() { return transport_.clock().now() + options_.patience; }
  [[nodiscard]] std::vector<agent_id> everyone() const {
    std::vector<agent_id> ids;
    for (std::uint32_t i = 0; i < agents_; ++i) ids.push_back(agent_id{i});
    return ids;
  }
  [[nodiscard]] link_matrix all_linked() const {
    link_matrix links{agents_};
    for (const agent_id a : everyone())
      for (const agent_id b : everyone())
        if (a != b) links.set(a, b, {bits_per_second::infinity(), {}});
    return links;
  }
  /// Bytes that depend on a number and on their position.
  static std::vector<std::byte> message(std::size_t number, std::size_t size) {
    std::vector<std::byte> data(size);
    for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::byte>((number * 131 + i * 7 + i / 256) & 0xFF);
    return data;
  }
  void send(const comm::tag& what, std::vector<std::byte> data) {
    const comm::result how = transport_.send(other(), what, std::move(data), deadline());
    require(how == comm::result::ok, text("send of ", what, ": ", how));
  }
  std::vector<std::byte> receive(const comm::tag& what) {
    comm::delivery got = transport_.receive(other(), what, deadline());
    require(got.result == comm::result::ok, text("receive of ", what, ": ", got.result));
    require(got.from == other() && got.tag == what, "receive: a message of another channel");
    return std::move(got.data);
  }
  static void finish(const comm::outcome& how) {
    require(how.result == comm::result::ok, text("a collective operation: ", how.result));
  }

  T& transport_;
  std::size_t agents_;
  const transport_check& options_;
};

}  // namespace detail

/// Throws contract_error, saying what failed, if a transport breaks its contract.
/// \param connect  `connect(n, f)` calls f(transport) on n agents with the ids 0 .. n-1, all linked with each other, in
///                 threads or processes of their own; when all have ended it rethrows the exception of one that failed.
///                 Messages of one call must not reach the next.
template <class Connect>
void check_transport(Connect&& connect, const transport_check& options = {}) {
  const auto on = [&](std::size_t agents, auto check) {
    connect(agents, [&]<class T>(T& transport) {
      detail::transport_checks<T> checks{transport, agents, options};
      check(checks);
    });
  };
  on(2, [](auto& agent) { agent.order(); });
  on(2, [](auto& agent) { agent.sizes(); });
  on(2, [](auto& agent) { agent.polling(); });
  on(2, [](auto& agent) { agent.deadlines(); });
  on(2, [](auto& agent) { agent.lost_peer(); });
  on(2, [](auto& agent) { agent.publishing(); });
  on(2, [](auto& agent) { agent.forgetting(); });
  for (std::size_t agents = 1; agents <= options.members; ++agents) {
    on(agents, [](auto& agent) { agent.peers(); });
    on(agents, [](auto& agent) { agent.gathering(); });
    on(agents, [](auto& agent) { agent.sums(comm::ring{}); });
    on(agents, [](auto& agent) { agent.sums(comm::halving_doubling{}); });
  }
}

}  // namespace comdml::testing
