// SPDX-License-Identifier: BSL-1.0
/// \file
/// One agent of a fleet of processes: models Transport over any Engine that carries frames between them.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "comdml/comm/emulation.hpp"
#include "comdml/comm/remote_engine.hpp"
#include "comdml/comm/remote_session.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// To be used by one thread only, and not from inside `compute`. The engine lives on a thread of its own.
///
/// Messages survive a cut, in order and none twice, as long as both processes live: the sender keeps each until the
/// receiver's agent has taken or forgotten it. A process that starts anew begins with empty channels. A peer is lost
/// after its bye, or when it is away for longer than `grace`, with nothing of it left to be received; it may come back,
/// and then sends and receives work again. Bad frames are refused, counted and told to `on_event`. The destructor says
/// bye, and waits no longer than `linger` for what was sent to be received.
template <Engine E>
class remote_endpoint {
 public:
  /// Time since the endpoint was made, or since restart_clock().
  class agent_clock {
   public:
    explicit agent_clock(remote_endpoint& owner) : owner_{&owner} {}

    [[nodiscard]] seconds now() const { return owner_->session_.now() - owner_->zero_; }

    /// `work` is all of one thread if less than a whole core is emulated.
    template <std::invocable Work>
    void compute(seconds cost, Work&& work) {
      owner_->require_idle();
      COMDML_REQUIRE(std::isfinite(cost.value()) && cost >= seconds{}, "cost ", cost.value(), " s");
      owner_->computing_ = true;
      const finally reset{owner_->computing_};
      const double share = owner_->session_.options().share;
      if (share < 1)
        at_share(share, std::forward<Work>(work));
      else
        std::forward<Work>(work)();
    }

   private:
    struct finally {
      bool& flag;
      ~finally() { flag = false; }
    };

    remote_endpoint* owner_;
  };

  /// The engine is made of the further arguments.
  template <class... Arguments>
  explicit remote_endpoint(remote_options options, Arguments&&... for_engine)
      : session_{std::move(options), std::forward<Arguments>(for_engine)...} {}
  remote_endpoint(const remote_endpoint&) = delete;
  remote_endpoint& operator=(const remote_endpoint&) = delete;

  [[nodiscard]] agent_id self() const { return session_.engine.self(); }
  [[nodiscard]] std::span<const agent_id> peers() const { return session_.engine.peers(); }
  [[nodiscard]] agent_clock clock() { return agent_clock{*this}; }
  /// Now is time zero; to be called when all agents are there.
  void restart_clock() { zero_ = session_.now(); }

  /// Returns when all others are there, or were and have ended. \returns those that were not by the deadline
  [[nodiscard]] std::vector<agent_id> wait_for_peers(seconds deadline) { return wait_for(peers(), deadline); }
  /// The same for some of them.
  [[nodiscard]] std::vector<agent_id> wait_for(std::span<const agent_id> whom, seconds deadline) {
    require_idle();
    return session_.act([&, end = deadline + zero_](seconds now, seconds& until) {
      std::vector<agent_id> missing;
      for (const agent_id id : whom)
        if (!session_.peer(id).is_there() && !session_.peer(id).left) missing.push_back(id);
      until = end;
      return missing.empty() || end <= now ? std::optional{std::move(missing)} : std::nullopt;
    });
  }

