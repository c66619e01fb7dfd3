// SPDX-License-Identifier: BSL-1.0
/// \file
/// Plans from what agents measure, and plans that one agent makes for all.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "comdml/pairing/auction.hpp"
#include "comdml/pairing/bottleneck.hpp"
#include "comdml/pairing/deferred_acceptance.hpp"
#include "comdml/pairing/steady.hpp"
#include "support.hpp"

namespace {

using namespace support;

struct steady_job : job {
  using pairing = ::comdml::pairing::steady<>;
};
struct jumpy_job : job {
  using pairing = ::comdml::pairing::bottleneck<>;
};

/// As few images as will do: what is looked at is who helps whom.
const data::split& few() {
  static const data::split images = some_digits(8, 4);
  return images;
}

template <class J>
learn::settings<J> measuring(std::size_t rounds) {
  auto how = quick<J>(rounds);
  how.knowledge = learn::knowledge::measured;
  how.evaluate_every = 0;
  return how;
}

template <class J>
learn::history play(const learn::settings<J>& how, const fleet::description& fleet, std::size_t threads = 2) {
  return learn::fleet_trainer<J>{fleet, how, threads}.run(few(), data::iid{});
}

fleet::description two(double first, double second) {
  auto fleet = fleet::uniform({.agents = 2});
  fleet.agents[0].speed = batches_per_second{first};
  fleet.agents[1].speed = batches_per_second{second};
  return fleet;
}

using who = std::set<std::pair<std::uint32_t, std::uint32_t>>;

who pairs_of(const learn::round_report& report) {
  who pairs;
  for (const auto& pair : report.plan.pairs) pairs.insert({pair.slow.value, pair.fast.value});
  return pairs;
}

std::size_t changes(const learn::history& past) {
  std::size_t count = 0;
  for (std::size_t r = 1; r < past.rounds.size(); ++r)
    count += pairs_of(past.rounds[r]) != pairs_of(past.rounds[r - 1]) ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a speed that falls to a fifth is in the plan within 3 rounds, if speeds are measured") {
  constexpr std::size_t falls = 4;
  auto fleet = two(1.5, 1);
  fleet.changes.push_back({round_index{falls}, agent_id{0}, batches_per_second{.3}});
  const auto past = play(measuring<steady_job>(falls + 4), fleet);
  for (std::size_t r = 0; r <= falls; ++r) CHECK(pairs_of(past.rounds[r]) == who{{1, 0}});
  for (std::size_t r = falls + 3; r < past.rounds.size(); ++r) CHECK(pairs_of(past.rounds[r]) == who{{0, 1}});
  CHECK(past.rounds.back().plan.pairs.front().solo.value() == doctest::Approx(.4 / .3).epsilon(.01));

  auto blind = measuring<steady_job>(falls + 4);
  blind.knowledge = learn::knowledge::declared;
  const auto unaware = play(blind, fleet);
  for (const auto& report : unaware.rounds) CHECK(pairs_of(report) == who{{1, 0}});
  CHECK(unaware.rounds.back().elapsed > past.rounds.back().elapsed);
}

TEST_CASE("speeds that are 20 % noise re-pair at most 5 times") {
  constexpr std::size_t rounds = 500;
  auto fleet = two(1, 1.1);
  random_stream rng{5, purpose::testing};
  for (std::uint32_t round = 0; round < rounds; ++round)
    for (const std::uint32_t i : {0U, 1U})
      fleet.changes.push_back({round_index{round}, agent_id{i}, fleet.agents[i].speed * std::exp(.2 * rng.normal())});
  CHECK(changes(play(measuring<steady_job>(rounds), fleet)) <= 5);
  auto jumpy = measuring<jumpy_job>(60);
  jumpy.smoothing = {.weight = 1, .outlier = 1e9};
  CHECK(changes(play(jumpy, fleet)) > 10);  // who would follow every measurement
}

TEST_CASE("measured plans, weights and times do not depend on the number of threads") {
  auto fleet = unlike(4);
  fleet.changes.push_back({round_index{1}, agent_id{0}, batches_per_second{.5}});
  fleet.changes.push_back({round_index{3}, agent_id{0}, batches_per_second{5}});
  const auto once = play(measuring<steady_job>(5), fleet, 1);
  for (const std::size_t threads : {2U, 4U}) {
    const auto again = play(measuring<steady_job>(5), fleet, threads);
    CHECK(again.state == once.state);
    CHECK(again.rounds.back().elapsed == once.rounds.back().elapsed);
    for (std::size_t r = 0; r < once.rounds.size(); ++r) CHECK(again.rounds[r].plan == once.rounds[r].plan);
  }
}

TEST_CASE("a link that is not what was declared moves the cut of its pair") {
  const auto how = measuring<steady_job>(3);
  const auto declared = two(.2, 4);
  link_matrix real = declared.links;
  real.set_both(agent_id{0}, agent_id{1}, {.rate = megabits_per_second(.1), .latency = {}});
  std::array<learn::history, 2> pasts;
  const comm::routes routes{declared.links};
  steady_job::transport::network line{real, {}};
  line.run([&](steady_job::transport& endpoint) {
    const std::size_t i = endpoint.self().value;
    std::vector<std::uint32_t> mine(4);
    for (std::uint32_t k = 0; k < mine.size(); ++k) mine[k] = static_cast<std::uint32_t>(4 * i) + k;
    const data::shard<data::image_set> own{few().train, mine};
    learn::agent<steady_job> self{endpoint, {routes, declared.agents[i].speed}, how};
    pasts[i] = self.run(own, static_cast<const data::image_set*>(nullptr));
  });
  const auto& rounds = pasts[0].rounds;
  REQUIRE(rounds.size() == 3);
  const auto believed = play(how, declared);
  CHECK(rounds[0].plan == believed.rounds[0].plan);
  CHECK(believed.rounds[2].plan.pairs.front().split == believed.rounds[0].plan.pairs.front().split);
  const auto& after = rounds[2].plan.pairs;
  CHECK((after.empty() || after.front().split != rounds[0].plan.pairs.front().split));
  CHECK(pasts[1].rounds[2].plan == rounds[2].plan);
}

namespace {

/// Another cut whenever it is asked, as a time limit might bring it about.
struct moody : always_pair {
  std::shared_ptr<std::atomic<std::uint32_t>> asked = std::make_shared<std::atomic<std::uint32_t>>(0);
  bool says_so = true;
  fleet::overlapped cost{.memory = {.optimizer_slots = 0}};
  std::shared_ptr<std::atomic<double>> slots = std::make_shared<std::atomic<double>>(0);

