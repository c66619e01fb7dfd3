// SPDX-License-Identifier: BSL-1.0
#include "comdml/testing/check_transport.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "comdml/comm/in_process.hpp"
#include "support.hpp"

using namespace comm_test;

namespace {

template <class Time>
auto agents_over(directed_link each, comm::in_process_options options) {
  return [each, options](std::size_t agents, auto check) {
    comm::in_process<Time>{all_linked(agents, each), options}.run(check);
  };
}

}  // namespace

TEST_CASE("agents in one process under virtual time are a sound transport") {
  testing::check_transport(agents_over<comm::virtual_time>({megabits_per_second(100), seconds{0.001}}, {}));
  testing::check_transport(agents_over<comm::virtual_time>({bits_per_second::infinity(), {}}, {.window = 1}));
}

TEST_CASE("agents in one process under the wall clock are a sound transport") {
  testing::check_transport(agents_over<comm::wall_time>({megabits_per_second(100), seconds{0.001}}, {}));
  testing::check_transport(agents_over<comm::wall_time>({bits_per_second::infinity(), {}}, {.window = 1}));
}

namespace {

using sound = comm::in_process<comm::virtual_time>::endpoint;

/// Passes everything on; a derived class spoils one thing.
struct passing {
  explicit passing(sound& under) : under_{under} {}
  [[nodiscard]] agent_id self() const { return under_.self(); }
  [[nodiscard]] std::span<const agent_id> peers() const { return under_.peers(); }
  [[nodiscard]] auto clock() { return under_.clock(); }
  comm::result send(agent_id to, const comm::tag& what, std::vector<std::byte> data, seconds deadline) {
    return under_.send(to, what, std::move(data), deadline);
  }
  comm::delivery receive(agent_id from, const comm::tag& what, seconds deadline) {
    return under_.receive(from, what, deadline);
  }
  comm::delivery receive_any(std::span<const comm::channel> channels, seconds deadline) {
    return under_.receive_any(channels, deadline);
  }
  void forget_before(round_index round) { under_.forget_before(round); }
  void publish(std::vector<std::byte> data) { under_.publish(std::move(data)); }
  auto peek(agent_id peer) { return under_.peek(peer); }

  sound& under_;
};

struct cuts_long_messages : passing {
  using passing::passing;
  comm::result send(agent_id to, const comm::tag& what, std::vector<std::byte> data, seconds deadline) {
    if (data.size() > 100'000) data.resize(100'000);
    return under_.send(to, what, std::move(data), deadline);
  }
};
struct ignores_tags : passing {
  using passing::passing;
  comm::result send(agent_id to, const comm::tag&, std::vector<std::byte> data, seconds deadline) {
    return under_.send(to, {}, std::move(data), deadline);
  }
  comm::delivery receive(agent_id from, const comm::tag& what, seconds deadline) {
    comm::delivery got = under_.receive(from, {}, deadline);
    got.tag = what;
    return got;
  }
};
struct gives_up_early : passing {
  using passing::passing;
  comm::delivery receive(agent_id from, const comm::tag& what, seconds deadline) {
    return under_.receive(from, what, seconds{deadline.value() - 0.001});
  }
};
struct publishes_once : passing {
  using passing::passing;
  void publish(std::vector<std::byte> data) {
    if (!std::exchange(published_, true)) under_.publish(std::move(data));
  }
  bool published_ = false;
};
struct forgets_nothing : passing {
  using passing::passing;
  void forget_before(round_index) {}
};
struct spoils_a_bit : passing {
  using passing::passing;
  comm::delivery receive(agent_id from, const comm::tag& what, seconds deadline) {
    comm::delivery got = under_.receive(from, what, deadline);
    if (self() == agent_id{2} && got.data.size() > 1000) got.data[0] ^= std::byte{1};
    return got;
  }
};

template <class Broken>
void check_broken() {
  testing::check_transport([](std::size_t agents, auto check) {
    comm::in_process<comm::virtual_time>{all_linked(agents, {megabits_per_second(100), {}})}.run([&](sound& under) {
      Broken broken{under};
      check(broken);
    });
  });
}

}  // namespace

TEST_CASE("check_transport finds what is wrong") {
  CHECK_NOTHROW(check_broken<passing>());
  CHECK_THROWS_AS(check_broken<cuts_long_messages>(), contract_error);
  CHECK_THROWS_AS(check_broken<ignores_tags>(), contract_error);
  CHECK_THROWS_AS(check_broken<gives_up_early>(), contract_error);
  CHECK_THROWS_AS(check_broken<publishes_once>(), contract_error);
  CHECK_THROWS_AS(check_broken<forgets_nothing>(), contract_error);
  CHECK_THROWS_AS(check_broken<spoils_a_bit>(), contract_error);
}
