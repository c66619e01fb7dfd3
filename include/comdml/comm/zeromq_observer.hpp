// SPDX-License-Identifier: BSL-1.0
/// \file
/// Asks an agent for the value that it publishes, over its authenticated channel: for tools that look at a running
/// fleet. Needs the component comdml::zeromq.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "comdml/comm/remote_frame.hpp"
#include "comdml/comm/zeromq_context.hpp"
#include "comdml/comm/zeromq_keys.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// One connection to one agent, which knows this key as an observer's.
class zeromq_observer {
 public:
  /// \param server_key  the agent's public key
  zeromq_observer(const std::string& address, const std::string& server_key, const curve_keys& own)
      : line_{detail::make_client(context_, own, server_key, {.largest = 1 << 24})} {
    (void)detail::key_bytes(server_key);
    line_.set(zmq::sockopt::linger, 0);
    try {
      line_.connect(address);
    } catch (const zmq::error_t& error) {
      throw input_error{address, text("is no address to connect to (", error.what(), ")"),
                        "give one like tcp://host:5555"};
    }
  }

  /// The value that the agent published last, empty if it has not published any; nothing if it did not answer in time
  /// or does not know this key.
  [[nodiscard]] std::optional<std::vector<std::byte>> ask(seconds timeout) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>{timeout.value()};
    const frame question = detail::make_frame({.kind = detail::frame_kind::ask}, nullptr);
    if (!wait(ZMQ_POLLOUT, end) || !line_.send(zmq::buffer(question.head), zmq::send_flags::dontwait))
      return std::nullopt;
    while (wait(ZMQ_POLLIN, end)) {
      const std::vector<zmq::message_t> parts = detail::receive_parts(line_, 2);
      if (parts.empty() || parts.size() > 2) continue;
      try {
        const auto head = detail::frame_head::read({parts[0].data<std::byte>(), parts[0].size()}, agent_id{});
        if (head.kind != detail::frame_kind::board) continue;
      } catch (const run_error&) {
        continue;
      }
      if (parts.size() == 1) return std::vector<std::byte>{};
      const auto* data = parts[1].data<std::byte>();
      return std::vector<std::byte>(data, data + parts[1].size());
    }
    return std::nullopt;
  }

 private:
  template <class Time>
  bool wait(short what, Time end) {
    zmq::pollitem_t item{line_.handle(), 0, what, 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    return left.count() >= 0 && zmq::poll(&item, 1, left) > 0;
  }

  zmq::context_t context_{1};
  zmq::socket_t line_;
};

}  // namespace comdml::comm
