// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comdml/comm/zeromq.hpp"
#include "comdml/comm/zeromq_observer.hpp"
#include "fleet.hpp"
#include "proxy.hpp"
#include "stranger.hpp"

using namespace zeromq_test;
using comm::remote_event_kind;

namespace {

std::vector<std::byte> raw(const std::string& of) {
  const auto view = std::as_bytes(std::span{of});
  return {view.begin(), view.end()};
}

/// Agents 0 and 1 are sound and meet; agent 2 is a stranger who has its key. Whatever it does, they go on.
struct two_and_a_stranger {
  two_and_a_stranger() : two_and_a_stranger(test_fleet::patient()) {}
  explicit two_and_a_stranger(const comm::remote_options& how, std::size_t largest = 1 << 20) {
    auto first = all.options(0);
    first.largest_message = largest;
    auto telling = how;
    telling.linger = {};  // nobody answers for the stranger
    telling.on_event = [this](const comm::remote_event& what) {
      if (what.peer == agent_id{2} && what.kind != remote_event_kind::connected) told = what.what;
    };
    zero = std::make_unique<comm::zeromq_endpoint>(telling, first);
    all.first_address = zero->engine().address();
    one = all.start(1);
    two.emplace(all, 2, all.first_address, all.keys[0].public_key());
    const std::vector<agent_id> others{agent_id{1}};
    REQUIRE(zero->wait_for(others, patience).empty());
  }
  void check_goes_on() {
    const comm::tag what{1, 1, step++};
    CHECK(one->send(agent_id{0}, what, raw("still here"), one->clock().now() + patience) == comm::result::ok);
    CHECK(zero->receive(agent_id{1}, what, zero->clock().now() + patience).data == raw("still here"));
  }
  comm::delivery receive_of_stranger(const comm::tag& what) {
    return zero->receive(agent_id{2}, what, zero->clock().now() + patience);
  }

  test_fleet all{3};
  std::string told;  ///< written by the endpoint's thread: to be read when that is over
  std::unique_ptr<comm::zeromq_endpoint> zero;
  std::unique_ptr<comm::zeromq_endpoint> one;
  std::optional<stranger> two;
  std::uint16_t step = 0;
};

constexpr comm::tag news{3, 1, 0};

}  // namespace

TEST_CASE("a well-behaved stranger with a key is a peer") {
  two_and_a_stranger fleet;
  fleet.two->meet();
  fleet.two->send_data(1, news, raw("hello"));
  CHECK(fleet.receive_of_stranger(news).data == raw("hello"));
  fleet.check_goes_on();
}

TEST_CASE("an unknown key is turned away, and said so") {
  two_and_a_stranger fleet;
  test_fleet others{3};
  stranger unknown{others, 2, fleet.all.first_address, fleet.all.keys[0].public_key()};
  await(*fleet.zero, remote_event_kind::unknown_key);
  fleet.check_goes_on();
  CHECK(fleet.zero->count(remote_event_kind::wrong_identity) == 0);
}

TEST_CASE("an agent without the server's key, behind its address, gets nothing") {
  test_fleet all{2};
  test_fleet impostors{2};
  auto impostor = impostors.start(0);
  all.first_address = impostors.first_address;
  auto one = all.start(1);
  await(*one, remote_event_kind::bad_handshake);
  CHECK(one->wait_for_peers(one->clock().now()) == std::vector{agent_id{0}});
}

TEST_CASE("a peer that claims another's id is refused") {
  two_and_a_stranger fleet;
  fleet.two->send_hello(7, 1);
  await(*fleet.zero, remote_event_kind::wrong_identity);
  fleet.check_goes_on();
}

TEST_CASE("a peer of another fleet is refused") {
  two_and_a_stranger fleet;
  fleet.two->send_hello(8);
  await(*fleet.zero, remote_event_kind::wrong_fleet);
  fleet.check_goes_on();
}

