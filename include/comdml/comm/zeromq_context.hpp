// SPDX-License-Identifier: BSL-1.0
/// \file
/// Sockets of ZeroMQ with CURVE: how one is made, who is let in, what a monitor tells. The only file that includes
/// zmq.hpp.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zmq.hpp>

#include "comdml/comm/zeromq_keys.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// A new pair, from the system's random numbers.
[[nodiscard]] inline curve_keys make_keys() {
  std::array<char, 41> public_key{};
  std::array<char, 41> secret_key{};
  if (zmq_curve_keypair(public_key.data(), secret_key.data()) != 0)
    throw run_error{"this build of libzmq has no CURVE"};
  const curve_keys keys{public_key.data(), std::string_view{secret_key.data(), 40}};
  ::explicit_bzero(secret_key.data(), secret_key.size());
  return keys;
}

namespace detail {

/// The 32 bytes that a key's 40 characters stand for; throws input_error if they do not.
[[nodiscard]] inline std::string key_bytes(const std::string& key) {
  std::string raw(32, '\0');
  if (!is_curve_key(key) || zmq_z85_decode(reinterpret_cast<std::uint8_t*>(raw.data()), key.c_str()) == nullptr)
    throw input_error{"a peer's key", "is not a public key",
                      "copy the line `public` of the peer's key file: 40 characters"};
  return raw;
}

/// What both kinds of sockets have in common.
struct socket_settings {
  int queue = 8;                 ///< messages in each direction
  int send_buffer = 128 * 1024;  ///< bytes, the kernel's
  seconds heartbeat{2};
  seconds patience{5};       ///< for connecting and for the handshake
  std::int64_t largest = 0;  ///< bytes of a part of a message
  bool ipv6 = false;

  [[nodiscard]] static int milliseconds(seconds time) { return static_cast<int>(std::lround(1000 * time.value())); }

  void apply_to(zmq::socket_t& socket) const {
    socket.set(zmq::sockopt::sndhwm, queue);
    socket.set(zmq::sockopt::rcvhwm, queue);
    socket.set(zmq::sockopt::sndbuf, send_buffer);
    socket.set(zmq::sockopt::maxmsgsize, largest);
    socket.set(zmq::sockopt::handshake_ivl, milliseconds(patience));
    socket.set(zmq::sockopt::ipv6, ipv6);
    socket.set(zmq::sockopt::tcp_keepalive, 1);
    socket.set(zmq::sockopt::tcp_keepalive_idle, 60);
  }
};

/// Keys are given in their 40 characters; libzmq wants them to end with a zero.
inline void set_own_keys(zmq::socket_t& socket, const curve_keys& keys) {
  socket.set(zmq::sockopt::curve_publickey, keys.public_key());
  std::string secret{keys.secret_key()};
  socket.set(zmq::sockopt::curve_secretkey, secret);
  ::explicit_bzero(secret.data(), secret.size());
}

/// A socket that connects to the owner of `server_key`, and to nobody else. Takes messages only while it is connected.
[[nodiscard]] inline zmq::socket_t make_client(zmq::context_t& context, const curve_keys& keys,
                                               const std::string& server_key, const socket_settings& settings) {
  zmq::socket_t socket{context, zmq::socket_type::dealer};
  settings.apply_to(socket);
  socket.set(zmq::sockopt::immediate, true);
  socket.set(zmq::sockopt::linger, 500);
  socket.set(zmq::sockopt::connect_timeout, settings.milliseconds(settings.patience));
  socket.set(zmq::sockopt::reconnect_ivl, 50);
  socket.set(zmq::sockopt::reconnect_ivl_max, 1000);
  // Only the side that sends looks for signs of life: an answer would wait behind what the other side has to send.
  socket.set(zmq::sockopt::heartbeat_ivl, settings.milliseconds(settings.heartbeat));
  socket.set(zmq::sockopt::heartbeat_timeout, settings.milliseconds(settings.heartbeat));
  set_own_keys(socket, keys);
  socket.set(zmq::sockopt::curve_serverkey, server_key);
  return socket;
}

/// A socket to be bound, which lets in whom the context's gatekeeper does.
[[nodiscard]] inline zmq::socket_t make_server(zmq::context_t& context, const curve_keys& keys,
                                               const socket_settings& settings) {
  zmq::socket_t socket{context, zmq::socket_type::router};
  settings.apply_to(socket);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::curve_server, true);
  set_own_keys(socket, keys);
  socket.set(zmq::sockopt::zap_domain, "comdml");
  return socket;
}

