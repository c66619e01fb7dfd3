// SPDX-License-Identifier: BSL-1.0
/// \file
/// Agents that are processes on different machines, over ZeroMQ: encrypted, and certain of who sends (CURVE). Needs the
/// component comdml::zeromq.
#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

#include "comdml/comm/message.hpp"
#include "comdml/comm/remote_endpoint.hpp"
#include "comdml/comm/zeromq_address.hpp"
#include "comdml/comm/zeromq_context.hpp"
#include "comdml/comm/zeromq_keys.hpp"
#include "comdml/concepts.hpp"

namespace comdml::comm {

/// Another agent. Without an address, it is learned from those that know it.
struct zeromq_peer {
  agent_id id{};
  std::string key{};  ///< public
  std::string address{};
};

struct zeromq_options {
  agent_id self{};
  curve_keys keys;
  std::string bind{};       ///< like tcp://*:5555; port * takes a free one
  std::string advertise{};  ///< what others are told, if that is another address
  std::vector<zeromq_peer> peers{};
  std::vector<std::string> observers{};  ///< public keys that may ask for the published value, and nothing else
  std::size_t largest_message = std::size_t{1} << 28;  ///< bytes
  /// How often a silent peer is asked for a sign of life, and how long it may take: at least 3 x 256 KiB / the rate of
  /// the slowest link, or peers that live are cut off.
  seconds heartbeat{2};
  bool ipv6 = false;
};

/// Each agent binds one socket, on which it only receives, and has one to each peer, on which it only sends: so the
/// sender of every message is the owner of the key of its connection.
class zeromq_engine {
 public:
  /// Throws input_error if a key is none or the address cannot be bound.
  explicit zeromq_engine(zeromq_options options)
      : options_{std::move(options)}, doorman_{context_}, server_{make_server(context_, options_.keys, settings())} {
    for (const zeromq_peer& peer : options_.peers) {
      COMDML_REQUIRE(peer.id != options_.self, "agent ", peer.id, " is its own peer");
      COMDML_REQUIRE(!ways_.contains(peer.id), "agent ", peer.id, " is named twice");
      doorman_.let_in(peer.key, text("a", peer.id));
      way& to = ways_[peer.id];
      to.key = peer.key;
      if (!peer.address.empty()) to.learn(peer.address, way::configured);
    }
    for (const std::string& key : options_.observers) doorman_.let_in(key, observer);
    for (const auto& [id, to] : ways_) ids_.push_back(id);
    server_monitor_.emplace(context_, server_, "inproc://server",
                            connection_monitor::failures | ZMQ_EVENT_DISCONNECTED);
    try {
      server_.bind(options_.bind);
    } catch (const zmq::error_t& error) {
      throw input_error{options_.bind, text("this address cannot be bound (", error.what(), ")"),
                        "give one of this machine that is free, like tcp://*:5555"};
    }
    address_ = server_.get(zmq::sockopt::last_endpoint);
    if (wake_.descriptor < 0) throw run_error{"no event descriptor is left"};
  }
  zeromq_engine(const zeromq_engine&) = delete;
  zeromq_engine& operator=(const zeromq_engine&) = delete;

  /// Where the socket is bound; names the port that was taken.
  [[nodiscard]] const std::string& address() const noexcept { return address_; }

  [[nodiscard]] agent_id self() const noexcept { return options_.self; }
  [[nodiscard]] std::span<const agent_id> peers() const noexcept { return ids_; }
  [[nodiscard]] std::size_t largest_message() const noexcept { return options_.largest_message; }

  [[nodiscard]] bool send(agent_id to, const frame& what) {
    way& on = ways_.at(to);
    if (!on.line) return false;
    const auto more = what.body ? zmq::send_flags::sndmore : zmq::send_flags::none;
    if (!on.line->send(zmq::buffer(what.head), more | zmq::send_flags::dontwait)) {
      on.full = true;
      return false;
    }
    if (what.body) {
      auto* kept = new kept_body{what.body};
      kept->published.store(true, std::memory_order_release);
      auto* data = const_cast<std::byte*>(what.body->data());  // never written to
      zmq::message_t part{data, what.body->size(), release, kept};
      (void)on.line->send(std::move(part), zmq::send_flags::dontwait);  // fails only if the connection is gone
    }
    return true;
  }