TEST_CASE("another version, garbage and frames in too many parts are refused") {
  two_and_a_stranger fleet;
  fleet.two->meet();
  auto head = comm::detail::frame_head{.kind = comm::detail::frame_kind::data, .from = 11}.write();
  head[4] = std::byte{77};
  fleet.two->send({head});
  await(*fleet.zero, remote_event_kind::wrong_version);
  fleet.check_goes_on();

  std::uint64_t malformed = 0;
  const auto refuse = [&](const std::vector<std::vector<std::byte>>& parts) {
    fleet.two->send(parts);
    await(*fleet.zero, remote_event_kind::malformed, ++malformed);
    fleet.check_goes_on();
  };
  refuse({raw("garbage")});
  refuse({raw("")});
  refuse({raw("g"), raw("ar"), raw("bage")});
  refuse({raw("g"), raw("ar"), raw("ba"), raw("ge")});
  auto good = comm::detail::frame_head{.kind = comm::detail::frame_kind::data,
                                       .from = 11,
                                       .to = fleet.two->peer,
                                       .sequence = 1,
                                       .tag = news,
                                       .body_bytes = 4};
  refuse({good.write(), raw("five!")});
  for (const auto kind : {comm::detail::frame_kind::hello, comm::detail::frame_kind::welcome,
                          comm::detail::frame_kind::taken, comm::detail::frame_kind::ask}) {
    good.kind = kind;
    good.sequence = 1'000'000;
    refuse({good.write(), raw("four")});
  }
  std::vector<std::byte> many(8, std::byte{0xFF});  // so many numbers are announced
  good.kind = comm::detail::frame_kind::taken;
  good.sequence = 0;
  good.body_bytes = 8;
  refuse({good.write(), many});
  fleet.two->send_data(1, news, raw("sound again"));
  CHECK(fleet.receive_of_stranger(news).data == raw("sound again"));
}

TEST_CASE("a replayed message is not received twice, one from before a restart never") {
  two_and_a_stranger fleet;
  fleet.two->meet();
  fleet.two->send_data(1, news, raw("pay 10"));
  fleet.two->send_data(1, news, raw("pay 10"));
  fleet.two->send_data(2, news, raw("the end"));
  CHECK(fleet.receive_of_stranger(news).data == raw("pay 10"));
  CHECK(fleet.receive_of_stranger(news).data == raw("the end"));
  CHECK(fleet.zero->count(remote_event_kind::duplicate) == 1);
  fleet.two->incarnation = 10;
  fleet.two->send_data(3, news, raw("pay 20"));
  await(*fleet.zero, remote_event_kind::stale);
  fleet.two->incarnation = 11;
  fleet.two->send_data(4, news, raw("one is missing"));
  await(*fleet.zero, remote_event_kind::out_of_order);
  fleet.two->send_data(3, news, raw("last"));
  CHECK(fleet.receive_of_stranger(news).data == raw("last"));
  fleet.check_goes_on();
}

TEST_CASE("oversized messages are refused: by the endpoint, and long before by the engine") {
  two_and_a_stranger fleet{test_fleet::patient(), 1000};
  fleet.two->meet();
  fleet.two->send_data(1, news, std::vector<std::byte>(1001));
  await(*fleet.zero, remote_event_kind::oversized);
  fleet.two->send_data(1, news, std::vector<std::byte>(1000));
  CHECK(fleet.receive_of_stranger(news).data.size() == 1000);
  fleet.two->send_data(2, news, std::vector<std::byte>(1 << 20));  // its connection is ended
  comm::delivery got;
  while (got.result != comm::result::ok) {  // what goes into the old connection is lost
    fleet.two->send_data(2, news, raw("smaller"));
    got = fleet.zero->receive(agent_id{2}, news, fleet.zero->clock().now() + seconds{0.05});
  }
  CHECK(got.data == raw("smaller"));
  fleet.check_goes_on();
}

TEST_CASE("what goes beyond the window or the limits is refused, and may be sent again when there is room") {
  auto how = test_fleet::patient();
  how.most_channels = 3;
  how.most_bytes = 5000;
  two_and_a_stranger fleet{how};
  fleet.two->meet();
  const auto refused = [&](std::uint64_t number, const comm::tag& what, std::size_t size) {
    const auto before = fleet.zero->count(remote_event_kind::beyond_limits);
    fleet.two->send_data(number, what, std::vector<std::byte>(size));
    await(*fleet.zero, remote_event_kind::beyond_limits, before + 1);
    fleet.check_goes_on();
  };
  for (std::uint64_t number = 1; number <= 4; ++number) fleet.two->send_data(number, news, std::vector<std::byte>(10));
  refused(5, news, 10);
  fleet.two->send_data(5, {3, 2, 0}, std::vector<std::byte>(10));
  fleet.two->send_data(6, {3, 3, 0}, std::vector<std::byte>(10));
  refused(7, {3, 4, 0}, 10);
  refused(7, {3, 3, 0}, 4941);
  CHECK(fleet.zero->unread(agent_id{2}).value() == 60);
  CHECK(fleet.receive_of_stranger({3, 2, 0}).result == comm::result::ok);
  while (true) {  // it is told that there is room again
    const auto [head, body] = fleet.two->receive();
    if (head.kind == comm::detail::frame_kind::taken && head.again) {
      CHECK(head.sequence == 6);
      break;
    }
  }
  fleet.two->send_data(7, {3, 4, 0}, std::vector<std::byte>(10));
  CHECK(fleet.receive_of_stranger({3, 4, 0}).result == comm::result::ok);
}

