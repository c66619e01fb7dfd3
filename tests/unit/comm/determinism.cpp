// SPDX-License-Identifier: BSL-1.0
// Under virtual time nothing depends on the schedule of the operating system.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "comdml/comm/collective.hpp"
#include "comdml/core/random.hpp"
#include "support.hpp"

using namespace comm_test;

namespace {

/// Disturbs the operating system's schedule, never alike.
void jitter() {
  static std::atomic<unsigned> calls{0};
  const unsigned now = calls.fetch_add(1) * 2654435761U >> 28;
  if (now < 4) std::this_thread::yield();
  if (now == 4) std::this_thread::sleep_for(std::chrono::microseconds{50});
}

/// Agents that compute, send, wait, poll, publish, peek, lose each other and time out, all at random but seeded.
/// Gives what each of them saw and when.
std::vector<std::string> stories(std::uint64_t seed, comm::in_process_options options) {
  constexpr std::size_t agents = 6;
  link_matrix links{agents};
  random_stream draw{seed, purpose::testing};
  for (const agent_id a : ids(agents))
    for (const agent_id b : ids(agents))
      if (a != b)
        links.set(a, b,
                  {draw.below(4) == 0 ? bits_per_second::infinity() : bits_per_second{8e3},
                   seconds{0.25 * static_cast<double>(draw.below(3))}});
  virtual_network net{links, options};
  net.kill(id(draw.below(agents)), seconds{0.5 * static_cast<double>(draw.below(40))});

  std::vector<std::string> told(agents);
  net.run([&](virtual_endpoint& me) {
    random_stream rng{seed, me.self(), round_index{0}, purpose::testing};
    std::ostringstream out;
    const auto some_agent = [&] {
      const std::size_t other = rng.below(agents - 1);
      return id(other < me.self().value ? other : other + 1);
    };
    const auto some_tag = [&] { return comm::tag{0, 0, static_cast<std::uint16_t>(rng.below(2))}; };
    const auto soon = [&] { return me.clock().now() + seconds{0.5 * static_cast<double>(rng.below(6))}; };
    const auto tell = [&](const comm::delivery& got) {
      out << got.result << ' ' << got.from << ' ' << got.tag << ' ' << got.data.size();
    };
    for (int action = 0; action < 60; ++action) {
      jitter();
      const agent_id other = some_agent();
      switch (rng.below(7)) {
        case 0:
        case 1:
          me.clock().compute(seconds{0.5 * static_cast<double>(rng.below(3))}, jitter);
          break;
        case 2:
        case 3:
          out << me.send(other, some_tag(), sized(100 * rng.below(10)), soon());
          break;
        case 4:
          tell(me.receive(other, some_tag(), soon()));
          break;
        case 5: {
          std::vector<comm::channel> channels;
          for (const agent_id from : ids(agents))
            if (from != me.self()) channels.push_back({from, some_tag()});
          tell(me.receive_any(channels, soon()));
          break;
        }
        default:
          me.publish(sized(rng.below(100)));
          if (const auto seen = me.peek(other)) out << seen->data.size() << " of age " << seen->age.value();
      }
      out << " at " << me.clock().now().value() << '\n';
      told[me.self().value] = out.str();
    }
  });
  return told;
}

}  // namespace

TEST_CASE("random runs repeat, whatever the schedule and the compute slots") {
  std::size_t length = 0;
  for (std::uint64_t seed = 0; seed < 25; ++seed) {
    const std::vector<std::string> reference = stories(seed, {.window = 2, .compute_slots = 1});
    for (const std::string& one : reference) length += one.size();
    for (const std::size_t slots : std::initializer_list<std::size_t>{1, 2, 4})
      REQUIRE(stories(seed, {.window = 2, .compute_slots = slots}) == reference);
  }
  CHECK(length > 100'000);  // something was told
}

TEST_CASE("no more agents compute at once than there are slots, and all slots are used") {
  for (const std::size_t slots : std::initializer_list<std::size_t>{1, 2, 4}) {
    std::atomic<std::size_t> computing{0};
    std::atomic<std::size_t> most{0};
    virtual_network{all_linked(8), {.compute_slots = slots}}.run([&](virtual_endpoint& me) {
      for (int i = 0; i < 20; ++i)
        me.clock().compute(seconds{1}, [&] {
          const std::size_t now = ++computing;
          for (std::size_t seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
          }
          std::this_thread::sleep_for(std::chrono::microseconds{200});
          --computing;
        });
    });
    CHECK(most == slots);
  }
}

TEST_CASE("an agent that waits holds no slot") {
  // With one slot, agent 0 waits for what agent 1 has yet to compute.
  virtual_network{all_linked(2), {.compute_slots = 1}}.run([](virtual_endpoint& me) {
    if (me.self() == id(0)) {
      me.clock().compute(seconds{1}, idle);
      CHECK(me.receive(id(1), plain, never).result == comm::result::ok);
      CHECK(me.clock().now() == seconds{5});
    } else {
      me.clock().compute(seconds{5}, idle);
      (void)me.send(id(0), plain, {}, never);
    }
  });
}

TEST_CASE("a hundred agents sum up the same in every run") {
  const link_matrix links = line(100, {megabits_per_second(10), seconds{0.001}});
  const comm::group everyone{epoch_index{}, ids(100), links};
  std::vector<std::vector<float>> first;
  for (int repeat = 0; repeat < 2; ++repeat) {
    std::vector<std::vector<float>> sums(100);
    virtual_network{links}.run([&](virtual_endpoint& me) {
      std::vector<float> values(200, 1.0F / static_cast<float>(me.self().value + 1));
      jitter();
      CHECK(comm::all_reduce(me, comm::halving_doubling{}, everyone, plain, values, never).result == comm::result::ok);
      values.push_back(static_cast<float>(me.clock().now().value()));
      sums[me.self().value] = values;
    });
    if (repeat == 0) first = sums;
    CHECK(sums == first);
  }
}
