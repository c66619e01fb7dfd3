// SPDX-License-Identifier: BSL-1.0
#include "comdml/comm/collective.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "comdml/core/random.hpp"
#include "support.hpp"

using namespace comm_test;

namespace {

constexpr comm::tag sum_tag{1, 2, 0};

std::vector<float> random_values(std::size_t agent, std::size_t count) {
  random_stream rng{3, id(agent), round_index{0}, purpose::testing};
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(rng.normal());
  return values;
}

struct reduced {
  std::vector<std::vector<float>> values;  ///< of each agent
  std::vector<double> sent;
  double time = 0;  ///< when the last one was through
};

template <class Network, Collective C>
reduced reduce(const link_matrix& links, const C& collective, std::size_t count,
               comm::in_process_options options = {}) {
  const std::size_t agents = links.agents();
  reduced all{std::vector<std::vector<float>>(agents), std::vector<double>(agents)};
  std::vector<double> ends(agents);
  Network{links, options}.run([&](auto& me) {
    const std::size_t self = me.self().value;
    const comm::group everyone{epoch_index{}, ids(agents), links};
    std::vector<float> values = random_values(self, count);
    const comm::outcome how = comm::all_reduce(me, collective, everyone, sum_tag, values, never);
    CHECK(how.result == comm::result::ok);
    CHECK(!how.culprit);
    all.values[self] = values;
    all.sent[self] = how.sent.value();
    ends[self] = me.clock().now().value();
  });
  all.time = *std::ranges::max_element(ends);
  return all;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

void check_sum(const std::vector<float>& got, std::size_t agents) {
  for (std::size_t i = 0; i < got.size(); ++i) {
    double expected = 0;
    for (std::size_t agent = 0; agent < agents; ++agent) expected += double{random_values(agent, got.size())[i]};
    REQUIRE(std::abs(double{got[i]} - expected) <= 1e-5);
  }
}

template <Collective C>
void check_everywhere(const C& collective) {
  for (std::size_t agents = 1; agents <= 9; ++agents)
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, agents - 1, agents, std::size_t{37}}) {
      CAPTURE(agents);
      CAPTURE(count);
      const reduced reference = reduce<virtual_network>(all_linked(agents), collective, count);
      check_sum(reference.values[0], agents);
      for (const link_matrix& links : {all_linked(agents), line(agents), star(agents)})
        for (const std::size_t window : std::initializer_list<std::size_t>{1, 4}) {
          const reduced other = reduce<virtual_network>(links, collective, count, {.window = window});
          for (const auto& values : other.values) REQUIRE(same_bits(values, reference.values[0]));
        }
      const reduced wall = reduce<wall_network>(line(agents), collective, count);
      for (const auto& values : wall.values) REQUIRE(same_bits(values, reference.values[0]));
    }
}

/// Carries a schedule out on strings, which show who added what to what.
template <Collective C>
std::vector<std::vector<std::string>> formulas(const C& collective, std::size_t members, std::size_t count) {
  std::vector<std::vector<std::string>> state(members, std::vector<std::string>(count));
  for (std::size_t rank = 0; rank < members; ++rank)
    for (std::string& value : state[rank]) value = text(rank);
  for (const auto& step : collective.plan(members, count).steps) {
    const auto before = state;
    for (const comm::transfer& move : step)
      for (std::size_t i = move.values.begin; i < move.values.end; ++i) {
        std::string& own = state[move.to_rank][i];
        const std::string& incoming = before[move.from_rank][i];
        if (!move.reduce)
          own = incoming;
        else
          own = move.from_rank < move.to_rank ? "(" + incoming + "+" + own + ")" : "(" + own + "+" + incoming + ")";
      }
  }
  return state;
}