TEST_CASE("bytes that are no ZeroMQ at all") {
  two_and_a_stranger fleet;
  const int line = connect_to(port_of(fleet.all.first_address));
  REQUIRE(line >= 0);
  const std::string garbage(1000, '\x5A');
  CHECK(::send(line, garbage.data(), garbage.size(), MSG_NOSIGNAL) > 0);
  await(*fleet.zero, remote_event_kind::closed);
  ::close(line);
  fleet.check_goes_on();
}

TEST_CASE("an address that cannot be used is refused") {
  two_and_a_stranger fleet;
  const auto tell = [&](const std::string& address) {
    comm::message_writer out;
    out.write(std::uint32_t{1}).write(std::uint32_t{2}).write_block(std::as_bytes(std::span{address}));
    const comm::detail::introduction own{.id = agent_id{2}, .fleet = 7, .nonce = 5, .window = 4, .engine = out.take()};
    fleet.two->send({.kind = comm::detail::frame_kind::hello, .from = 11}, own.write());
  };
  std::uint64_t times = 0;
  for (const std::string address :
       {"ipc:///tmp/x", "inproc://zeromq.zap.01", "tcp://127.0.0.1", "tcp://a b:1", "tcp://:1"}) {
    tell(address);
    await(*fleet.zero, remote_event_kind::unusable_address, ++times);
  }
  fleet.check_goes_on();
}

TEST_CASE("addresses are looked at") {
  CHECK(comm::is_tcp_address("tcp://127.0.0.1:5555"));
  CHECK(comm::is_tcp_address("tcp://[::1]:5555"));
  CHECK(comm::is_tcp_address("tcp://host-1.example:1"));
  CHECK_FALSE(comm::is_tcp_address("tcp://host:123456"));
  CHECK_FALSE(comm::is_tcp_address("tcp://host:"));
  CHECK_FALSE(comm::is_tcp_address("tcp://eth0;1.2.3.4:5"));
  CHECK(comm::is_wildcard("tcp://0.0.0.0:5"));
  CHECK(comm::with_host("tcp://0.0.0.0:5", "1.2.3.4") == "tcp://1.2.3.4:5");
  CHECK(comm::with_host("tcp://[::]:5", "fe80::1") == "tcp://[fe80::1]:5");
  CHECK(comm::with_host("tcp://5.6.7.8:5", "1.2.3.4") == "tcp://5.6.7.8:5");
}

TEST_CASE("an observer sees what is published, and nobody else does; it can do no more") {
  test_fleet all{1};
  auto options = all.options(0);
  const comm::curve_keys eye = comm::make_keys();
  options.observers = {eye.public_key()};
  comm::zeromq_endpoint zero{test_fleet::patient(), options};
  comm::zeromq_observer looks{zero.engine().address(), all.keys[0].public_key(), eye};
  CHECK(looks.ask(patience) == std::vector<std::byte>{});
  zero.publish(raw("round 3"));
  CHECK(looks.ask(patience) == raw("round 3"));
  CHECK(looks.ask(patience) == raw("round 3"));
  comm::zeromq_observer blind{zero.engine().address(), all.keys[0].public_key(), comm::make_keys()};
  CHECK_FALSE(blind.ask(seconds{0.2}).has_value());
  await(zero, remote_event_kind::unknown_key);

  test_fleet as_agent{2};
  as_agent.keys[1] = eye;
  stranger agent{as_agent, 1, zero.engine().address(), all.keys[0].public_key()};
  agent.send_hello(7);
  await(zero, remote_event_kind::malformed);
}