  [[nodiscard]] bool planned_by_all() const { return !says_so; }
  pairing::plan plan(const fleet::instance& fleet) const {
    *slots = cost.memory.optimizer_slots;
    return always_pair{.pairs = pairs, .cut = 1 + (*asked)++ % 3}.plan(fleet);
  }
};
struct moody_job : job {
  using pairing = moody;
};

}  // namespace

TEST_CASE("a policy that might give agents different plans is asked by one agent") {
  auto how = quick<moody_job>(3);
  const auto past = train(how, unlike(3));
  REQUIRE(past.rounds.size() == 3);
  CHECK(*how.pairing.asked == 3);
  CHECK(*how.pairing.slots == 1);  // momentum, whatever the cost model was told
  for (std::uint32_t r = 0; r < 3; ++r) {
    const auto& pair = past.rounds[r].plan.pairs.at(0);
    CHECK(pair.split == split_point{1 + r});
    CHECK(past.rounds[r].plan.alone == std::vector{agent_id{2}});
  }
  how.pairing.says_so = false;
  CHECK_THROWS_WITH_AS(static_cast<void>(train(how, unlike(3))), doctest::Contains("another plan"), run_error);
}

namespace {

/// Tells some of those who ask that nobody is helped, by the bits of `odd`.
struct divided : always_pair {
  std::shared_ptr<std::atomic<std::uint32_t>> asked = std::make_shared<std::atomic<std::uint32_t>>(0);
  std::uint32_t odd = 0;

  pairing::plan plan(const fleet::instance& fleet) const {
    return (odd >> (*asked)++ & 1) != 0 ? pairing::none<>{}.plan(fleet) : always_pair::plan(fleet);
  }
};
struct divided_job : job {
  using pairing = divided;
};

}  // namespace

TEST_CASE("agents that hold different plans find out before one waits for another") {
  for (std::uint32_t odd = 1; odd + 1 < 1U << 3; ++odd) {
    auto how = quick<divided_job>(1);
    how.pairing.odd = odd;
    CAPTURE(odd);
    CHECK_THROWS_WITH_AS(static_cast<void>(train(how, unlike(3))), doctest::Contains("another plan"), run_error);
  }
}

namespace {

/// Either of the policies that negotiate, by messages or in one place.
struct negotiating {
  pairing::auction<> bids{};
  pairing::deferred_acceptance<> proposals{};
  bool bidding = true;
  bool by_messages = true;