/// The largest error of sums by a codec, over that of one encoding of values of this size; all agents' bits are alike.
template <WireCodec W, Collective C>
double error_of(const W& codec, const C& collective, const link_matrix& links, std::size_t count) {
  const std::size_t agents = links.agents();
  std::vector<std::vector<float>> results(agents);
  std::vector<double> sent(agents);
  virtual_network{links}.run([&](auto& me) {
    const std::size_t self = me.self().value;
    results[self] = random_values(self, count);
    const comm::group everyone{epoch_index{}, ids(agents), links};
    const comm::outcome how = comm::all_reduce(me, collective, everyone, sum_tag, results[self], never, codec);
    CHECK(how.result == comm::result::ok);
    sent[self] = how.sent.value();
  });
  for (const auto& values : results) REQUIRE(same_bits(values, results[0]));
  std::vector<double> exact(count);
  for (std::size_t agent = 0; agent < agents; ++agent)
    std::ranges::transform(exact, random_values(agent, count), exact.begin(), std::plus<>{});
  double worst = 0;
  double largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    worst = std::max(worst, std::abs(double{results[0][i]} - exact[i]));
    largest = std::max(largest, std::abs(exact[i]));
  }
  if (agents > 1 && count > 1000 && links(id(0), id(agents - 1)).rate > bits_per_second{})  // nothing is relayed
    CHECK(std::accumulate(sent.begin(), sent.end(), 0.0) <
          1.02 * comm::total_bytes(collective.plan(agents, count)).value() *
              static_cast<double>(codec.encoded_size(256, 1)) / 1024);
  return worst / largest;
}

}  // namespace

TEST_CASE("ring: the sum, the same bits on all members, links, windows and clocks") { check_everywhere(comm::ring{}); }

TEST_CASE("halving-doubling: the sum, the same bits on all members, links, windows and clocks") {
  check_everywhere(comm::halving_doubling{});
}

TEST_CASE("who adds what is written down") {
  // Chunk k of the ring starts at rank k and travels upward.
  const auto ring = formulas(comm::ring{}, 3, 3);
  CHECK(ring[0] == std::vector<std::string>{"((0+1)+2)", "(0+(1+2))", "((0+2)+1)"});
  CHECK(ring[1] == ring[0]);
  CHECK(ring[2] == ring[0]);
  // Rank 4 folds into rank 0; then partners at distance 2, then at distance 1; the lower rank stands on the left.
  const auto halving = formulas(comm::halving_doubling{}, 5, 4);
  CHECK(halving[0][0] == "(((0+4)+2)+(1+3))");
  CHECK(halving[0][3] == "(((0+4)+2)+(1+3))");
  for (const auto& values : halving) CHECK(values == halving[0]);
}

TEST_CASE("steps and bytes are those of the literature") {
  const std::size_t count = 64;
  const double size = count * sizeof(float);
  for (const std::size_t members : std::initializer_list<std::size_t>{1, 2, 4, 8, 16}) {
    const double p = static_cast<double>(members);
    const comm::schedule ring = comm::ring::plan(members, count);
    CHECK(ring.steps.size() == 2 * (members - 1));
    CHECK(comm::total_bytes(ring).value() == 2 * (p - 1) * size);
    const comm::schedule halving = comm::halving_doubling::plan(members, count);
    CHECK(halving.steps.size() == 2 * static_cast<std::size_t>(std::countr_zero(members)));
    CHECK(comm::total_bytes(halving).value() == 2 * (p - 1) * size);
  }
  const comm::schedule folded = comm::halving_doubling::plan(6, count);
  CHECK(folded.steps.size() == 6);
  CHECK(comm::total_bytes(folded).value() == (2 * 3 + 2 * 2) * size);
  CHECK_THROWS_AS((void)comm::ring::plan(0, 1), contract_error);
  CHECK_THROWS_AS((void)comm::halving_doubling::plan(0, 1), contract_error);
}

TEST_CASE("under virtual time a ring takes what the formula says") {
  // 2 (P-1) (latency + chunk / rate)
  const std::size_t count = 4000;
  const directed_link each{bits_per_second{8e6}, seconds{0.5}};
  const reduced ring = reduce<virtual_network>(all_linked(4, each), comm::ring{}, count);
  CHECK(ring.time == doctest::Approx(6 * (0.5 + 4000e-6)).epsilon(1e-12));
  // 2 lg P latency + 2 (P-1)/P n / rate
  const reduced halving = reduce<virtual_network>(all_linked(4, each), comm::halving_doubling{}, count);
  CHECK(halving.time == doctest::Approx(4 * 0.5 + 2 * 0.75 * 16000e-6).epsilon(1e-12));
  for (const auto* all : {&ring, &halving})
    CHECK(std::accumulate(all->sent.begin(), all->sent.end(), 0.0) == 2 * 3 * 16000);
}

