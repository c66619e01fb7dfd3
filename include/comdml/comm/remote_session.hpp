// SPDX-License-Identifier: BSL-1.0
/// \file
/// The inside of a remote endpoint: the mailbox, and the thread that owns the engine. Agent and thread meet at one
/// lock.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "comdml/comm/remote_engine.hpp"
#include "comdml/comm/remote_frame.hpp"
#include "comdml/comm/remote_options.hpp"
#include "comdml/comm/remote_peer.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

namespace detail {

/// `sleep` ends its calls; the agent's calls come from one thread.
template <Engine E>
class remote_session final : public engine_owner {
 public:
  template <class... Arguments>
  explicit remote_session(remote_options options, Arguments&&... for_engine)
      : engine{std::forward<Arguments>(for_engine)...}, options_{std::move(options)} {
    COMDML_REQUIRE(options_.window > 0 && options_.window <= 0xFFFFFFFF, "a window of ", options_.window);
    COMDML_REQUIRE(options_.share > 0 && options_.share <= 1, "a share of ", options_.share, " of a core");
    COMDML_REQUIRE(options_.grace >= seconds{} && options_.linger >= seconds{}, "a negative time");
    for (const agent_id id : engine.peers()) peers_[id].window = options_.window;
    thread_ = std::thread{[this] { live(); }};
  }
  ~remote_session() {
    {
      const std::lock_guard lock{mutex_};
      closing_ = true;
      close_at_ = now() + options_.linger;
    }
    engine.wake();
    thread_.join();
  }
  remote_session(const remote_session&) = delete;
  remote_session& operator=(const remote_session&) = delete;

  // ---- for the agent; times are those of now()
  [[nodiscard]] seconds now() const {
    return seconds{std::chrono::duration<double>{std::chrono::steady_clock::now() - start_}.count()};
  }
  [[nodiscard]] const remote_options& options() const noexcept { return options_; }
  [[nodiscard]] std::uint64_t count(remote_event_kind kind) const {
    return counts_[static_cast<std::size_t>(kind)].load(std::memory_order_relaxed);
  }

  /// Calls attempt(now, until) with the lock held, until it gives a value; it sets `until` to the time from which it
  /// may do so without any news.
  template <class Attempt>
  auto act(Attempt attempt) {
    std::unique_lock lock{mutex_};
    while (true) {
      if (failure_) std::rethrow_exception(failure_);
      seconds until = seconds::infinity();
      if (auto done = attempt(now(), until)) return *std::move(done);
      if (until < horizon)
        news_.wait_until(lock, start_ + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                            std::chrono::duration<double>{until.value()}));
      else
        news_.wait(lock);
    }
  }
  /// With the lock held: the peer; contract_error if there is none.
  [[nodiscard]] remote_peer& peer(agent_id id) {
    const auto found = peers_.find(id);
    COMDML_REQUIRE(found != peers_.end(), "there is no link between agents ", engine.self(), " and ", id);
    return found->second;
  }
  [[nodiscard]] std::map<agent_id, remote_peer>& peers() noexcept { return peers_; }
  void forget_before(round_index round) {
    {
      const std::lock_guard lock{mutex_};
      first_round_ = std::max(first_round_, round);
      for (auto& [id, other] : peers_) other.in.forget_before(first_round_);
    }
    engine.wake();
  }
  void publish(shared_bytes data) {
    {
      const std::lock_guard lock{mutex_};
      board_ = std::move(data);
      for (auto& [id, other] : peers_) other.board_due = true;
    }
    engine.wake();
  }

  E engine;

 private:
  /// About 30 years. What lies behind that is no time to wait for, and could overflow the clock's integers.
  static constexpr seconds horizon{1e9};
  static constexpr seconds longest_rest{1};

  // ---- the thread
  void live() {
    try {
      while (true) {
        seconds rest = longest_rest;
        {
          const std::lock_guard lock{mutex_};
          for (auto& [id, other] : peers_) rest = std::min(rest, serve(id, other));
          if (closing_ && (now() >= close_at_ || is_flushed())) return;
          if (closing_) rest = std::min(rest, seconds{0.02});
        }
        engine.poll(*this, std::max(rest, seconds{}));
        tell_events();
      }
    } catch (...) {
      const std::lock_guard lock{mutex_};
      failure_ = std::current_exception();
    }
    news_.notify_all();
  }