/// What libzmq knows of a message, like User-Id.
[[nodiscard]] inline std::string property_of(zmq::message_t& part, const char* name) {
  return part.gets(name);  // NOLINT(clang-analyzer-security.insecureAPI.gets): a member, not the function of C
}

/// All parts of a message; empty if there is none.
[[nodiscard]] inline std::vector<zmq::message_t> receive_parts(zmq::socket_t& socket, std::size_t most) {
  std::vector<zmq::message_t> parts;
  bool more = true;
  while (more) {
    zmq::message_t part;
    if (!socket.recv(part, zmq::recv_flags::dontwait)) break;
    more = part.more();
    if (parts.size() <= most) parts.push_back(std::move(part));  // one too many is kept: a sign for the caller
  }
  return parts;
}

/// Answers the questions of a context's servers whether a key may come in (ZMQ RFC 27). There must be one before any
/// server is bound.
class gatekeeper {
 public:
  explicit gatekeeper(zmq::context_t& context) : socket{context, zmq::socket_type::router} {
    socket.set(zmq::sockopt::linger, 0);
    socket.bind("inproc://zeromq.zap.01");
  }

  /// \param key   40 characters
  /// \param user  what messages of its owner are marked with
  void let_in(const std::string& key, const std::string& user) {
    if (!users_.emplace(key_bytes(key), user).second)
      throw input_error{"peers", "two of them have the same key", "give each agent and observer keys of its own"};
  }

  /// Answers all questions; calls refused(address) for each that is turned away.
  template <class Refused>
  void answer(Refused&& refused) {
    while (true) {
      std::vector<zmq::message_t> question = receive_parts(socket, 16);
      if (question.empty()) return;
      // The asking socket, an empty part; version, number, domain, address, identity, mechanism, the key.
      if (question.size() < 9) continue;
      const auto found = question[7].to_string() == "CURVE" ? users_.find(question[8].to_string()) : users_.end();
      const bool known = found != users_.end();
      if (!known) refused(question[5].to_string());
      socket.send(question[0], zmq::send_flags::sndmore);
      const std::string number = question[3].to_string();
      const std::array<std::string, 7> answer{
          "", "1.0", number, known ? "200" : "400", known ? "OK" : "unknown key", known ? found->second : "", ""};
      for (std::size_t i = 0; i < answer.size(); ++i)
        socket.send(zmq::buffer(answer[i]), i + 1 < answer.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }

  zmq::socket_t socket;

 private:
  std::map<std::string, std::string> users_;  ///< by the 32 bytes of the key
};

/// What happens to a socket's connections. To be destroyed before the socket: libzmq's own thread would wait for ever
/// to tell somebody who does not listen any more, and with it all sockets of the context (libzmq issue 3575).
class connection_monitor {
 public:
  struct happening {
    std::uint16_t event = 0;  ///< ZMQ_EVENT_...
    std::string address{};
  };

  static constexpr int failures =
      ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

  connection_monitor(zmq::context_t& context, zmq::socket_t& watched, const std::string& name, int events)
      : socket{context, zmq::socket_type::pair}, watched_{watched.handle()} {
    if (zmq_socket_monitor(watched_, name.c_str(), events) != 0) throw zmq::error_t{};
    socket.set(zmq::sockopt::linger, 0);
    socket.connect(name);
  }
  ~connection_monitor() { zmq_socket_monitor(watched_, nullptr, 0); }
  connection_monitor(const connection_monitor&) = delete;
  connection_monitor& operator=(const connection_monitor&) = delete;

  [[nodiscard]] std::optional<happening> next() {
    const std::vector<zmq::message_t> parts = receive_parts(socket, 2);
    if (parts.size() != 2 || parts[0].size() < sizeof(std::uint16_t)) return std::nullopt;
    happening told;
    std::memcpy(&told.event, parts[0].data(), sizeof told.event);
    told.address = parts[1].to_string();
    return told;
  }

  zmq::socket_t socket;

 private:
  void* watched_;
};

}  // namespace detail
}  // namespace comdml::comm
