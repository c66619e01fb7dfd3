// SPDX-License-Identifier: BSL-1.0
// How runs and agents end: lost peers, crashes, failures, deadlocks.
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "support.hpp"

using namespace comm_test;

namespace {
constexpr directed_link second_away{bits_per_second::infinity(), seconds{1}};

template <class Function>
std::string message_of(Function&& f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "no exception";
}
}  // namespace

TEST_CASE("what an agent sent before it ended arrives, then it is lost") {
  const virtual_network net{all_linked(2, second_away)};
  net.run([&](virtual_endpoint& me) {
    if (me.self() == id(0)) {
      me.clock().compute(seconds{5}, idle);
      (void)me.send(id(1), plain, sized(1), never);
      return;
    }
    // A receive of another tag is told at the end of the peer.
    CHECK(me.receive(id(0), {0, 0, 1}, never).result == comm::result::peer_lost);
    CHECK(me.clock().now() == seconds{5});
    const std::vector<comm::channel> both{{id(0), {0, 0, 1}}, {id(0), plain}};
    CHECK(me.receive_any(both, never).result == comm::result::ok);
    CHECK(me.clock().now() == seconds{6});
    CHECK(me.receive_any(both, never).result == comm::result::peer_lost);
    CHECK(me.send(id(0), plain, {}, never) == comm::result::peer_lost);
    CHECK(me.clock().now() == seconds{6});
  });
}

TEST_CASE("among several peers the living are served, and the lost one is named") {
  const virtual_network net{all_linked(3)};
  net.run([&](virtual_endpoint& me) {
    if (me.self() == id(1)) return;
    if (me.self() == id(2)) {
      me.clock().compute(seconds{1}, idle);
      (void)me.send(id(0), plain, {}, never);
      return;
    }
    const std::vector<comm::channel> both{{id(2), plain}, {id(1), plain}};
    const comm::delivery first = me.receive_any(both, never);
    CHECK(first.result == comm::result::peer_lost);
    CHECK(first.from == id(1));
    me.clock().compute(seconds{2}, idle);
    const comm::delivery second = me.receive_any(both, never);
    CHECK(second.result == comm::result::ok);
    CHECK(second.from == id(2));
  });
}

TEST_CASE("a sender that waits for room is told when the receiver ends") {
  const virtual_network net{all_linked(2), {.window = 1}};
  net.run([&](virtual_endpoint& me) {
    if (me.self() == id(0)) {
      CHECK(me.send(id(1), plain, {}, never) == comm::result::ok);
      CHECK(me.send(id(1), plain, {}, never) == comm::result::peer_lost);
      CHECK(me.clock().now() == seconds{3});
    } else {
      me.clock().compute(seconds{3}, idle);
    }
  });
}

TEST_CASE("a killed agent is lost at that very time, even while it computes") {
  for (const double crash : {2.5, 3.0}) {
    virtual_network net{all_linked(2, second_away)};
    net.kill(id(0), seconds{crash});
    std::vector<double> arrivals;
    bool survived = false;
    net.run([&](virtual_endpoint& me) {
      if (me.self() == id(0)) {
        for (int i = 0; i < 10; ++i) {
          me.clock().compute(seconds{1}, idle);
          (void)me.send(id(1), plain, {}, never);  // at 1, 2, 3 ...
        }
        survived = true;
        return;
      }
      while (me.receive(id(0), plain, never).result == comm::result::ok) arrivals.push_back(me.clock().now().value());
      CHECK(me.clock().now() == seconds{3});  // the last message came at 3; the crash was not later than that
    });
    CHECK(arrivals == std::vector<double>{2, 3});
    CHECK(!survived);
  }
}

TEST_CASE("an agent can be killed while it waits, and a crash that comes too late does nothing") {
  virtual_network net{all_linked(2)};
  net.kill(id(0), seconds{4});
  net.kill(id(1), seconds{100});
  net.run([&](virtual_endpoint& me) {
    if (me.self() == id(0)) {
      (void)me.receive(id(1), plain, never);
      FAIL("a killed agent went on");
    }
    CHECK(me.receive(id(0), plain, never).result == comm::result::peer_lost);
    CHECK(me.clock().now() == seconds{4});
  });
  // The wall clock's crash ends a wait, too.
  wall_network wall{all_linked(2)};
  wall.kill(id(0), seconds{0.05});
  wall.run([&](wall_network::endpoint& me) {
    if (me.self() == id(0)) {
      (void)me.receive(id(1), plain, never);
      FAIL("a killed agent went on");
    }
    CHECK(me.receive(id(0), plain, never).result == comm::result::peer_lost);
    CHECK(me.clock().now() >= seconds{0.05});
    CHECK(me.send(id(0), plain, {}, never) == comm::result::peer_lost);
  });
}

