// SPDX-License-Identifier: BSL-1.0
#include "comdml/comm/emulation.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <vector>

#include "support.hpp"

using namespace comm_test;

namespace {

/// Keeps the processor busy for a while of its own time.
void work() {
  const seconds begin = comm::thread_time();
  while (comm::thread_time() - begin < seconds{.005}) {
  }
}

}  // namespace

TEST_CASE("work at a share of a core lasts at least as long as a slower core would need") {
  for (const double share : {1.0, .5, .2}) {
    const auto begin = std::chrono::steady_clock::now();
    comm::at_share(share, work);
    CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() >= .005 / share);
  }
}

TEST_CASE("emulated links deliver in their own time, one message after the other; without emulation nothing waits") {
  link_matrix links{2};
  links.set_both(id(0), id(1), {.rate = megabits_per_second(8), .latency = seconds{.01}});  // 1,000 bytes a ms
  wall_network{links, {.emulated = {.shares = {1, .5}, .links = true}}}.run([](auto& me) {
    if (me.self() == id(0)) {
      for (int message = 0; message < 2; ++message)
        CHECK(me.send(id(1), {1, 1, 0}, std::vector<std::byte>(10'000), never) == comm::result::ok);
      return;
    }
    CHECK(me.receive(id(0), {1, 1, 0}, never).result == comm::result::ok);
    CHECK(me.clock().now() >= seconds{.02});
    CHECK(me.receive(id(0), {1, 1, 0}, never).result == comm::result::ok);
    CHECK(me.clock().now() >= seconds{.03});
    const seconds begin = me.clock().now();
    me.clock().compute(seconds{}, work);
    CHECK(me.clock().now() - begin >= seconds{.01});
  });
}

TEST_CASE("shares that cannot be are refused") {
  const link_matrix links{2};
  CHECK_THROWS_AS((wall_network{links, {.emulated = {.shares = {1}}}}), contract_error);
  CHECK_THROWS_AS((wall_network{links, {.emulated = {.shares = {1, 0}}}}), contract_error);
  CHECK_THROWS_AS((wall_network{links, {.emulated = {.shares = {1, 1.5}}}}), contract_error);
}
