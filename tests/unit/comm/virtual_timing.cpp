// SPDX-License-Identifier: BSL-1.0
// When things happen under virtual time: links as queues, windows, polls, deadlines.
#include <doctest/doctest.h>

#include <vector>

#include "support.hpp"

using namespace comm_test;

namespace {
// 8 bits in a microsecond: 1000 bytes take 1 ms.
constexpr directed_link megabyte_a_second{bits_per_second{8e6}, seconds{0.25}};
}  // namespace

TEST_CASE("computing takes what it is booked for, whatever the work does") {
  const virtual_network net{all_linked(1)};
  seconds end;
  int calls = 0;
  net.run([&](virtual_endpoint& me) {
    CHECK(me.clock().now() == seconds{});
    me.clock().compute(seconds{2.5}, [&] { ++calls; });
    me.clock().compute(seconds{}, [&] { ++calls; });
    me.clock().compute(seconds{1}, [&] { ++calls; });
    end = me.clock().now();
  });
  CHECK(calls == 3);
  CHECK(end == seconds{3.5});
}

TEST_CASE("a directed link is a queue: messages follow each other, each direction by itself") {
  const virtual_network net{all_linked(2, megabyte_a_second)};
  std::vector<double> forth;
  double back = 0;
  double sent = 0;
  net.run([&](virtual_endpoint& me) {
    if (me.self() == id(0)) {
      for (const std::size_t size : std::initializer_list<std::size_t>{1'000'000, 500'000, 0})
        CHECK(me.send(id(1), plain, sized(size), never) == comm::result::ok);
      sent = me.clock().now().value();
      back = me.receive(id(1), plain, never).result == comm::result::ok ? me.clock().now().value() : -1;
    } else {
      CHECK(me.send(id(0), plain, sized(125'000), never) == comm::result::ok);
      for (int i = 0; i < 3; ++i) {
        CHECK(me.receive(id(0), plain, never).result == comm::result::ok);
        forth.push_back(me.clock().now().value());
      }
    }
  });
  CHECK(sent == 0);  // the sender does not wait for the transmission
  CHECK(forth == std::vector{1.25, 1.75, 1.75});
  CHECK(back == 0.375);
}

TEST_CASE("the link is free again while the message is still on its way") {
  const virtual_network net{all_linked(2, megabyte_a_second)};
  std::vector<double> times;
  net.run([&](virtual_endpoint& me) {
    if (me.self() == id(0)) {
      (void)me.send(id(1), plain, sized(1'000'000), never);  // 0 .. 1, there at 1.25
      me.clock().compute(seconds{1}, idle);
      (void)me.send(id(1), plain, sized(1'000'000), never);  // 1 .. 2
      me.clock().compute(seconds{4}, idle);
      (void)me.send(id(1), plain, sized(1'000'000), never);  // 5 .. 6
    } else {
      for (int i = 0; i < 3; ++i) {
        (void)me.receive(id(0), plain, never);
        times.push_back(me.clock().now().value());
      }
    }
  });
  CHECK(times == std::vector{1.25, 2.25, 6.25});
}

TEST_CASE("a message that arrived before it is asked for costs no time") {
  const virtual_network net{all_linked(2, megabyte_a_second)};
  double when = 0;
  net.run([&](virtual_endpoint& me) {
    if (me.self() == id(0)) {
      (void)me.send(id(1), plain, sized(10), never);
    } else {
      me.clock().compute(seconds{9}, idle);
      (void)me.receive(id(0), plain, never);
      when = me.clock().now().value();
    }
  });
  CHECK(when == 9);
}

TEST_CASE("a full window stalls the sender until the receiver takes a message") {
  const virtual_network net{all_linked(2), {.window = 2}};
  std::vector<double> departures;
  net.run([&](virtual_endpoint& me) {
    if (me.self() == id(0)) {
      for (int i = 0; i < 5; ++i) {
        CHECK(me.send(id(1), plain, {}, never) == comm::result::ok);
        departures.push_back(me.clock().now().value());
      }
      // Another channel has a window of its own.
      CHECK(me.send(id(1), {0, 0, 1}, {}, never) == comm::result::ok);
      CHECK(me.clock().now() == seconds{30});
    } else {
      for (int i = 0; i < 5; ++i) {
        me.clock().compute(seconds{10}, idle);
        CHECK(me.receive(id(0), plain, never).result == comm::result::ok);
      }
    }
  });
  CHECK(departures == std::vector<double>{0, 0, 10, 20, 30});
}

TEST_CASE("a send into a full window gives up at its deadline, and nothing was sent") {
  const virtual_network net{all_linked(2), {.window = 1}};
  net.run([&](virtual_endpoint& me) {
    if (me.self() == id(0)) {
      CHECK(me.send(id(1), plain, sized(1), never) == comm::result::ok);
      CHECK(me.send(id(1), plain, sized(2), seconds{3}) == comm::result::timed_out);
      CHECK(me.clock().now() == seconds{3});
      CHECK(me.send(id(1), plain, sized(2), seconds{1}) == comm::result::timed_out);  // already past
      CHECK(me.clock().now() == seconds{3});
      CHECK(me.send(id(1), plain, sized(3), never) == comm::result::ok);
      CHECK(me.clock().now() == seconds{7});
    } else {
      me.clock().compute(seconds{7}, idle);
      CHECK(me.receive(id(0), plain, never).data.size() == 1);
      CHECK(me.receive(id(0), plain, never).data.size() == 3);
      CHECK(me.receive(id(0), plain, never).result == comm::result::peer_lost);
    }
  });
}

TEST_CASE("a deadline expires at its own time, and only if nothing arrives until then") {
  const virtual_network net{all_linked(2, megabyte_a_second)};
  net.run([&](virtual_endpoint& me) {
    if (me.self() == id(0)) {
      me.clock().compute(seconds{10}, idle);
      (void)me.send(id(1), plain, sized(0), never);  // there at 10.25
    } else {
      CHECK(me.receive(id(0), plain, seconds{4}).result == comm::result::timed_out);
      CHECK(me.clock().now() == seconds{4});
      CHECK(me.receive(id(0), plain, seconds{10.2}).result == comm::result::timed_out);
      CHECK(me.clock().now() == seconds{10.2});
      CHECK(me.receive(id(0), plain, seconds{10.25}).result == comm::result::ok);
      CHECK(me.clock().now() == seconds{10.25});
    }
  });
}

TEST_CASE("receive_any gives the earliest arrival, then the lowest sender, then the lowest tag") {
  link_matrix links = all_linked(4);
  links.set(id(3), id(0), {bits_per_second::infinity(), seconds{0.5}});
  const virtual_network net{links};
  std::vector<std::pair<std::uint32_t, unsigned>> order;
  const comm::tag other{0, 0, 1};
  net.run([&](virtual_endpoint& me) {
    if (me.self() == id(0)) {
      const std::vector<comm::channel> all{{id(3), plain}, {id(2), other}, {id(2), plain}, {id(1), plain}};
      me.clock().compute(seconds{5}, idle);
      for (int i = 0; i < 5; ++i) {
        const comm::delivery got = me.receive_any(all, me.clock().now());
        CHECK(got.result == comm::result::ok);
        order.emplace_back(got.from.value, got.tag.step);
      }
      CHECK(me.clock().now() == seconds{5});
    } else if (me.self() == id(3)) {
      (void)me.send(id(0), plain, {}, never);  // there at 0.5
    } else {
      me.clock().compute(seconds{1}, idle);
      if (me.self() == id(2)) (void)me.send(id(0), other, {}, never);
      if (me.self() == id(2)) (void)me.send(id(0), plain, {}, never);
      if (me.self() == id(1)) (void)me.send(id(0), plain, {}, never);
      if (me.self() == id(1)) (void)me.send(id(0), plain, {}, never);
    }
  });
  CHECK(order == std::vector<std::pair<std::uint32_t, unsigned>>{{3, 0}, {1, 0}, {1, 0}, {2, 0}, {2, 1}});
}

TEST_CASE("a poll sees what has arrived by now, and takes no time") {
  const virtual_network net{all_linked(2, megabyte_a_second)};
  std::vector<int> seen;
  net.run([&](virtual_endpoint& me) {
    if (me.self() == id(1)) {
      for (int i = 0; i < 3; ++i) {  // there at 1.25, 2.25, 3.25
        me.clock().compute(seconds{1}, idle);
        (void)me.send(id(0), plain, {}, never);
      }
      (void)me.receive(id(0), plain, never);  // stays
      return;
    }
    const std::vector<comm::channel> guest{{id(1), plain}};
    for (int batch = 0; batch < 4; ++batch) {  // its own batches, and whatever has come in between
      me.clock().compute(seconds{0.75}, idle);
      const seconds before = me.clock().now();
      seen.push_back(me.receive_any(guest, before).result == comm::result::ok);
      CHECK(me.clock().now() == before);
    }
    (void)me.send(id(1), plain, {}, never);
  });
  CHECK(seen == std::vector{0, 1, 1, 0});  // at 0.75, 1.5, 2.25 and 3
}

TEST_CASE("an empty list of channels waits for its deadline") {
  const virtual_network net{all_linked(1)};
  net.run([&](virtual_endpoint& me) {
    CHECK(me.receive_any({}, seconds{2}).result == comm::result::timed_out);
    CHECK(me.clock().now() == seconds{2});
  });
}

TEST_CASE("a published value can be seen at once, with its age, and the latest wins") {
  const virtual_network net{all_linked(2)};
  net.run([&](virtual_endpoint& me) {
    if (me.self() == id(0)) {
      me.clock().compute(seconds{1}, idle);
      me.publish(sized(1, 7));
      me.clock().compute(seconds{1}, idle);
      me.publish(sized(1, 8));
      me.publish(sized(1, 9));
    } else {
      CHECK(!me.peek(id(0)));
      me.clock().compute(seconds{1.5}, idle);
      CHECK(me.peek(id(0))->data == sized(1, 7));
      CHECK(me.peek(id(0))->age == seconds{0.5});
      me.clock().compute(seconds{3}, idle);
      CHECK(me.peek(id(0))->data == sized(1, 9));  // the publisher has ended
      CHECK(me.peek(id(0))->age == seconds{2.5});
    }
  });
}

TEST_CASE("agents without a direct link cannot talk") {
  const virtual_network net{line(3)};
  net.run([&](virtual_endpoint& me) {
    if (me.self() != id(0)) return;
    CHECK(std::vector(me.peers().begin(), me.peers().end()) == std::vector{id(1)});
    CHECK_THROWS_AS((void)me.send(id(2), plain, {}, never), contract_error);
    CHECK_THROWS_AS((void)me.send(id(0), plain, {}, never), contract_error);
    CHECK_THROWS_AS((void)me.receive(id(2), plain, never), contract_error);
    CHECK_THROWS_AS((void)me.peek(id(2)), contract_error);
    CHECK_THROWS_AS((void)me.receive(id(1), plain, bytes{} / bits_per_second{}), contract_error);  // 0 / 0
    CHECK_THROWS_AS(me.clock().compute(seconds{-1}, idle), contract_error);
    CHECK_THROWS_AS(me.clock().compute(never, idle), contract_error);
    CHECK_THROWS_AS(me.clock().compute(seconds{}, [&] { me.publish({}); }), contract_error);
    me.publish({});  // usable again after that
  });
}