TEST_CASE("relays are charged for what they pass on") {
  // Ring of 4 on a line 0-1-2-3: the hop 3 -> 0 goes over 2 and 1, all others are direct.
  const std::size_t count = 40;
  const double chunk = 10 * sizeof(float);
  const reduced on_line = reduce<virtual_network>(line(4), comm::ring{}, count);
  CHECK(on_line.sent == std::vector{6 * chunk, 12 * chunk, 12 * chunk, 6 * chunk});
  // On a star every transfer between two leaves takes two hops, the second one at the cost of the center.
  const reduced on_star = reduce<virtual_network>(star(4), comm::ring{}, count);
  CHECK(on_star.sent == std::vector{(6 + 12) * chunk, 6 * chunk, 6 * chunk, 6 * chunk});
}

TEST_CASE("a group may be part of the fleet, with gaps in its ids") {
  const link_matrix links = all_linked(6);
  virtual_network{links}.run([&](virtual_endpoint& me) {
    const std::vector<agent_id> members{id(1), id(3), id(4)};
    const comm::group some{epoch_index{2}, members, links};
    std::vector<float> values{static_cast<float>(me.self().value)};
    if (std::ranges::find(members, me.self()) == members.end()) {
      CHECK_THROWS_AS((void)comm::all_reduce(me, comm::ring{}, some, sum_tag, values, never), contract_error);
      CHECK_THROWS_AS((void)comm::all_gather(me, some, sum_tag, {}, never), contract_error);
      return;
    }
    CHECK(comm::all_reduce(me, comm::ring{}, some, sum_tag, values, never).result == comm::result::ok);
    CHECK(values == std::vector{8.0F});
    const comm::gathered got = comm::all_gather(me, some, {1, 3, 0}, sized(me.self().value, 5), never);
    CHECK(got.records == std::vector{sized(1, 5), sized(3, 5), sized(4, 5)});
  });
}

TEST_CASE("records of any length reach everyone, over relays too") {
  for (std::size_t agents = 1; agents <= 7; ++agents)
    for (const link_matrix& links : {all_linked(agents), line(agents), star(agents)})
      virtual_network{links, {.window = 1}}.run([&](virtual_endpoint& me) {
        const comm::group everyone{epoch_index{}, ids(agents), links};
        const std::size_t self = me.self().value;
        const comm::gathered got =
            comm::all_gather(me, everyone, sum_tag, sized(7 * self, static_cast<unsigned char>(self)), never);
        REQUIRE(got.outcome.result == comm::result::ok);
        REQUIRE(got.records.size() == agents);
        for (std::size_t i = 0; i < agents; ++i) REQUIRE(got.records[i] == sized(7 * i, static_cast<unsigned char>(i)));
      });
}

TEST_CASE("a member that is missing is a result, and the neighbor is named") {
  const link_matrix links = all_linked(4);
  virtual_network net{links};
  net.kill(id(2), seconds{1});
  net.run([&](virtual_endpoint& me) {
    const comm::group everyone{epoch_index{}, ids(4), links};
    std::vector<float> values(100, 1.0F);
    if (me.self() == id(2)) {
      (void)me.receive_any({}, seconds{5});
      FAIL("a killed agent went on");
    }
    const comm::outcome how = comm::all_reduce(me, comm::ring{}, everyone, sum_tag, values, seconds{2});
    CHECK(how.result != comm::result::ok);
    if (me.self() == id(3)) CHECK(how.result == comm::result::peer_lost);
    if (me.self() == id(3)) CHECK(how.culprit == id(2));
    CHECK(me.clock().now() <= seconds{2});
    const comm::gathered got = comm::all_gather(me, everyone, {2, 2, 0}, {}, seconds{4});
    CHECK(got.outcome.result != comm::result::ok);
    CHECK(got.records.empty());
  });
}

