// SPDX-License-Identifier: BSL-1.0
/// \file
/// For tests: several ZeroMQ endpoints in one process, each with a context of its own, on free ports of the loopback.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "comdml/comm/zeromq.hpp"

namespace zeromq_test {

using namespace comdml;

/// Longer than anything takes.
inline constexpr seconds patience{60};

/// Keys and addresses of agents, who know each other's keys and the first one's address.
class test_fleet {
 public:
  explicit test_fleet(std::size_t agents) {
    for (std::size_t i = 0; i < agents; ++i) keys.push_back(comm::make_keys());
  }

  comm::zeromq_options options(std::uint32_t self) const {
    comm::zeromq_options own{.self = agent_id{self}, .keys = keys[self], .bind = "tcp://127.0.0.1:*"};
    own.heartbeat = seconds{20};  // a busy machine is no dead one
    for (std::uint32_t i = 0; i < keys.size(); ++i)
      if (i != self) own.peers.push_back({agent_id{i}, keys[i].public_key(), i == 0 ? first_address : ""});
    return own;
  }
  std::unique_ptr<comm::zeromq_endpoint> start(std::uint32_t self, comm::remote_options how = patient()) {
    auto made = std::make_unique<comm::zeromq_endpoint>(std::move(how), options(self));
    if (self == 0) first_address = made->engine().address();
    return made;
  }
  static comm::remote_options patient() { return {.fleet = 7, .grace = seconds{30}, .linger = seconds{30}}; }

  std::vector<comm::curve_keys> keys;
  std::string first_address;
};

/// Calls f(i) on threads of their own and rethrows what one threw.
inline void on_threads(std::size_t count, const std::function<void(std::uint32_t)>& f) {
  std::exception_ptr failure;
  std::mutex guard;
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t i = 0; i < count; ++i)
      threads.emplace_back([&, i] {
        try {
          f(i);
        } catch (...) {
          const std::lock_guard lock{guard};
          if (!failure) failure = std::current_exception();
        }
      });
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace zeromq_test
