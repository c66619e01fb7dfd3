// SPDX-License-Identifier: BSL-1.0
/// \file
/// A transport chosen at run time: one job is compiled for all engines of real time. Models Transport.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "comdml/comm/collective.hpp"
#include "comdml/comm/in_process.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/concepts.hpp"
#include "comdml/learn/peers.hpp"

namespace program {

/// Refers to another transport. With a stop token, a stop request also ends waits for messages, by
/// comdml::learn::interrupted.
class any_transport {
 public:
  /// What fleet_trainer makes its agents' transports by: threads of this process.
  class network;

  class agent_clock {
   public:
    explicit agent_clock(any_transport& owner) : owner_{&owner} {}
    [[nodiscard]] comdml::seconds now() const { return owner_->line_->now(); }
    template <std::invocable Work>
    void compute(comdml::seconds cost, Work&& work) {
      owner_->line_->compute(cost, std::ref(work));
    }

   private:
    any_transport* owner_;
  };

  /// How the engine behind it sums, if it does (see comdml::Collective).
  using engine_sum = std::function<comdml::comm::outcome(any_transport&, const comdml::comm::group&, comdml::comm::tag,
                                                         std::span<float>, comdml::seconds)>;

  template <comdml::Transport T>
    requires(!std::same_as<T, any_transport>)
  explicit any_transport(T& line, std::stop_token stop = {}, engine_sum sum = {})
      : line_{std::make_unique<model<T>>(line)}, stop_{std::move(stop)}, sum_{std::move(sum)} {}
  any_transport(const any_transport&) = delete;
  any_transport& operator=(const any_transport&) = delete;

  [[nodiscard]] comdml::agent_id self() const { return line_->self(); }
  [[nodiscard]] std::span<const comdml::agent_id> peers() const { return line_->peers(); }
  [[nodiscard]] agent_clock clock() { return agent_clock{*this}; }
  [[nodiscard]] comdml::comm::result send(comdml::agent_id to, const comdml::comm::tag& what,
                                          std::vector<std::byte> data, comdml::seconds deadline) {
    if (!stop_.stop_possible()) return line_->send(to, what, std::move(data), deadline);
    while (true) {
      if (stop_.stop_requested()) throw comdml::learn::interrupted{};
      const comdml::seconds until = std::min(deadline, line_->now() + look_around);
      const comdml::comm::result how = line_->send(to, what, data, until);  // a send that ends without success eats it
      if (how != comdml::comm::result::timed_out || until >= deadline) return how;
    }
  }
  [[nodiscard]] comdml::comm::delivery receive(comdml::agent_id from, const comdml::comm::tag& what,
                                               comdml::seconds deadline) {
    const comdml::comm::channel one{from, what};
    return receive_any(std::span{&one, 1}, deadline);
  }
  [[nodiscard]] comdml::comm::delivery receive_any(std::span<const comdml::comm::channel> channels,
                                                   comdml::seconds deadline) {
    if (!stop_.stop_possible()) return line_->receive_any(channels, deadline);
    while (true) {
      if (stop_.stop_requested()) throw comdml::learn::interrupted{};
      const comdml::seconds until = std::min(deadline, line_->now() + look_around);
      comdml::comm::delivery got = line_->receive_any(channels, until);
      if (got.result != comdml::comm::result::timed_out || until >= deadline) return got;
    }
  }
  void forget_before(comdml::round_index round) { line_->forget_before(round); }
  void publish(std::vector<std::byte> data) { line_->publish(std::move(data)); }
  [[nodiscard]] std::optional<comdml::comm::published> peek(comdml::agent_id peer) { return line_->peek(peer); }
  /// The engine's own sum; nothing where it has none.
  [[nodiscard]] std::optional<comdml::comm::outcome> sum(const comdml::comm::group& members, comdml::comm::tag what,
                                                         std::span<float> values, comdml::seconds deadline) {
    if (!sum_) return std::nullopt;
    comdml::comm::outcome done = sum_(*this, members, what, values, deadline);
    if (done.result != comdml::comm::result::ok && stop_.stop_requested()) throw comdml::learn::interrupted{};
    return done;
  }

 private:
  static constexpr comdml::seconds look_around{.2};  ///< how often a wait looks for a stop request

  struct front {
    virtual ~front() = default;
    [[nodiscard]] virtual comdml::agent_id self() const = 0;
    [[nodiscard]] virtual std::span<const comdml::agent_id> peers() const = 0;
    [[nodiscard]] virtual comdml::seconds now() = 0;
    virtual void compute(comdml::seconds cost, const std::function<void()>& work) = 0;
    virtual comdml::comm::result send(comdml::agent_id to, const comdml::comm::tag& what, std::vector<std::byte> data,
                                      comdml::seconds deadline) = 0;
    virtual comdml::comm::delivery receive_any(std::span<const comdml::comm::channel> channels,
                                               comdml::seconds deadline) = 0;
    virtual void forget_before(comdml::round_index round) = 0;
    virtual void publish(std::vector<std::byte> data) = 0;
    virtual std::optional<comdml::comm::published> peek(comdml::agent_id peer) = 0;
  };

  template <class T>
  struct model final : front {
    explicit model(T& other) : line{other} {}
    [[nodiscard]] comdml::agent_id self() const override { return line.self(); }
    [[nodiscard]] std::span<const comdml::agent_id> peers() const override { return line.peers(); }
    [[nodiscard]] comdml::seconds now() override { return line.clock().now(); }
    void compute(comdml::seconds cost, const std::function<void()>& work) override { line.clock().compute(cost, work); }
    comdml::comm::result send(comdml::agent_id to, const comdml::comm::tag& what, std::vector<std::byte> data,
                              comdml::seconds deadline) override {
      return line.send(to, what, std::move(data), deadline);
    }
    comdml::comm::delivery receive_any(std::span<const comdml::comm::channel> channels,
                                       comdml::seconds deadline) override {
      return line.receive_any(channels, deadline);
    }
    void forget_before(comdml::round_index round) override { line.forget_before(round); }
    void publish(std::vector<std::byte> data) override { line.publish(std::move(data)); }
    std::optional<comdml::comm::published> peek(comdml::agent_id peer) override { return line.peek(peer); }

    T& line;
  };

  std::unique_ptr<front> line_;
  std::stop_token stop_;
  engine_sum sum_;
};
static_assert(comdml::Transport<any_transport>);

class any_transport::network {
 public:
  network(comdml::link_matrix links, comdml::comm::in_process_options options)
      : threads_{std::move(links), std::move(options)} {}

  template <class Function>
  void run(Function&& live) const {
    threads_.run([&live](auto& endpoint) {
      any_transport line{endpoint};
      live(line);
    });
  }

 private:
  comdml::comm::in_process<comdml::comm::wall_time> threads_;
};

}  // namespace program