  /// Hands to the engine what it takes. \returns how long until there is more
  seconds serve(agent_id id, remote_peer& other) {
    if (!other.connected) return longest_rest;
    if (other.hello_due) {
      if (!engine.send(id, introduce(frame_kind::hello, other, {other.nonce, other.incarnation}))) return longest_rest;
      other.hello_due = false;
    }
    for (; !other.welcomes_due.empty(); other.welcomes_due.erase(other.welcomes_due.begin()))
      if (!engine.send(id, introduce(frame_kind::welcome, other, other.welcomes_due.front()))) return longest_rest;
    if (!other.ready) return longest_rest;
    if (!other.in.taken.empty() || other.in.again || other.in.answer) {
      message_writer body;
      write_numbers(body, other.in.taken);
      frame_head head = head_to(frame_kind::taken, other, other.in.received());
      head.again = other.in.again;
      if (!engine.send(id, make_frame(head, body.take()))) return longest_rest;
      other.in.taken.clear();
      other.in.again = other.in.answer = false;
    }
    if (other.board_due && board_) {
      if (!engine.send(id, make_frame(head_to(frame_kind::board, other, 0), board_))) return longest_rest;
      other.board_due = false;
    }
    if (closing_ && !std::exchange(other.bye_added, true)) other.out.add({.due = other.link_free, .bye = true});
    while (const out_stream::message* next = other.out.next()) {
      if (const seconds left = next->due - now(); left > seconds{}) return left;
      frame_head head = head_to(next->bye ? frame_kind::bye : frame_kind::data, other, other.out.next_number());
      head.tag = next->tag;
      if (!engine.send(id, make_frame(head, next->body))) return longest_rest;
      other.out.sent();
    }
    return longest_rest;
  }
  [[nodiscard]] frame_head head_to(frame_kind kind, const remote_peer& other, std::uint64_t sequence) const {
    return {.kind = kind, .from = incarnation_, .to = other.incarnation, .sequence = sequence};
  }
  [[nodiscard]] frame introduce(frame_kind kind, const remote_peer& other, const remote_peer::asked& to) {
    introduction own{.id = engine.self(),
                     .fleet = options_.fleet,
                     .nonce = to.nonce,
                     .window = static_cast<std::uint32_t>(options_.window),
                     .engine = engine.introduction()};
    frame_head head = head_to(kind, other, 0);
    head.to = to.from;
    if (to.from == other.incarnation) {
      head.sequence = other.in.received();
      own.unread = other.in.unread();
    }
    return make_frame(head, own.write());
  }
  [[nodiscard]] bool is_flushed() const {
    return std::ranges::all_of(peers_, [&](const auto& entry) {
      const remote_peer& other = entry.second;
      if (other.incarnation == 0) return true;
      if (other.left) return !other.is_there() || (other.bye_added && other.out.is_sent() && !other.in.answer);
      if (!other.is_there()) return other.lost_at(options_.grace) <= now();
      return other.bye_added && other.out.is_received();
    });
  }

  // ---- what the engine tells
  void connected(agent_id id) override {
    {
      const std::lock_guard lock{mutex_};
      remote_peer& other = peers_.at(id);
      other.connected = other.hello_due = true;
      other.ready = false;
      other.nonce = random_number();
      other.in.tell_anew();
      if (other.welcomes_due.empty() && other.last_asked) other.welcomes_due.push_back(*other.last_asked);
    }
    report(remote_event_kind::connected, id, "");
  }
  void disconnected(agent_id id) override {
    {
      const std::lock_guard lock{mutex_};
      remote_peer& other = peers_.at(id);
      if (other.is_there()) other.away_since = now();
      other.connected = other.ready = false;
    }
    news_.notify_all();
    report(remote_event_kind::disconnected, id, "");
  }
  void arrived(agent_id from, std::span<const std::byte> head, std::vector<std::byte> body) override {
    try {
      const frame_head read = frame_head::read(head, from);
      if (read.body_bytes != body.size())
        throw run_error{text("agent ", from, " announced ", read.body_bytes, " bytes and sent ", body.size())};
      {
        const std::lock_guard lock{mutex_};
        receive(from, peers_.at(from), read, body);
      }
      news_.notify_all();
    } catch (const wrong_version& error) {
      report(remote_event_kind::wrong_version, from, error.what());
    } catch (const run_error& error) {
      report(remote_event_kind::malformed, from, error.what());
    }
  }
  void happened(remote_event event) override { report(event.kind, event.peer, std::move(event.what)); }
  shared_bytes board() override {
    if (options_.observed) return std::make_shared<const std::vector<std::byte>>(options_.observed());
    const std::lock_guard lock{mutex_};
    return board_;
  }

