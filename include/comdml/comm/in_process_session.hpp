// SPDX-License-Identifier: BSL-1.0
/// \file
/// One run of an `in_process` network: the mailboxes, and the calls that agents make on them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "comdml/comm/compute_slots.hpp"
#include "comdml/comm/emulation.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/comm/waiting.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// Bounds of an `in_process` network. Neither changes what agents compute.
struct in_process_options {
  /// Unread messages that a channel (sender, receiver, tag) holds before its sender has to wait.
  std::size_t window = 4;
  /// Agents that compute at once.
  std::size_t compute_slots = std::max(1U, std::thread::hardware_concurrency());
  /// Under the wall clock.
  emulation emulated{};
  /// The link that a message of this round takes, where links change; empty: as the network's, always.
  std::function<directed_link(agent_id from, agent_id to, round_index round)> link_of{};
};

/// Where an agent stands in virtual time.
struct instant {
  seconds now{};
  std::vector<std::pair<agent_id, seconds>> sending{};  ///< links that it still sends over, and until when
};

namespace detail {

/// Safe to be used by all agents at once. Each agent makes one call at a time.
template <class Time>
class in_process_session {
 public:
  in_process_session(const link_matrix& links, const in_process_options& options, std::span<const seconds> kill_times)
      : links_{links},
        window_{options.window},
        emulated_{options.emulated},
        link_of_{options.link_of},
        slots_{options.compute_slots},
        time_(links.agents(), kill_times),
        agents_(links.agents()),
        link_free_(links.agents() * links.agents()) {}

  [[nodiscard]] std::vector<agent_id> peers(agent_id self) const {
    std::vector<agent_id> linked;
    for (std::uint32_t i = 0; i < links_.agents(); ++i)
      if (is_linked(self, agent_id{i})) linked.push_back(agent_id{i});
    return linked;
  }

  [[nodiscard]] seconds now(agent_id self) const {
    const std::lock_guard lock{mutex_};
    return time_.now(self);
  }

  /// Where the agent stands in virtual time.
  [[nodiscard]] instant standing(agent_id self) const {
    const std::lock_guard lock{mutex_};
    instant found{time_.now(self), {}};
    for (std::uint32_t to = 0; to < links_.agents(); ++to)
      if (const seconds until = link_free_[self.value * links_.agents() + to]; until > found.now)
        found.sending.emplace_back(agent_id{to}, until);
    return found;
  }
  void go_on_at(agent_id self, const instant& then) {
    const std::lock_guard lock{mutex_};
    for (const auto& [to, until] : then.sending) link_free_[self.value * links_.agents() + to.value] = until;
    static_cast<void>(time_.spend(self, then.now - time_.now(self)));
  }

  template <class Work>
  void compute(agent_id self, seconds cost, Work&& work) {
    seconds end;
    {
      const std::lock_guard lock{mutex_};
      end = time_.spend(self, cost);
    }
    const auto run = [&] { slots_.run(end, self, std::forward<Work>(work)); };
    if (Time::real && !emulated_.shares.empty())
      at_share(emulated_.shares[self.value], run);
    else
      run();
  }

  result send(agent_id self, agent_id to, const tag& what, std::vector<std::byte> data, seconds deadline) {
    require_link(self, to, what.round);
    require_deadline(deadline);
    const channel own{self, what};
    inbox& target = agents_[to.value].messages;
    const auto has_room = [&] { return unread(target, own) < window_; };
    const waiting_call call{[&] { return has_room() ? seconds{} : std::min(deadline, time_.end_time(to)); },
                            [&] { return text("room for a message to agent ", to, " (", what, ")"); }};
    return act(self, call, [&](seconds now) -> std::optional<result> {
      if (time_.end_time(to) <= now) return result::peer_lost;
      if (what.round < agents_[to.value].first_round.value) return result::ok;
      if (has_room()) {
        const bytes size{static_cast<double>(data.size())};
        seconds& link_free = link_free_[self.value * links_.agents() + to.value];
        const bool at_once = Time::real && !emulated_.links;
        const seconds arrival = at_once ? now : link_arrival(link(self, to, what.round), link_free, now, size);
        target[own].push_back({arrival, std::move(data)});
        time_.changed(to);
        return result::ok;
      }
      if (deadline <= now) return result::timed_out;
      return std::nullopt;
    });
  }

  delivery receive(agent_id self, std::span<const channel> channels, seconds deadline) {
    for (const channel& one : channels) require_link(one.from, self, one.tag.round);
    require_deadline(deadline);
    inbox& messages = agents_[self.value].messages;
    const waiting_call call{[&] { return next_event(messages, channels, deadline); },
                            [&] { return describe(channels); }};
    return act(self, call, [&](seconds now) -> std::optional<delivery> {
      if (const channel* first = earliest(messages, channels, now)) return take(messages, *first);
      if (const channel* gone = lost(messages, channels, now))
        return delivery{result::peer_lost, gone->from, gone->tag};
      if (now < deadline) return std::nullopt;
      return channels.empty() ? delivery{} : delivery{result::timed_out, channels[0].from, channels[0].tag};
    });
  }

  void forget_before(agent_id self, round_index round) {
    act(self, {}, [&](seconds) {
      agent_state& own = agents_[self.value];
      own.first_round = std::max(own.first_round, round);
      for (auto at = own.messages.begin(); at != own.messages.end();) {
        const agent_id sender = at->first.from;
        const bool old = at->first.tag.round < own.first_round.value;
        at = old ? own.messages.erase(at) : std::next(at);
        if (old) time_.changed(sender);  // it may wait for room
      }
      return std::optional{true};
    });
  }