TEST_CASE("a late member is a time-out at the deadline") {
  const link_matrix links = all_linked(2);
  virtual_network{links}.run([&](virtual_endpoint& me) {
    const comm::group everyone{epoch_index{}, ids(2), links};
    std::vector<float> values(3);
    if (me.self() == id(1)) {
      me.clock().compute(seconds{9}, idle);
      return;
    }
    const comm::outcome how = comm::all_reduce(me, comm::ring{}, everyone, sum_tag, values, seconds{2});
    CHECK(how.result == comm::result::timed_out);
    CHECK(how.culprit == id(1));
    CHECK(me.clock().now() == seconds{2});
  });
}

TEST_CASE("messages of the wrong size are an error that names the sender") {
  const link_matrix links = all_linked(2);
  const auto different_sizes = [&](virtual_endpoint& me) {
    const comm::group everyone{epoch_index{}, ids(2), links};
    std::vector<float> values(me.self() == id(0) ? 8 : 10);
    (void)comm::all_reduce(me, comm::ring{}, everyone, sum_tag, values, never);
  };
  CHECK_THROWS_WITH_AS(virtual_network{links}.run(different_sizes), doctest::Contains("malformed message of agent 1"),
                       run_error);

  for (const bool announce_too_much : {false, true}) {
    const auto bad_bundle = [&](virtual_endpoint& me) {
      const comm::group everyone{epoch_index{}, ids(2), links};
      if (me.self() == id(1)) {
        (void)comm::all_gather(me, everyone, sum_tag, {}, never);
        return;
      }
      (void)me.receive(id(1), sum_tag, never);
      comm::message_writer bundle;
      bundle.write(std::uint64_t{announce_too_much ? 1U << 30 : 0U}).write(std::uint64_t{0}).write(std::uint8_t{0});
      (void)me.send(id(1), sum_tag, bundle.take(), never);
    };
    CHECK_THROWS_WITH_AS(virtual_network{links}.run(bad_bundle), doctest::Contains("malformed message of agent 0"),
                         run_error);
  }
}

TEST_CASE("a member whose own record comes back changed names who gathered them") {
  const link_matrix links = all_linked(2);
  const auto changed = [&](virtual_endpoint& me) {
    const comm::group everyone{epoch_index{}, ids(2), links};
    const std::vector<std::byte> own{std::byte{1}, std::byte{2}};
    if (me.self() == id(1)) {
      (void)comm::all_gather(me, everyone, sum_tag, own, never);
      return;
    }
    std::vector<std::byte> theirs = me.receive(id(1), sum_tag, never).data;
    theirs.back() ^= std::byte{4};
    comm::message_writer bundle;
    bundle.write_block(own).write_block(theirs);
    (void)me.send(id(1), sum_tag, bundle.take(), never);
  };
  CHECK_THROWS_WITH_AS(virtual_network{links}.run(changed), doctest::Contains("malformed message of agent 0"),
                       comm::malformed_message);
}

TEST_CASE("values that travel by a codec: the same bits on all members, and errors within the codec's") {
  for (std::size_t agents = 1; agents <= 7; ++agents)
    for (const std::size_t count : {std::size_t{1}, std::size_t{300}, std::size_t{5000}}) {
      CAPTURE(agents);
      CAPTURE(count);
      // A sum is encoded once for each of at most lg agents + 2 partial sums, none larger than the largest by much.
      const double encodings = 2 * (3 + std::log2(static_cast<double>(agents)));
      for (const link_matrix& links : {all_linked(agents), line(agents)}) {
        CHECK(error_of(comm::fp16{}, comm::halving_doubling{}, links, count) <= encodings * 0x1p-11);
        CHECK(error_of(comm::int8{}, comm::halving_doubling{}, links, count) <= encodings / 254);
        CHECK(error_of(comm::wire_codec{comm::int8{}}, comm::ring{}, links, count) <=
              2 * static_cast<double>(agents + 1) / 254);
      }
      CHECK(error_of(comm::fp32{}, comm::halving_doubling{}, all_linked(agents), count) < 1e-6);
    }
}