  /// Requires a message within the engine's limit. Does not wait for the transmission, only for room in the channel.
  [[nodiscard]] result send(agent_id to, const tag& what, std::vector<std::byte> data, seconds deadline) {
    require_idle();
    require_deadline(deadline);
    COMDML_REQUIRE(data.size() <= session_.engine.largest_message(), "a message of ", data.size(),
                   " bytes; the largest that is allowed has ", session_.engine.largest_message());
    const bytes size{static_cast<double>(data.size())};
    shared_bytes body = data.empty() ? nullptr : std::make_shared<const std::vector<std::byte>>(std::move(data));
    std::uint64_t process = 0;  // what waits for room in the channel of one is not for the next
    const result how = session_.act([&, end = deadline + zero_](seconds now, seconds& until) -> std::optional<result> {
      detail::remote_peer& peer = session_.peer(to);
      if (process == 0) process = peer.incarnation;
      if (process != peer.incarnation) return result::peer_lost;
      const seconds lost = peer.lost_at(session_.options().grace);
      if (lost <= now) return result::peer_lost;
      if (peer.out.unread(what) < peer.window) {
        peer.out.add({what, std::move(body), arrival(peer, to, what, now, size)});
        return result::ok;
      }
      until = std::min(end, lost);
      return end <= now ? std::optional{result::timed_out} : std::nullopt;
    });
    if (how == result::ok) session_.engine.wake();
    return how;
  }
  [[nodiscard]] delivery receive(agent_id from, const tag& what, seconds deadline) {
    const channel one{from, what};
    return receive_any(std::span{&one, 1}, deadline);
  }
  /// Messages that have arrived come before lost peers; among them (arrival, sender, tag) decides.
  [[nodiscard]] delivery receive_any(std::span<const channel> channels, seconds deadline) {
    require_idle();
    require_deadline(deadline);
    delivery got = session_.act([&, end = deadline + zero_](seconds now, seconds& until) -> std::optional<delivery> {
      if (const channel* first = earliest(channels))
        return delivery{result::ok, first->from, first->tag, session_.peer(first->from).in.take(first->tag)};
      until = end;
      const channel* gone = nullptr;
      for (const channel& one : channels) {
        const seconds lost = session_.peer(one.from).lost_at(session_.options().grace);
        if (lost <= now && (gone == nullptr || one < *gone)) gone = &one;
        until = std::min(until, lost);
      }
      if (gone != nullptr) return delivery{result::peer_lost, gone->from, gone->tag};
      if (now < end) return std::nullopt;
      return channels.empty() ? delivery{} : delivery{result::timed_out, channels[0].from, channels[0].tag};
    });
    if (got.result == result::ok) session_.engine.wake();
    return got;
  }
  void forget_before(round_index round) {
    require_idle();
    session_.forget_before(round);
  }
  /// Every peer gets the latest value as soon as it is there; observers may ask for it.
  void publish(std::vector<std::byte> data) {
    require_idle();
    COMDML_REQUIRE(data.size() <= session_.options().largest_board, "a published value of ", data.size(), " bytes");
    session_.publish(std::make_shared<const std::vector<std::byte>>(std::move(data)));
  }
  /// Its age counts from its arrival here.
  [[nodiscard]] std::optional<published> peek(agent_id peer) {
    require_idle();
    return session_.act([&](seconds now, seconds&) -> std::optional<std::optional<published>> {
      std::optional<published> seen = session_.peer(peer).board;
      if (seen) seen->age = now - seen->age;
      return seen;
    });
  }

  /// How often something of this kind happened.
  [[nodiscard]] std::uint64_t count(remote_event_kind kind) const { return session_.count(kind); }
  /// Unread messages of a peer that are held here.
  [[nodiscard]] bytes unread(agent_id peer) {
    return session_.act(
        [&](seconds, seconds&) { return std::optional{bytes{static_cast<double>(session_.peer(peer).in.bytes())}}; });
  }
  /// Returns when the engine has all that was sent, or at the deadline.
  [[nodiscard]] bool flush(seconds deadline) {
    return session_.act([&, end = deadline + zero_](seconds now, seconds& until) -> std::optional<bool> {
      const bool sent = std::ranges::all_of(session_.peers(), [](const auto& one) {
        return !one.second.is_there() || (one.second.out.is_sent() && one.second.in.taken.empty());
      });
      until = std::min(end, now + seconds{0.001});
      return sent || end <= now ? std::optional{sent} : std::nullopt;
    });
  }
  /// Only for what the engine allows to be called from other threads than its own.
  [[nodiscard]] E& engine() noexcept { return session_.engine; }

 private:
  void require_idle() const { COMDML_REQUIRE(!computing_, "agent ", self(), " calls its transport while it computes"); }
  static void require_deadline(seconds deadline) { COMDML_REQUIRE(!std::isnan(deadline.value()), "no number"); }

  /// When the message may be handed to the engine.
  [[nodiscard]] seconds arrival(detail::remote_peer& peer, agent_id to, const tag& what, seconds now,
                                bytes size) const {
    if (!session_.options().link_of) return now;
    const directed_link link = session_.options().link_of(to, round_index{what.round});
    COMDML_REQUIRE(link.rate.value() > 0, "there is no link from agent ", self(), " to agent ", to);
    return link_arrival(link, peer.link_free, now, size);
  }
  [[nodiscard]] const channel* earliest(std::span<const channel> channels) {
    const channel* best = nullptr;
    seconds best_arrival = seconds::infinity();
    for (const channel& one : channels) {
      const auto* first = session_.peer(one.from).in.first(one.tag);
      if (first != nullptr && (best == nullptr || std::tie(first->arrival, one) < std::tie(best_arrival, *best))) {
        best = &one;
        best_arrival = first->arrival;
      }
    }
    return best;
  }

  detail::remote_session<E> session_;
  seconds zero_{};
  bool computing_ = false;
};

}  // namespace comdml::comm