  [[nodiscard]] bool negotiates() const { return by_messages; }
  [[nodiscard]] static bool planned_by_all() { return false; }
  [[nodiscard]] pairing::plan plan(const fleet::instance& fleet) const {
    return bidding ? bids.plan(fleet) : proposals.plan(fleet);
  }
  [[nodiscard]] pairing::neighborhood view(const fleet::instance& fleet, agent_id self) const {
    return bids.view(fleet, self);
  }
  template <Transport T>
  [[nodiscard]] pairing::negotiated negotiate(T& line, pairing::neighborhood view, const comm::tag& what) const {
    return bidding ? bids.negotiate(line, std::move(view), what) : proposals.negotiate(line, std::move(view), what);
  }
  [[nodiscard]] pairing::negotiated_plan agreed(const fleet::instance& fleet,
                                                const std::vector<pairing::negotiated>& results) const {
    return bids.agreed(fleet, results);
  }
};
struct negotiating_job : job {
  using pairing = negotiating;
};
static_assert(LocalPairingPolicy<negotiating, job::transport>);
static_assert(!LocalPairingPolicy<pairing::bottleneck<>, job::transport>);

}  // namespace

TEST_CASE("agents negotiate pairs over their transport, each seeing its neighbors, and come to the policy's plan") {
  auto line = unlike(5);
  for (std::uint32_t a = 0; a < 5; ++a)  // a line of agents: nobody is linked to more than two others
    for (std::uint32_t b = a + 2; b < 5; ++b) line.links.set_both(agent_id{a}, agent_id{b}, {});
  for (const bool bidding : {true, false})
    for (const auto& fleet : {unlike(4), line}) {
      auto how = quick<negotiating_job>(2);
      how.pairing.bidding = bidding;
      const auto by_messages = train(how, fleet);
      how.pairing.by_messages = false;
      const auto in_one_place = train(how, fleet);
      REQUIRE_FALSE(by_messages.rounds[0].plan.pairs.empty());
      for (std::size_t r = 0; r < 2; ++r) CHECK(by_messages.rounds[r].plan == in_one_place.rounds[r].plan);
      CHECK(by_messages.state == in_one_place.state);
      CHECK(train(how, fleet).rounds.back().elapsed == in_one_place.rounds.back().elapsed);
    }
}

TEST_CASE("a plan survives its message, and nonsense names its sender") {
  const auto how = quick<job>();
  const job::model net{digits().train.shape(), digits().train.classes()};
  fleet::instance fleet{{{batches_per_second{4}, batches{10}},
                         {batches_per_second{1}, batches{10}},
                         {batches_per_second{2}, batches{10}}},
                        unlike(3).links,
                        split::analytic_profile<comm::fp32>(net, how.auxiliary_head, how.cuts, how.batch)};
  const auto plan = pairing::bottleneck<>{}.plan(fleet);
  REQUIRE(plan.pairs.size() == 1);
  REQUIRE(plan.pairs[0].refused.has_value());
  const auto written = [&](const pairing::plan& one) {
    comm::message_writer message;
    learn::write_plan(message, one, fleet.profile);
    return message.take();
  };
  const auto read = [&](const std::vector<std::byte>& bytes) {
    comm::message_reader message{bytes, agent_id{7}};
    auto found = learn::read_plan(message, fleet);
    message.finish();
    return found;
  };
  CHECK(read(written(plan)) == plan);
  auto bytes = written(plan);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_THROWS_AS(static_cast<void>(read({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)})),
                    run_error);
  auto wrong = plan;
  wrong.pairs[0].fast = wrong.pairs[0].slow;
  CHECK_THROWS_WITH_AS(static_cast<void>(read(written(wrong))), doctest::Contains("agent 7"), run_error);
  wrong = plan;
  wrong.pairs.push_back(plan.pairs[0]);
  CHECK_THROWS_WITH_AS(static_cast<void>(read(written(wrong))), doctest::Contains("slow one of 2"), run_error);
  bytes[0] = std::byte{200};
  CHECK_THROWS_WITH_AS(static_cast<void>(read(bytes)), doctest::Contains("200 pairs"), run_error);
}
