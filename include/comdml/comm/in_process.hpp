// SPDX-License-Identifier: BSL-1.0
/// \file
/// A network of agents that are threads of one process, under a virtual or the wall clock. Its endpoints model
/// Transport.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "comdml/comm/in_process_session.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/comm/virtual_time.hpp"
#include "comdml/comm/wall_time.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/links.hpp"

namespace comdml::comm {

/// `Time` is virtual_time (deterministic; links have rates and latencies) or wall_time.
///
/// An agent that has ended, by returning or by an exception, or that was killed, is lost to its peers: what it sent
/// before still arrives, then receives from it and sends to it give peer_lost. Published values cost nothing and can be
/// seen at once.
template <class Time>
class in_process {
 public:
  class endpoint;

  explicit in_process(link_matrix links, in_process_options options = {})
      : links_{std::move(links)}, options_{std::move(options)}, kill_times_(links_.agents(), seconds::infinity()) {
    COMDML_REQUIRE(options_.window > 0 && options_.compute_slots > 0, "window ", options_.window, ", compute slots ",
                   options_.compute_slots);
    options_.emulated.require_for(links_.agents());
  }

  [[nodiscard]] const link_matrix& links() const noexcept { return links_; }

  /// Lets every later run lose this agent at the given time, even in the middle of a computation.
  void kill(agent_id agent, seconds when) {
    COMDML_REQUIRE(agent.value < links_.agents(), "agent ", agent, " of ", links_.agents());
    COMDML_REQUIRE(when >= seconds{}, "killed at ", when.value(), " s");
    kill_times_[agent.value] = when;
  }

  /// Calls f(endpoint&) for every agent, each on a thread of its own, at time zero and with empty mailboxes, and
  /// returns when all have ended. If agents failed, the exception of the one that failed first is rethrown; a failure
  /// that follows from another agent's end comes after that. Throws run_error that tells who waits for what when no
  /// agent can go on (virtual clock only).
  template <class Function>
  void run(Function&& f) const {
    detail::in_process_session<Time> session{links_, options_, kill_times_};
    {
      std::vector<std::jthread> threads;
      threads.reserve(links_.agents());
      for (std::uint32_t i = 0; i < links_.agents(); ++i) {
        try {
          threads.emplace_back([&session, &f, i] { live(session, agent_id{i}, f); });
        } catch (const std::system_error&) {  // no more threads: this agent fails, the others see it lost
          session.leave(agent_id{i}, std::current_exception());
        }
      }
    }
    session.rethrow();
  }

 private:
  template <class Function>
  static void live(detail::in_process_session<Time>& session, agent_id self, Function& f) {
    std::exception_ptr failure;
    try {
      endpoint me{session, self};
      f(me);
    } catch (const detail::agent_killed&) {
    } catch (...) {
      failure = std::current_exception();
    }
    session.leave(self, failure);
  }

  link_matrix links_;
  in_process_options options_;
  std::vector<seconds> kill_times_;
};

/// One agent's door to the network; to be used by its own thread only, and not from inside `compute`.
template <class Time>
class in_process<Time>::endpoint {
 public:
  /// What creates endpoints of this type.
  using network = in_process;

  /// The agent's clock. Refers to the endpoint.
  class agent_clock {
   public:
    explicit agent_clock(endpoint& owner) : owner_{&owner} {}

    [[nodiscard]] seconds now() const { return owner_->session_.now(owner_->self_); }

    /// Requires a finite cost of at least zero.
    template <std::invocable Work>
    void compute(seconds cost, Work&& work) {
      owner_->require_idle();
      COMDML_REQUIRE(std::isfinite(cost.value()) && cost >= seconds{}, "cost ", cost.value(), " s");
      owner_->computing_ = true;
      const finally reset{owner_->computing_};
      owner_->session_.compute(owner_->self_, cost, std::forward<Work>(work));
    }

   private:
    struct finally {
      bool& flag;
      ~finally() { flag = false; }
    };

    endpoint* owner_;
  };

  endpoint(detail::in_process_session<Time>& session, agent_id self)
      : session_{session}, self_{self}, peers_{session.peers(self)} {}
  endpoint(const endpoint&) = delete;
  endpoint& operator=(const endpoint&) = delete;

  [[nodiscard]] agent_id self() const noexcept { return self_; }
  [[nodiscard]] std::span<const agent_id> peers() const noexcept { return peers_; }
  [[nodiscard]] agent_clock clock() { return agent_clock{*this}; }

  /// Requires a direct link. Does not wait for the transmission, only for room in the channel.
  [[nodiscard]] result send(agent_id to, const tag& what, std::vector<std::byte> data, seconds deadline) {
    require_idle();
    return session_.send(self_, to, what, std::move(data), deadline);
  }
  /// Requires a direct link from the sender.
  [[nodiscard]] delivery receive(agent_id from, const tag& what, seconds deadline) {
    const channel one{from, what};
    return receive_any(std::span{&one, 1}, deadline);
  }
  /// Messages that have arrived come before lost peers; among them (arrival, sender, tag) decides. A peer is lost when
  /// it has ended and nothing of it is under way in these channels.
  [[nodiscard]] delivery receive_any(std::span<const channel> channels, seconds deadline) {
    require_idle();
    return session_.receive(self_, channels, deadline);
  }
  void forget_before(round_index round) {
    require_idle();
    session_.forget_before(self_, round);
  }
  /// Where the agent stands, for a later run that goes on from here.
  [[nodiscard]] instant standing() const requires(!Time::real) { return session_.standing(self_); }
  /// Goes on where an agent of an earlier run stood, before anything else. Requires a later time, and agents there are.
  void go_on_at(const instant& then) requires(!Time::real) {
    require_idle();
    COMDML_REQUIRE(std::isfinite(then.now.value()) && then.now >= session_.now(self_), then.now.value(), " s");
    session_.go_on_at(self_, then);
  }
  void publish(std::vector<std::byte> data) {
    require_idle();
    session_.publish(self_, std::move(data));
  }
  /// Requires a direct link from the peer.
  [[nodiscard]] std::optional<published> peek(agent_id peer) {
    require_idle();
    return session_.peek(self_, peer);
  }

 private:
  void require_idle() const { COMDML_REQUIRE(!computing_, "agent ", self_, " calls its transport while it computes"); }

  detail::in_process_session<Time>& session_;
  agent_id self_;
  std::vector<agent_id> peers_;
  bool computing_ = false;
};

static_assert(Transport<in_process<virtual_time>::endpoint>);
static_assert(Transport<in_process<wall_time>::endpoint>);

}  // namespace comdml::comm