  void poll(engine_owner& owner, seconds patience) {
    connect_where_due(owner);
    if (!unusable_.empty()) owner.happened({remote_event_kind::unusable_address, std::nullopt, unusable_});
    unusable_.clear();
    std::vector<zmq::pollitem_t> items{{nullptr, wake_.descriptor, ZMQ_POLLIN, 0},
                                       {doorman_.socket.handle(), 0, ZMQ_POLLIN, 0},
                                       {server_monitor_->socket.handle(), 0, ZMQ_POLLIN, 0},
                                       {server_.handle(), 0, ZMQ_POLLIN, 0}};
    for (auto& [id, to] : ways_) {
      if (!to.line) continue;
      items.push_back({to.monitor->socket.handle(), 0, ZMQ_POLLIN, 0});
      if (to.connected && to.full) items.push_back({to.line->handle(), 0, ZMQ_POLLOUT, 0});
      to.full = false;
    }
    wait(items, std::min(patience, until_retry()));
    doorman_.answer([&](const std::string& from) {
      owner.happened({remote_event_kind::unknown_key, std::nullopt, text("from ", from)});
    });
    while (const auto told = server_monitor_->next())
      owner.happened(
          {told->event == ZMQ_EVENT_DISCONNECTED ? remote_event_kind::closed : remote_event_kind::bad_handshake,
           std::nullopt, text("a connection to ", told->address)});
    for (auto& [id, to] : ways_) watch(owner, id, to);
    for (int i = 0; i < 64 && receive(owner); ++i) {
    }
  }
  void wake() noexcept {
    const std::uint64_t one = 1;
    (void)!::write(wake_.descriptor, &one, sizeof one);
  }