  void receive(agent_id from, remote_peer& other, const frame_head& head, std::vector<std::byte>& body) {
    switch (head.kind) {
      case frame_kind::hello:
      case frame_kind::welcome:
        return meet(from, other, head, introduction::read(body, from));
      case frame_kind::ask:
        throw run_error{text("agent ", from, " asks as if it were an observer")};
      default:
        break;
    }
    if (head.from != other.incarnation || head.to != incarnation_) {
      if (head.to == incarnation_) other.missed = head.from;
      return report(remote_event_kind::stale, from, "a frame of or for a process that is no more");
    }
    message_reader in{body, from};
    switch (head.kind) {
      case frame_kind::data:
        return keep(from, other, head, body);
      case frame_kind::taken:
        require_possible(from, other.out.received(head.sequence));
        for (const std::uint64_t number : read_numbers(in)) other.out.taken(number);
        if (head.again) other.out.resume();
        break;
      case frame_kind::board:
        if (body.size() > options_.largest_board)
          return report(remote_event_kind::oversized, from, text("a published value of ", body.size(), " bytes"));
        other.board = published{std::move(body), now()};
        return;
      default:  // bye
        if (!other.in.add_bye(head.sequence)) break;
        other.left = true;
        report(remote_event_kind::left, from, "");
    }
    in.finish();
  }

  void meet(agent_id from, remote_peer& other, const frame_head& head, const introduction& told) {
    if (told.id != from)
      return report(remote_event_kind::wrong_identity, from, text("agent ", from, " claims to be agent ", told.id));
    if (told.fleet != options_.fleet)
      return report(remote_event_kind::wrong_fleet, from,
                    text("agent ", from,
                         " belongs to another fleet or was given "
                         "other settings"));
    if (head.from == 0 || told.window == 0 || told.nonce == 0)
      throw run_error{text("agent ", from, " introduces itself by zeros")};
    if (engine.introduced(from, told.engine))
      for (auto& [id, any] : peers_) any.hello_due = true;
    if (head.kind == frame_kind::hello) {
      constexpr std::size_t most = 8;
      if (other.welcomes_due.size() == most) other.welcomes_due.erase(other.welcomes_due.begin());
      other.last_asked = {told.nonce, head.from};
      other.welcomes_due.push_back(*other.last_asked);
      if (head.to == incarnation_ && head.from == other.incarnation) settle(from, other, head, told);
      return;
    }
    if (head.to != incarnation_ || told.nonce != other.nonce)
      return report(remote_event_kind::stale, from, "an answer to an earlier question");
    if (other.incarnation != head.from) {
      const bool known = other.incarnation != 0;
      if (known) other.restart(head.from);
      other.incarnation = head.from;
      other.in.again = other.missed == head.from;
      if (known) report(remote_event_kind::restarted, from, "");
    }
    settle(from, other, head, told);
    other.window = std::min<std::size_t>(options_.window, told.window);
    if (other.ready) return;
    other.out.resume();
    other.ready = other.board_due = true;
  }
  /// What the peer has received and taken.
  static void settle(agent_id from, remote_peer& other, const frame_head& head, const introduction& told) {
    require_possible(from, other.out.received(head.sequence));
    other.out.keep_only(told.unread);
  }
  static void require_possible(agent_id from, bool possible) {
    if (!possible) throw run_error{text("agent ", from, " has received what was never sent")};
  }

  void keep(agent_id from, remote_peer& other, const frame_head& head, std::vector<std::byte>& body) {
    if (body.size() > engine.largest_message())
      return report(remote_event_kind::oversized, from, text("a message of ", body.size(), " bytes"));
    const in_stream::limits most{options_.window, options_.most_channels, options_.most_bytes};
    switch (other.in.add(head.sequence, head.tag, body, now(), first_round_, most)) {
      case in_stream::verdict::kept:
        return;
      case in_stream::verdict::duplicate:
        return report(remote_event_kind::duplicate, from, text("message ", head.sequence));
      case in_stream::verdict::out_of_order:
        return report(remote_event_kind::out_of_order, from, text("message ", head.sequence));
      case in_stream::verdict::no_room:
        return report(remote_event_kind::beyond_limits, from, text("a message of ", head.tag));
    }
  }

  void report(remote_event_kind kind, std::optional<agent_id> about, std::string what) {
    counts_[static_cast<std::size_t>(kind)].fetch_add(1, std::memory_order_relaxed);
    if (options_.on_event) events_.push_back({kind, about, std::move(what)});
  }
  void tell_events() {
    for (const remote_event& one : events_) options_.on_event(one);
    events_.clear();
  }
  [[nodiscard]] static std::uint64_t random_number() {
    std::random_device device;
    std::uint64_t number = 0;
    while (number == 0) number = (std::uint64_t{device()} << 32U) | device();
    return number;
  }

  const remote_options options_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  const std::uint64_t incarnation_ = random_number();
  std::array<std::atomic<std::uint64_t>, remote_event_kinds> counts_{};
  std::vector<remote_event> events_;  ///< the thread's own

  std::mutex mutex_;  ///< guards all that follows
  std::condition_variable news_;
  std::map<agent_id, remote_peer> peers_;
  round_index first_round_{};
  shared_bytes board_;
  bool closing_ = false;
  seconds close_at_{};
  std::exception_ptr failure_;

  std::thread thread_;
};

}  // namespace detail
}  // namespace comdml::comm
