// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "comdml/comm/zeromq.hpp"
#include "fleet.hpp"
#include "proxy.hpp"
#include "stranger.hpp"

using namespace zeromq_test;
using comm::remote_event_kind;

namespace {

constexpr comm::tag stream{1, 1, 0};
constexpr comm::tag answer{1, 2, 0};

std::vector<std::byte> message(std::size_t number, std::size_t size) {
  std::vector<std::byte> data(size);
  for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<std::byte>((number * 131 + i * 7) & 0xFF);
  return data;
}

/// Two agents, all of whose connections pass through proxies.
struct pair_behind_proxies {
  pair_behind_proxies() : pair_behind_proxies(test_fleet::patient()) {}
  explicit pair_behind_proxies(const comm::remote_options& how) {
    // A proxy must know where to lead before there is somebody: so the second agent is told where the first is, and
    // tells it the address of its own proxy.
    zero = std::make_unique<comm::zeromq_endpoint>(how, all.options(0));
    to_zero = std::make_unique<proxy>(port_of(zero->engine().address()));
    all.first_address = to_zero->address();
    const int reserved = ::socket(AF_INET, SOCK_STREAM, 0);
    const sockaddr_in any = loopback(0);
    sockaddr_in bound{};
    socklen_t size = sizeof bound;
    const int yes = 1;
    ::setsockopt(reserved, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    REQUIRE(::bind(reserved, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0);
    REQUIRE(::getsockname(reserved, reinterpret_cast<sockaddr*>(&bound), &size) == 0);
    const std::uint16_t port = ntohs(bound.sin_port);
    to_one = std::make_unique<proxy>(port);
    ::close(reserved);
    auto second = all.options(1);
    second.bind = "tcp://127.0.0.1:" + std::to_string(port);
    second.advertise = to_one->address();
    one = std::make_unique<comm::zeromq_endpoint>(how, second);
    REQUIRE(zero->wait_for_peers(patience).empty());
    REQUIRE(one->wait_for_peers(patience).empty());
  }

  test_fleet all{2};
  std::unique_ptr<proxy> to_zero, to_one;
  std::unique_ptr<comm::zeromq_endpoint> zero, one;
};

seconds soon(comm::zeromq_endpoint& line) { return line.clock().now() + patience; }

}  // namespace

TEST_CASE("nothing that is sent can be read on the wire") {
  pair_behind_proxies two;
  std::string secret;
  for (int i = 0; i < 4000; ++i) secret += "weights of the model, " + std::to_string(i);
  const auto view = std::as_bytes(std::span{secret});
  const std::vector<std::byte> data(view.begin(), view.end());
  REQUIRE(two.zero->send(agent_id{1}, stream, data, soon(*two.zero)) == comm::result::ok);
  REQUIRE(two.one->receive(agent_id{0}, stream, soon(*two.one)).data == data);
  two.one->publish(data);
  REQUIRE(two.one->send(agent_id{0}, answer, {}, soon(*two.one)) == comm::result::ok);
  REQUIRE(two.zero->receive(agent_id{1}, answer, soon(*two.zero)).result == comm::result::ok);
  REQUIRE(two.zero->peek(agent_id{1})->data == data);
  const std::string wire = two.to_zero->recorded() + two.to_one->recorded();
  CHECK(wire.size() > 2 * secret.size());
  CHECK(wire.find("CURVE") != std::string::npos);  // the greeting of ZMTP is: the record is one
  CHECK(wire.find("weights of the") == std::string::npos);
  CHECK(wire.find("CDML") == std::string::npos);  // nor the heads of frames
  for (const comm::curve_keys& keys : two.all.keys)
    CHECK(wire.find(std::string{keys.secret_key()}) == std::string::npos);
}

TEST_CASE("messages survive cuts in both directions, in order and none twice") {
  pair_behind_proxies two;
  constexpr std::size_t messages = 300;
  constexpr std::size_t size = 20'000;
  std::jthread cutter{[&](const std::stop_token& stop) {
    for (std::size_t bytes = 50'000; !stop.stop_requested(); bytes = bytes * 5 / 4 + 777) {
      proxy& one = bytes % 2 == 0 ? *two.to_zero : *two.to_one;
      const std::size_t before = one.cuts();
      one.cut_after(bytes % 400'000);
      for (int i = 0; i < 100 && one.cuts() == before && !stop.stop_requested(); ++i)
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
  }};
  on_threads(2, [&](std::uint32_t self) {
    comm::zeromq_endpoint& line = self == 0 ? *two.zero : *two.one;
    const agent_id other{1 - self};
    for (std::size_t i = 0; i < messages; ++i) {
      if (line.send(other, stream, message(i, size), soon(line)) != comm::result::ok) throw run_error{"a send"};
      if (i < 3) continue;
      if (line.receive(other, stream, soon(line)).data != message(i - 3, size))
        throw run_error{text("message ", i - 3)};
    }
    for (std::size_t i = messages - 3; i < messages; ++i)
      if (line.receive(other, stream, soon(line)).data != message(i, size)) throw run_error{text("message ", i)};
  });
  cutter.request_stop();
  cutter.join();
  CHECK(two.to_zero->cuts() + two.to_one->cuts() > 2);
}

TEST_CASE("a peer that is away for longer than grace is lost, until it is back with all that was sent before") {
  auto how = test_fleet::patient();
  how.grace = seconds{0.2};
  pair_behind_proxies two{how};
  REQUIRE(two.zero->send(agent_id{1}, stream, message(1, 10), soon(*two.zero)) == comm::result::ok);
  two.to_zero->cut(false);
  two.to_one->cut(false);
  CHECK(two.zero->receive(agent_id{1}, answer, seconds::infinity()).result == comm::result::peer_lost);
  CHECK(two.zero->send(agent_id{1}, stream, message(2, 10), soon(*two.zero)) == comm::result::peer_lost);
  two.to_zero->cut(true);
  two.to_one->cut(true);
  REQUIRE(two.zero->wait_for_peers(patience).empty());
  REQUIRE(two.one->wait_for_peers(patience).empty());
  CHECK(two.zero->send(agent_id{1}, stream, message(3, 10), soon(*two.zero)) == comm::result::ok);
  CHECK(two.one->receive(agent_id{0}, stream, soon(*two.one)).data == message(1, 10));
  CHECK(two.one->receive(agent_id{0}, stream, soon(*two.one)).data == message(3, 10));
}

TEST_CASE("a sender waits for a slow receiver, whose memory stays bounded") {
  test_fleet all{2};
  auto zero = all.start(0);
  auto one = all.start(1);
  REQUIRE(one->wait_for_peers(patience).empty());
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(one->send(agent_id{0}, stream, message(i, 1000), soon(*one)) == comm::result::ok);
  CHECK(one->send(agent_id{0}, stream, message(4, 1000), one->clock().now() + seconds{0.05}) ==
        comm::result::timed_out);
  CHECK(one->send(agent_id{0}, answer, message(5, 1000), soon(*one)) == comm::result::ok);  // another channel
  CHECK(zero->receive(agent_id{1}, answer, soon(*zero)).data == message(5, 1000));
  CHECK(zero->unread(agent_id{1}).value() == 4000);
  for (std::size_t i = 0; i < 100; ++i) {
    CHECK(zero->receive(agent_id{1}, stream, soon(*zero)).data == message(i, 1000));
    CHECK(one->send(agent_id{0}, stream, message(i + 4, 1000), soon(*one)) == comm::result::ok);
    CHECK(zero->unread(agent_id{1}).value() <= 4000);
  }
}

TEST_CASE("a peer that starts anew begins with empty channels, and is found at its new address") {
  test_fleet all{2};
  auto zero = all.start(0);
  auto one = all.start(1);
  REQUIRE(zero->wait_for_peers(patience).empty());
  REQUIRE(one->wait_for_peers(patience).empty());
  CHECK(one->send(agent_id{0}, stream, message(1, 10), soon(*one)) == comm::result::ok);
  CHECK(zero->send(agent_id{1}, stream, message(2, 10), soon(*zero)) == comm::result::ok);
  CHECK(zero->send(agent_id{1}, stream, message(3, 10), soon(*zero)) == comm::result::ok);
  one.reset();  // without having read them
  CHECK(zero->receive(agent_id{1}, stream, soon(*zero)).data == message(1, 10));
  CHECK(zero->receive(agent_id{1}, stream, soon(*zero)).result == comm::result::peer_lost);
  CHECK(zero->send(agent_id{1}, stream, {}, soon(*zero)) == comm::result::peer_lost);
  one = all.start(1);
  await(*zero, remote_event_kind::restarted);
  REQUIRE(one->wait_for_peers(patience).empty());
  for (std::size_t i = 10; i < 14; ++i) {  // a whole window is free
    CHECK(zero->send(agent_id{1}, stream, message(i, 10), soon(*zero)) == comm::result::ok);
    CHECK(one->send(agent_id{0}, stream, message(i, 10), soon(*one)) == comm::result::ok);
  }
  for (std::size_t i = 10; i < 14; ++i) {
    CHECK(one->receive(agent_id{0}, stream, soon(*one)).data == message(i, 10));
    CHECK(zero->receive(agent_id{1}, stream, soon(*zero)).data == message(i, 10));
  }
}

TEST_CASE("agents that know one of them find all") {
  test_fleet all{5};
  std::vector<std::unique_ptr<comm::zeromq_endpoint>> lines;
  for (std::uint32_t i = 0; i < 5; ++i) {
    auto own = all.options(i);
    for (auto& peer : own.peers) peer.address.clear();
    if (i > 0) own.peers[i - 1].address = lines[i - 1]->engine().address();  // a chain
    lines.push_back(std::make_unique<comm::zeromq_endpoint>(test_fleet::patient(), own));
  }
  for (auto& line : lines) CHECK(line->wait_for_peers(patience).empty());
}

TEST_CASE("an emulated link delays by its rate and latency; its messages stay in order") {
  test_fleet all{2};
  auto how = test_fleet::patient();
  how.link_of = [](agent_id, round_index) { return directed_link{megabits_per_second(8), seconds{0.05}}; };
  auto zero = all.start(0);
  auto one = all.start(1, how);
  REQUIRE(one->wait_for_peers(patience).empty());
  const seconds begin = one->clock().now();
  for (std::size_t i = 0; i < 4; ++i)
    REQUIRE(one->send(agent_id{0}, stream, message(i, 25'000), soon(*one)) == comm::result::ok);
  for (std::size_t i = 0; i < 4; ++i) CHECK(zero->receive(agent_id{1}, stream, soon(*zero)).data == message(i, 25'000));
  CHECK(one->clock().now() - begin >= seconds{0.15});  // 4 x 25 ms + 50 ms
}