  /// The addresses that are known.
  [[nodiscard]] std::vector<std::byte> introduction() const {
    message_writer out;
    out.write(static_cast<std::uint32_t>(1 + ways_.size()));
    const auto add = [&](agent_id id, std::string_view address) {
      out.write(id.value).write_block(std::as_bytes(std::span{address}));
    };
    add(options_.self, options_.advertise.empty() ? address_ : options_.advertise);
    for (const auto& [id, to] : ways_) add(id, to.address);
    return out.take();
  }
  [[nodiscard]] bool introduced(agent_id from, std::span<const std::byte> block) {
    message_reader in{block, from};
    const auto count = in.read<std::uint32_t>();
    bool news = false;
    for (std::uint32_t i = 0; i < count; ++i) {
      const agent_id id{in.read<std::uint32_t>()};
      const auto bytes = in.read_block();
      const auto found = ways_.find(id);
      if (bytes.empty() || found == ways_.end()) continue;  // not known yet; or this agent, or one without a key here
      std::string address(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      if (id == from) address = with_host(std::move(address), found->second.host);
      if (is_tcp_address(address) && !is_wildcard(address))
        news |= found->second.learn(address, id == from ? way::own_word : way::hearsay);
      else if (unusable_.empty())
        unusable_ = text("agent ", from, " tells an address of agent ", id, " that cannot be used");
    }
    in.finish();
    return news;
  }

 private:
  using connection_monitor = detail::connection_monitor;
  using clock = std::chrono::steady_clock;
  static constexpr const char* observer = "o";

  /// Keeps a body until libzmq is through with it, on a thread of its own; `published` shows that to tools that do not
  /// see into libzmq.
  struct kept_body {
    shared_bytes body;
    std::atomic<bool> published{false};
  };
  static void release(void*, void* hint) {
    auto* kept = static_cast<kept_body*>(hint);
    (void)kept->published.load(std::memory_order_acquire);
    delete kept;
  }

  /// The way to a peer.
  struct way {
    /// Who told the address; a better source is not overruled by a lesser one.
    enum source { nobody, hearsay, configured, own_word };

    /// \returns whether the address is another one now
    bool learn(const std::string& other, source from) {
      if (connected || from < told_by || other == address) return false;
      address = other;
      told_by = from;
      moved = true;
      return true;
    }

    std::string key;
    std::string address;
    source told_by = nobody;
    bool moved = false;  ///< to be connected anew
    std::string host;    ///< from where it connects to this agent
    std::optional<zmq::socket_t> line;
    std::optional<connection_monitor> monitor;
    bool connected = false;
    bool full = false;
    std::optional<clock::time_point> retry;
  };

  [[nodiscard]] detail::socket_settings settings() const {
    constexpr std::int64_t slack = 1 << 16;
    return {.heartbeat = options_.heartbeat,
            .largest = static_cast<std::int64_t>(options_.largest_message) + slack,
            .ipv6 = options_.ipv6};
  }

  void connect_where_due(engine_owner& owner) {
    for (auto& [id, to] : ways_) {
      if (!to.moved && !(to.retry && *to.retry <= clock::now())) continue;
      if (to.line) to.line->set(zmq::sockopt::linger, 0);
      to.monitor.reset();
      to.line.reset();
      to.moved = false;
      to.retry.reset();
      if (std::exchange(to.connected, false)) owner.disconnected(id);
      try {
        to.line.emplace(make_client(context_, options_.keys, to.key, settings()));
        to.monitor.emplace(context_, *to.line, text("inproc://way-", ++names_),
                           connection_monitor::failures | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED);
        to.line->connect(to.address);
      } catch (const zmq::error_t& error) {
        owner.happened({remote_event_kind::unusable_address, id, text(to.address, ": ", error.what())});
        to.monitor.reset();
        to.line.reset();
      }
    }
  }
  [[nodiscard]] seconds until_retry() const {
    seconds rest = seconds::infinity();
    for (const auto& [id, to] : ways_)
      if (to.retry) rest = std::min(rest, seconds{std::chrono::duration<double>{*to.retry - clock::now()}.count()});
    return rest;
  }

  static void wait(std::vector<zmq::pollitem_t>& items, seconds patience) {
    const double milliseconds = std::clamp(std::ceil(1000 * patience.value()), 0.0, 60'000.0);
    try {
      zmq::poll(items, std::chrono::milliseconds{static_cast<long>(milliseconds)});
    } catch (const zmq::error_t& error) {
      if (error.num() != EINTR) throw;
    }
    std::uint64_t ignored = 0;
    if ((items[0].revents & ZMQ_POLLIN) != 0) (void)!::read(items[0].fd, &ignored, sizeof ignored);
  }

  /// A line whose connection ended is made anew: libzmq does not try again after every error, and what is queued in it
  /// will be sent again anyway.
  void watch(engine_owner& owner, agent_id id, way& to) {
    if (!to.line) return;
    while (const auto told = to.monitor->next()) {
      if (told->event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
        if (!std::exchange(to.connected, true)) owner.connected(id);
        continue;
      }
      if ((told->event & connection_monitor::failures) != 0)
        owner.happened({remote_event_kind::bad_handshake, id, text("of agent ", id, " at ", to.address)});
      to.retry = clock::now() + std::chrono::milliseconds{to.connected ? 10 : 500};
      if (std::exchange(to.connected, false)) owner.disconnected(id);
    }
  }

  /// \returns whether there was a message
  bool receive(engine_owner& owner) {
    constexpr std::size_t most = 3;  // where from, head, body
    std::vector<zmq::message_t> parts = detail::receive_parts(server_, most);
    if (parts.empty()) return false;
    const std::string user = detail::property_of(parts.back(), "User-Id");
    const bool whole = parts.size() == most || parts.size() + 1 == most;
    if (user == observer) {
      if (whole) answer(owner, parts);
      return true;
    }
    const agent_id from{static_cast<std::uint32_t>(std::stoul(user.substr(1)))};
    if (!whole) {
      owner.happened({remote_event_kind::malformed, from,
                      text("agent ", from, " sent a message in ", parts.size() - 1,
                           parts.size() > most ? " or more parts" : " parts")});
      return true;
    }
    ways_.at(from).host = detail::property_of(parts[1], "Peer-Address");
    const auto bytes_of = [](const zmq::message_t& part) { return std::span{part.data<std::byte>(), part.size()}; };
    std::vector<std::byte> body;
    if (parts.size() == most) body.assign(bytes_of(parts[2]).begin(), bytes_of(parts[2]).end());
    owner.arrived(from, bytes_of(parts[1]), std::move(body));
    return true;
  }
  void answer(engine_owner& owner, std::vector<zmq::message_t>& parts) {
    try {
      const std::span head{parts[1].data<std::byte>(), parts[1].size()};
      if (detail::frame_head::read(head, options_.self).kind != detail::frame_kind::ask) throw run_error{"no question"};
    } catch (const run_error&) {
      return owner.happened(
          {remote_event_kind::malformed, std::nullopt, "an observer sent something else than a question"});
    }
    const shared_bytes board = owner.board();
    const frame reply =
        detail::make_frame({.kind = detail::frame_kind::board, .sequence = board ? std::uint64_t{1} : 0}, board);
    constexpr auto now = zmq::send_flags::dontwait;
    if (!server_.send(parts[0], zmq::send_flags::sndmore | now)) return;
    (void)server_.send(zmq::buffer(reply.head), (board ? zmq::send_flags::sndmore : zmq::send_flags::none) | now);
    if (board) (void)server_.send(zmq::buffer(*board), now);
  }

  zeromq_options options_;
  std::vector<agent_id> ids_;
  std::string address_;
  detail::open_file wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::string unusable_;
  std::size_t names_ = 0;
  zmq::context_t context_{1};
  detail::gatekeeper doorman_;
  zmq::socket_t server_;
  std::optional<connection_monitor> server_monitor_;
  std::map<agent_id, way> ways_;
};

static_assert(Engine<zeromq_engine>);

using zeromq_endpoint = remote_endpoint<zeromq_engine>;
static_assert(Transport<zeromq_endpoint>);

}  // namespace comdml::comm