  void publish(agent_id self, std::vector<std::byte> data) {
    act(self, {}, [&](seconds now) {
      agents_[self.value].board = {std::move(data), now};
      return std::optional{true};
    });
  }

  std::optional<published> peek(agent_id self, agent_id peer) {
    require_link(peer, self, std::nullopt);
    return act(self, {}, [&](seconds now) -> std::optional<std::optional<published>> {
      std::optional<published> seen = agents_[peer.value].board;
      if (seen) seen->age = now - seen->age;
      return seen;
    });
  }

  /// The agent ends, by an exception unless `failure` is null.
  void leave(agent_id self, std::exception_ptr failure) {
    std::unique_lock lock{mutex_};
    const bool first = time_.leave(lock, self) && failure && !failure_;
    if (first) failure_ = std::move(failure);
  }

  /// To be called when all agents have left.
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
    if (!time_.deadlock().empty()) throw run_error{time_.deadlock()};
  }

 private:
  struct message {
    seconds arrival;
    std::vector<std::byte> data;
  };
  /// Unread messages; a channel without any has no entry. Those of one channel share a link, so they arrive in order.
  using inbox = std::map<channel, std::deque<message>>;

  struct agent_state {
    inbox messages;
    round_index first_round{};       ///< messages of earlier ones are dropped
    std::optional<published> board;  ///< here `age` is the time of publication
  };

  /// Makes attempts, in the order that the time policy decides, until one gives a value.
  template <class Attempt>
  auto act(agent_id self, const waiting_call& call, Attempt attempt) {
    std::unique_lock lock{mutex_};
    time_.enter(lock, self);
    while (true) {
      if (auto done = attempt(time_.now(self))) return *std::move(done);
      time_.wait(lock, self, call);
    }
  }

  static std::size_t unread(const inbox& messages, const channel& from) {
    const auto found = messages.find(from);
    return found == messages.end() ? 0 : found->second.size();
  }

  seconds next_event(const inbox& messages, std::span<const channel> channels, seconds deadline) const {
    seconds next = deadline;
    for (const channel& one : channels) {
      const auto found = messages.find(one);
      if (found != messages.end())
        next = std::min(next, found->second.front().arrival);
      else if (time_.end_time(one.from) < next && !is_expected(messages, channels, one.from))
        next = time_.end_time(one.from);
    }
    return next;
  }

  static const channel* earliest(const inbox& messages, std::span<const channel> channels, seconds now) {
    const channel* best = nullptr;
    seconds best_arrival = seconds::infinity();
    for (const channel& one : channels) {
      const auto found = messages.find(one);
      if (found == messages.end() || found->second.front().arrival > now) continue;
      const seconds arrival = found->second.front().arrival;
      if (best == nullptr || std::tie(arrival, one) < std::tie(best_arrival, *best)) {
        best = &one;
        best_arrival = arrival;
      }
    }
    return best;
  }

  /// The first channel of a peer that has ended and of which nothing is under way any more.
  const channel* lost(const inbox& messages, std::span<const channel> channels, seconds now) const {
    const channel* first = nullptr;
    for (const channel& one : channels)
      if (time_.end_time(one.from) <= now && (first == nullptr || one < *first) &&
          !is_expected(messages, channels, one.from))
        first = &one;
    return first;
  }

  static bool is_expected(const inbox& messages, std::span<const channel> channels, agent_id peer) {
    return std::ranges::any_of(channels,
                               [&](const channel& one) { return one.from == peer && messages.contains(one); });
  }

  delivery take(inbox& messages, const channel& from) {
    const auto found = messages.find(from);
    delivery got{result::ok, from.from, from.tag, std::move(found->second.front().data)};
    found->second.pop_front();
    if (found->second.empty()) messages.erase(found);
    time_.changed(from.from);
    return got;
  }

  static std::string describe(std::span<const channel> channels) {
    std::string all = channels.empty() ? "nothing, without a deadline" : "a message of";
    for (const channel& one : channels)
      all += text(&one == channels.data() ? " " : ", or of ", "agent ", one.from, " (", one.tag, ")");
    return all;
  }

  [[nodiscard]] bool is_linked(agent_id from, agent_id to) const {
    return from != to && links_(from, to).rate > bits_per_second{};
  }
  [[nodiscard]] directed_link link(agent_id from, agent_id to, std::uint32_t round) const {
    return link_of_ ? link_of_(from, to, round_index{round}) : links_(from, to);
  }
  /// \param round  that a message belongs to; nullopt: none
  void require_link(agent_id from, agent_id to, std::optional<std::uint32_t> round) const {
    const bool linked = round && link_of_ ? from != to && link_of_(from, to, round_index{*round}).rate.value() > 0
                                          : is_linked(from, to);
    COMDML_REQUIRE(linked, "there is no link from agent ", from, " to agent ", to);
  }
  static void require_deadline(seconds deadline) { COMDML_REQUIRE(!std::isnan(deadline.value()), "no number"); }

  const link_matrix& links_;
  std::size_t window_;
  emulation emulated_;
  std::function<directed_link(agent_id, agent_id, round_index)> link_of_;
  compute_slots slots_;
  mutable std::mutex mutex_;
  Time time_;
  std::vector<agent_state> agents_;
  std::vector<seconds> link_free_;
  std::exception_ptr failure_;
};

}  // namespace detail
}  // namespace comdml::comm
