// SPDX-License-Identifier: BSL-1.0
/// \file
/// Links are what an exchange over them shows.
#include "comdml/comm/link_measurement.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "support.hpp"

using namespace comm_test;

namespace {

constexpr comm::tag probe{.round = 0, .kind = 40, .step = 0};

}  // namespace

TEST_CASE("under a virtual clock the measured link is the modelled one, rates per direction") {
  struct model {
    double there, back, latency;
  };
  // Powers of two, so that the clock's sums are exact.
  for (const model& one : {model{0x1p20, 0x1p24, 0x1p-7}, {0x1p30, 0x1p10, 0}, {0x1p16, 0x1p16, 2}}) {
    link_matrix links{2};
    links.set(id(0), id(1), {bits_per_second{one.there}, seconds{one.latency}});
    links.set(id(1), id(0), {bits_per_second{one.back}, seconds{one.latency}});
    std::vector<comm::measured_link> seen(2);
    const virtual_network net{links, {.window = 1}};  // a burst must not be stalled by the window
    net.run([&](virtual_endpoint& me) {
      seen[me.self().value] = comm::measure_link(me, id(1 - me.self().value), probe, {.message_size = 1 << 12});
    });
    CHECK(seen[0].result == comm::result::ok);
    CHECK(seen[0].peer == id(1));
    CHECK(seen[0].to == links(id(0), id(1)));
    CHECK(seen[0].from == links(id(1), id(0)));
    CHECK(seen[1].to == links(id(1), id(0)));
    CHECK(seen[1].from == links(id(0), id(1)));
  }
}

TEST_CASE("without a common clock, half of the round trip is either direction's latency") {
  link_matrix links{2};
  links.set(id(0), id(1), {bits_per_second{8e6}, seconds{0.25}});
  links.set(id(1), id(0), {bits_per_second{4e6}, seconds{0.75}});
  comm::measured_link seen;
  virtual_network{links}.run([&](virtual_endpoint& me) {
    const auto link = comm::measure_link(me, id(1 - me.self().value), probe);
    if (me.self() == id(0)) seen = link;
  });
  CHECK(seen.to.latency.value() == doctest::Approx(0.5));
  CHECK(seen.from.latency == seen.to.latency);
  CHECK(seen.to.rate.value() == doctest::Approx(8e6));
  CHECK(seen.from.rate.value() == doctest::Approx(4e6));
}

TEST_CASE("a peer that comes late does not spoil the latency") {
  comm::measured_link seen;
  virtual_network{linked(2, {{0, 1}}, {bits_per_second{0x1p20}, seconds{0.5}})}.run([&](virtual_endpoint& me) {
    if (me.self() == id(1)) me.clock().compute(seconds{100}, idle);
    const auto link = comm::measure_link(me, id(1 - me.self().value), probe);
    if (me.self() == id(0)) seen = link;
  });
  CHECK(seen.to == directed_link{bits_per_second{0x1p20}, seconds{0.5}});
}

TEST_CASE("a fleet measures all of its links, without a deadlock, on any topology") {
  for (const link_matrix& links : {all_linked(6, {bits_per_second{0x1p22}, seconds{0x1p-5}}),
                                   line(5, {bits_per_second{0x1p22}, {}}), star(4, {bits_per_second{0x1p18}, {}})}) {
    std::vector<std::vector<comm::measured_link>> seen(links.agents());
    virtual_network{links}.run([&](virtual_endpoint& me) {
      seen[me.self().value] = comm::measure_links(me, probe, {.round_trips = 2, .burst = 2, .message_size = 1 << 10});
    });
    link_matrix measured{links.agents()};
    for (std::uint32_t i = 0; i < seen.size(); ++i)
      for (const comm::measured_link& link : seen[i]) measured.set(id(i), link.peer, link.to);
    CHECK(measured == links);
  }
}

TEST_CASE("a peer that is lost, or does not answer, is a result") {
  std::vector<comm::result> results(3);
  virtual_network{star(3, {bits_per_second{1e6}, {}})}.run([&](virtual_endpoint& me) {
    if (me.self() == id(1)) return;
    if (me.self() == id(2)) {
      me.clock().compute(seconds{1000}, idle);
      return;
    }
    for (const comm::measured_link& link : comm::measure_links(me, probe, {.patience = seconds{5}})) {
      results[link.peer.value] = link.result;
      CHECK(link.to == directed_link{});
    }
  });
  CHECK(results[1] == comm::result::peer_lost);
  CHECK(results[2] == comm::result::timed_out);
}

TEST_CASE("a number that no link has is refused") {
  CHECK_THROWS_AS(virtual_network{all_linked(2)}.run([&](virtual_endpoint& me) {
    if (me.self() == id(0)) {
      (void)comm::measure_link(me, id(1), probe, {.round_trips = 2, .burst = 2, .message_size = 1});
      return;
    }
    for (std::uint16_t step = 0; step < 4; step = static_cast<std::uint16_t>(step + 2)) {
      (void)me.receive(id(0), {0, 40, step}, never);
      (void)me.send(id(0), {0, 40, static_cast<std::uint16_t>(step + 1)}, {}, never);
    }
    (void)me.receive(id(0), {0, 40, 4}, never);
    (void)me.receive(id(0), {0, 40, 5}, never);
    (void)me.send(id(0), {0, 40, 6}, comm::message_writer{}.write(-1.0).take(), never);
    for (const std::uint16_t step : {std::uint16_t{7}, std::uint16_t{8}})
      (void)me.send(id(0), {0, 40, step}, sized(1), never);
    (void)me.receive(id(0), {0, 40, 9}, never);
    (void)me.receive(id(0), {0, 40, 10}, never);
  }),
                  run_error);
  CHECK_THROWS_AS(virtual_network{all_linked(2)}.run([&](virtual_endpoint& me) {
    (void)comm::measure_link(me, id(1 - me.self().value), probe, {.burst = 1});
  }),
                  contract_error);
}

TEST_CASE("under the wall clock there are numbers, too") {
  std::vector<comm::measured_link> seen(2);
  wall_network{all_linked(2)}.run([&](wall_network::endpoint& me) {
    seen[me.self().value] = comm::measure_link(me, id(1 - me.self().value), probe);
  });
  CHECK(seen[0].result == comm::result::ok);
  CHECK(seen[0].to.rate.value() > 0);
  CHECK(seen[0].to == seen[1].from);
}
