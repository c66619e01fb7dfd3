// SPDX-License-Identifier: BSL-1.0
/// \file
/// For tests: somebody with a key who speaks to an endpoint frame by frame, well or badly.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "comdml/comm/zeromq.hpp"
#include "fleet.hpp"

namespace zeromq_test {

/// Plays agent `self` towards one endpoint: receives its frames on a server of its own, as a peer does.
class stranger {
 public:
  stranger(const test_fleet& all, std::uint32_t self, const std::string& target, const std::string& target_key)
      : stranger{all.keys[self], self, target, target_key} {}
  stranger(comm::curve_keys own, std::uint32_t self, const std::string& target, const std::string& target_key)
      : keys_{std::move(own)},
        id_{self},
        doorman_{context_},
        in_{comm::detail::make_server(context_, keys_, settings())},
        out_{comm::detail::make_client(context_, keys_, target_key, settings())} {
    doorman_.let_in(target_key, "a");
    out_.set(zmq::sockopt::linger, 0);
    in_.bind("tcp://127.0.0.1:*");
    out_.connect(target);
  }

  /// Sends one message of these parts.
  void send(const std::vector<std::vector<std::byte>>& parts) {
    out_.set(zmq::sockopt::sndtimeo, 60'000);
    for (std::size_t i = 0; i < parts.size(); ++i)
      if (!out_.send(zmq::buffer(parts[i]), i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none))
        throw run_error{"a stranger cannot send"};
  }
  void send(comm::detail::frame_head head, std::vector<std::byte> body = {}) {
    head.body_bytes = body.size();
    if (body.empty())
      send({head.write()});
    else
      send({head.write(), std::move(body)});
  }

  /// Introduces itself until both know each other.
  void meet(std::uint64_t fleet = 7) {
    send_hello(fleet);
    while (true) {
      auto [head, body] = receive();
      if (head.kind != comm::detail::frame_kind::hello) continue;
      peer = head.from;
      const auto told = comm::detail::introduction::read(body, agent_id{});
      send({.kind = comm::detail::frame_kind::welcome, .from = incarnation, .to = head.from},
           introduce(fleet, told.nonce));
      return;
    }
  }
  void send_hello(std::uint64_t fleet, std::optional<std::uint32_t> claimed = {}) {
    const auto own = introduce(fleet, 5, claimed.value_or(id_));
    send({.kind = comm::detail::frame_kind::hello, .from = incarnation}, own);
  }
  void send_data(std::uint64_t number, const comm::tag& what, std::vector<std::byte> body) {
    send({.kind = comm::detail::frame_kind::data, .from = incarnation, .to = peer, .sequence = number, .tag = what},
         std::move(body));
  }
  std::pair<comm::detail::frame_head, std::vector<std::byte>> receive() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (std::chrono::steady_clock::now() < end) {
      std::vector<zmq::pollitem_t> items{{doorman_.socket.handle(), 0, ZMQ_POLLIN, 0},
                                         {in_.handle(), 0, ZMQ_POLLIN, 0}};
      zmq::poll(items, std::chrono::milliseconds{1000});
      doorman_.answer([](const std::string&) {});
      const auto parts = comm::detail::receive_parts(in_, 3);
      if (parts.size() < 2) continue;
      const auto bytes = [](const zmq::message_t& part) {
        return std::vector<std::byte>(part.data<std::byte>(), part.data<std::byte>() + part.size());
      };
      return {comm::detail::frame_head::read(bytes(parts[1]), agent_id{}),
              parts.size() == 3 ? bytes(parts[2]) : std::vector<std::byte>{}};
    }
    throw run_error{"a stranger waits in vain"};
  }

  std::uint64_t incarnation = 11;
  std::uint64_t peer = 0;

 private:
  static comm::detail::socket_settings settings() { return {.heartbeat = seconds{20}, .largest = -1}; }
  [[nodiscard]] std::vector<std::byte> introduce(std::uint64_t fleet, std::uint64_t nonce,
                                                 std::uint32_t claimed) const {
    comm::message_writer addresses;
    const std::string own = in_.get(zmq::sockopt::last_endpoint);
    addresses.write(std::uint32_t{1}).write(id_).write_block(std::as_bytes(std::span{own}));
    return comm::detail::introduction{
        .id = agent_id{claimed}, .fleet = fleet, .nonce = nonce, .window = 4, .engine = addresses.take()}
        .write();
  }
  [[nodiscard]] std::vector<std::byte> introduce(std::uint64_t fleet, std::uint64_t nonce) const {
    return introduce(fleet, nonce, id_);
  }

  comm::curve_keys keys_;
  std::uint32_t id_;
  zmq::context_t context_{1};
  comm::detail::gatekeeper doorman_;
  zmq::socket_t in_;
  zmq::socket_t out_;
};

/// Returns when something of this kind has happened; throws if it does not.
inline void await(comm::zeromq_endpoint& line, comm::remote_event_kind kind, std::uint64_t times = 1) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{60};
  while (line.count(kind) < times) {
    if (std::chrono::steady_clock::now() > end) throw run_error{text("never happened: ", kind)};
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
}

}  // namespace zeromq_test