TEST_CASE("the failure that caused the others is the one that run() throws") {
  // Agent 2 fails at 1 s; agents 0 and 1 fail because of that, at the same virtual time and with lower ids.
  const auto chain = [](auto& me) {
    if (me.self() == id(2)) {
      me.clock().compute(seconds{1}, idle);
      throw std::runtime_error{"the root"};
    }
    if (me.receive(id(me.self().value + 1), plain, never).result == comm::result::peer_lost)
      throw run_error{"a consequence"};
  };
  CHECK(message_of([&] { virtual_network{line(3)}.run(chain); }) == "the root");
  CHECK(message_of([&] { wall_network{line(3)}.run(chain); }) == "the root");
}

TEST_CASE("of independent failures the first by (time, id) is thrown") {
  for (int repeat = 0; repeat < 20; ++repeat) {
    const std::string got = message_of([] {
      virtual_network{all_linked(4)}.run([](virtual_endpoint& me) {
        me.clock().compute(seconds{me.self() == id(0) ? 2.0 : 1.0}, idle);
        throw std::runtime_error{text("agent ", me.self())};
      });
    });
    CHECK(got == "agent 1");
  }
}

TEST_CASE("an exception inside work comes out, and gives the slot back") {
  const virtual_network net{all_linked(1), {.compute_slots = 1}};
  net.run([&](virtual_endpoint& me) {
    CHECK_THROWS_AS(me.clock().compute(seconds{1}, [] { throw std::runtime_error{"work"}; }), std::runtime_error);
    bool done = false;
    me.clock().compute(seconds{1}, [&] { done = true; });
    CHECK(done);
  });
}

TEST_CASE("a deadlock is an error that tells who waits for whom and what") {
  const std::string got = message_of([] {
    virtual_network{all_linked(3), {.window = 1}}.run([](virtual_endpoint& me) {
      if (me.self() == id(0)) {
        me.clock().compute(seconds{2}, idle);
        (void)me.receive(id(1), {7, 8, 9}, never);
      } else if (me.self() == id(1)) {
        const std::vector<comm::channel> both{{id(0), plain}, {id(2), {1, 0, 0}}};
        (void)me.receive_any(both, never);
      } else {
        (void)me.send(id(0), {5, 0, 0}, {}, never);
        (void)me.send(id(0), {5, 0, 0}, {}, never);
      }
    });
  });
  CHECK(got ==
        "deadlock: no agent can go on\n"
        "  agent 0 at 2 s waits for a message of agent 1 (round 7, kind 8, step 9)\n"
        "  agent 1 at 0 s waits for a message of agent 0 (round 0, kind 0, step 0), or of agent 2 (round 1, kind 0, "
        "step 0)\n"
        "  agent 2 at 0 s waits for room for a message to agent 0 (round 5, kind 0, step 0)");
}

TEST_CASE("a deadlock is reported even if every agent swallows it, and after the failure that led to it") {
  const auto swallow = [](virtual_endpoint& me) {
    try {
      (void)me.receive(id(1 - me.self().value), plain, never);
    } catch (const run_error&) {
    }
  };
  CHECK_THROWS_AS(virtual_network{all_linked(2)}.run(swallow), run_error);

  const auto one_fails = [](virtual_endpoint& me) {
    if (me.self() == id(2)) throw std::runtime_error{"the root"};
    (void)me.receive(id(1 - me.self().value), plain, never);
  };
  CHECK(message_of([&] { virtual_network{all_linked(3)}.run(one_fails); }) == "the root");
}

TEST_CASE("a network can be run again, from time zero and with empty mailboxes") {
  const virtual_network net{all_linked(2)};
  for (int repeat = 0; repeat < 2; ++repeat)
    net.run([](virtual_endpoint& me) {
      if (me.self() == id(0)) {
        CHECK(me.clock().now() == seconds{});
        CHECK(me.receive(id(1), plain, seconds{1}).result == comm::result::timed_out);
      } else {
        me.clock().compute(seconds{2}, idle);
        (void)me.send(id(0), plain, {}, never);
      }
    });
}
