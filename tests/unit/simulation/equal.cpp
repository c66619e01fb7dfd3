// SPDX-License-Identifier: BSL-1.0
/// \file
/// Simulated rounds are those of training under virtual time, to the last bit.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../learn/support.hpp"
#include "comdml/comm/topology.hpp"
#include "comdml/pairing/auction.hpp"
#include "comdml/pairing/bottleneck.hpp"
#include "comdml/pairing/star.hpp"
#include "comdml/simulation/simulator.hpp"

namespace {

using namespace support;

/// Policies, collectives and algorithms chosen at run time, so that one job is compiled.
struct any_policy {
  std::function<pairing::plan(const fleet::instance&)> make = [](const fleet::instance& fleet) {
    return pairing::greedy<>{}.plan(fleet);
  };
  bool by_all = true;

  [[nodiscard]] pairing::plan plan(const fleet::instance& fleet) const { return make(fleet); }
  [[nodiscard]] bool planned_by_all() const { return by_all; }
};
struct any_sum {
  bool ring = false;

  [[nodiscard]] comm::schedule plan(std::size_t members, std::size_t count) const {
    return ring ? comm::ring::plan(members, count) : comm::halving_doubling::plan(members, count);
  }
};
struct any_algorithm {
  bool paired = true;

  [[nodiscard]] static bool changing_members() { return true; }

  template <class Session>
  pairing::plan round(Session& agent) const {
    return paired ? learn::comdml{}.round(agent) : learn::all_reduce{}.round(agent);
  }
};
struct any_job : job {
  using pairing = any_policy;
  using collective = any_sum;
  using algorithm = any_algorithm;
};

/// What was trained, and what is to be found again.
struct recorded {
  learn::history past;
  std::vector<std::size_t> images;
  std::shared_ptr<learn::timeline> timeline = std::make_shared<learn::timeline>(all_rounds);

  static constexpr learn::timeline::selection all_rounds{.first = 100};
};

/// Trains so many of the digits, unevenly dealt.
recorded trained(const learn::settings<any_job>& how, const fleet::description& fleet, std::size_t images) {
  recorded result;
  const data::split some = some_digits(images, 2);
  const auto deal = [&](std::span<const label> labels, std::size_t classes, std::size_t agents, random_stream rng) {
    auto lists = data::iid{}(labels, classes, agents, rng);
    for (std::size_t i = 0; i + 1 < lists.size(); i += 2)
      while (lists[i].size() > 2 + i) {
        lists[i + 1].push_back(lists[i].back());
        lists[i].pop_back();
      }
    result.images.clear();
    for (const auto& list : lists) result.images.push_back(list.size());
    return lists;
  };
  result.past = learn::fleet_trainer<any_job>{fleet, how, 2}.run(some, deal, {}, {.recorder = result.timeline});
  return result;
}

/// \returns how many pairs there were
std::size_t check_equal(learn::settings<any_job> how, const fleet::description& fleet, std::size_t images) {
  how.evaluate_every = 0;
  const recorded expected = trained(how, fleet, images);
  const any_job::model net{digits().train.shape(), digits().train.classes()};
  const auto profile =
      how.profile ? *how.profile : split::analytic_profile<comm::fp32>(net, how.auxiliary_head, how.cuts, how.batch);
  const auto recorder = std::make_shared<learn::timeline>(recorded::all_rounds);
  simulation::simulator<any_policy, any_sum> engine{
      fleet,
      {net, how.auxiliary_head, how.cuts, profile, how.optimizer.slots(), how.optimizer_state},
      expected.images,
      {.rounds = how.rounds,
       .batch = how.batch,
       .local_epochs = how.local_epochs,
       .paired = how.algorithm.paired,
       .pairing = how.pairing,
       .collective = how.collective,
       .weight_wire = how.weight_wire,
       .recorder = recorder}};
  std::size_t pairs = 0;
  REQUIRE(expected.past.rounds.size() == how.rounds);
  for (const learn::round_report& training : expected.past.rounds) {
    CAPTURE(training.round);
    const simulation::round round = engine.next();
    CHECK(round.report.round == training.round);
    CHECK(round.report.plan.pairs == training.plan.pairs);
    CHECK(round.report.elapsed == training.elapsed);
    CHECK(round.report.elapsed_alone == training.elapsed_alone);
    CHECK(round.report.activation_bytes == training.activation_bytes);
    CHECK(round.report.weight_bytes == training.weight_bytes);
    CHECK(round.participants == agents_of(training.plan).size());
    CHECK(engine.members() == agents_of(training.plan));
    CHECK(round.pairs == training.plan.pairs.size());
    pairs += round.pairs;
    CHECK(round.idle >= 0);
    CHECK(round.idle < 1);
  }
  CHECK(engine.done());
  // What every agent did when, span by span.
  const round_index end{static_cast<std::uint32_t>(how.rounds)};
  const auto tracks = recorder->tracks(end);
  const auto expected_tracks = expected.timeline->tracks(end);
  CHECK_FALSE(tracks.empty());
  REQUIRE(tracks.size() == expected_tracks.size());
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    CAPTURE(tracks[i].round);
    CAPTURE(tracks[i].agent);
    CHECK(tracks[i] == expected_tracks[i]);
  }
  CHECK(recorder->totals(end) == expected.timeline->totals(end));
  return pairs;
}

/// Speeds so low that pairs are worth while, links with latency, each direction for itself.
fleet::description random_fleet(std::uint64_t seed, std::size_t agents, const comm::topology& topology) {
  fleet::draw_options options = fleet::log_uniform({.5, 40, 1, 40});
  options.agents = agents;
  options.seed = seed;
  options.asymmetric = true;
  options.latency = seconds{.0013 * static_cast<double>(seed % 3)};
  options.pairs = comm::make_edges(topology, agents, seed);
  return fleet::draw(options);
}

learn::settings<any_job> settings_of(std::size_t batch, std::size_t epochs = 1) {
  auto how = quick<any_job>(2);
  how.batch = batch;
  how.local_epochs = epochs;
  return how;
}

any_policy stars() {
  return {[](const fleet::instance& fleet) { return pairing::star<>{.guests = 3}.plan(fleet); }};
}

/// Every agent but the fastest neighbors of others is a guest of the fastest agent it is linked to: crowded stars.
any_policy crowds() {
  return {[](const fleet::instance& fleet) {
    std::vector<pairing::assignment> pairs;
    std::vector<bool> helps(fleet.agents.size());
    std::vector<bool> helped(fleet.agents.size());
    for (std::uint32_t slow = 0; slow < fleet.agents.size(); ++slow) {
      std::optional<agent_id> best;
      fleet.links.for_each_link(agent_id{slow}, [&](agent_id fast, link_matrix::kind_index) {
        if (!helped[fast.value] && (!best || fleet.agents[fast.value].speed > fleet.agents[best->value].speed))
          best = fast;
      });
      if (!best || helps[slow]) continue;
      helps[best->value] = true;
      helped[slow] = true;
      pairs.push_back(
          pairing::assign(fleet, agent_id{slow}, *best, slow % fleet.profile.splits.size(), fleet::overlapped{}));
    }
    return pairing::complete(fleet, pairs, fleet::overlapped{});
  }};
}

}  // namespace

TEST_CASE("simulated times are those of training: fleets, topologies and policies") {
  struct test {
    std::string name;
    comm::topology topology;
    std::size_t agents;
    any_policy policy;
  };
  const std::vector<test> all{
      {"greedy, complete", comm::complete_graph{}, 7, {}},
      {"stars, complete", comm::complete_graph{}, 9, stars()},
      {"crowds, star", comm::star_graph{}, 6, crowds()},
      {"crowds, complete", comm::complete_graph{}, 8, crowds()},
      {"greedy, ring", comm::ring_graph{}, 5, {}},
      {"crowds, line", comm::line_graph{}, 6, crowds()},
      {"bottleneck, grid", comm::grid_graph{}, 8, {[](const fleet::instance& fleet) {
         return pairing::bottleneck<>{}.plan(fleet);
       }}},
      {"one plans for all",
       comm::random_rings{4},
       7,
       {[](const fleet::instance& fleet) { return pairing::auction<>{}.plan(fleet); }, false}},
  };
  std::uint64_t seed = 1;
  for (const test& one : all)
    for (const bool ring : {false, true}) {
      CAPTURE(one.name);
      CAPTURE(ring);
      auto how = settings_of(3);
      how.pairing = one.policy;
      how.collective.ring = ring;
      CHECK(check_equal(how, random_fleet(++seed, one.agents, one.topology), 12 * one.agents) > 0);
      how.algorithm.paired = false;
      if (!ring) CHECK(check_equal(how, random_fleet(seed, one.agents, one.topology), 4 * one.agents) == 0);
    }
}

TEST_CASE("simulated times are those of training: the published fleet of twenty, over relays") {
  auto how = settings_of(4);
  how.rounds = 3;
  CHECK(check_equal(how, fleet::paper({.agents = 20, .seed = 3}), 200) > 0);
  how.pairing = stars();
  CHECK(check_equal(how, fleet::paper({.agents = 13, .seed = 4, .rate = 8}), 130) > 0);
}

TEST_CASE("simulated times are those of training: epochs, a kept optimizer, codecs, speeds that change") {
  const auto fleet = random_fleet(11, 5, comm::complete_graph{});
  auto how = settings_of(4, 3);
  how.pairing = crowds();
  CHECK(check_equal(how, fleet, 60) > 0);
  how.optimizer_state = learn::optimizer_carry::averaged;
  how.local_epochs = 1;
  CHECK(check_equal(how, fleet, 60) > 0);
  const any_job::model net{digits().train.shape(), digits().train.classes()};
  how.profile = split::analytic_profile(net, how.auxiliary_head, how.cuts, how.batch, "", comm::int8{});
  CHECK(check_equal(how, fleet, 60) > 0);
  fleet::description changing = fleet;
  fleet::add_redraws(changing, {.share = .5, .every = 1, .rounds = 4});
  how.rounds = 4;
  REQUIRE_FALSE(changing.changes.empty());
  CHECK(check_equal(how, changing, 60) > 0);
}

TEST_CASE("simulated times are those of training: links that change, go and come, and jitter") {
  auto how = settings_of(4);
  how.rounds = 4;
  how.pairing = crowds();
  fleet::description fleet = random_fleet(12, 5, comm::complete_graph{});
  const auto change = [&](std::uint32_t round, std::uint32_t from, std::uint32_t to, std::optional<double> megabits) {
    fleet.link_changes.push_back({round_index{round}, agent_id{from}, agent_id{to},
                                  megabits ? std::optional{megabits_per_second(*megabits)} : std::nullopt,
                                  seconds{.01 * round}});
  };
  change(0, 0, 1, 3);
  change(1, 1, 2, 0);  // over others from now on
  change(1, 0, 1, std::nullopt);
  change(3, 1, 2, 50);
  change(3, 4, 3, 0);
  CHECK(check_equal(how, fleet, 60) > 0);
  fleet.jitter = seconds{.05};
  CHECK(check_equal(how, fleet, 60) > 0);
  how.algorithm.paired = false;
  CHECK(check_equal(how, fleet, 60) == 0);
  fleet.jitter = {};
  CHECK(trained(how, fleet, 60).past.rounds.back().elapsed !=
        trained(how, random_fleet(12, 5, comm::complete_graph{}), 60).past.rounds.back().elapsed);
}

TEST_CASE("simulated times are those of training: agents that are away, come back, or are not drawn") {
  auto how = settings_of(4);
  how.rounds = 6;
  how.pairing = crowds();
  fleet::description fleet = random_fleet(13, 6, comm::random_rings{4});
  const auto presence = [&](std::uint32_t round, std::uint32_t agent, bool there) {
    fleet.presence.push_back({round_index{round}, agent_id{agent}, there});
  };
  presence(1, 0, false);  // the first one, which tells of the rounds
  presence(2, 3, false);
  presence(2, 4, false);
  presence(3, 0, true);
  presence(4, 1, false);
  presence(4, 3, true);
  presence(5, 1, true);
  CHECK(check_equal(how, fleet, 72) > 0);
  how.optimizer_state = learn::optimizer_carry::averaged;
  how.pairing = {};
  CHECK(check_equal(how, fleet, 72) > 0);
  fleet.presence.clear();
  fleet.sampled = .5;
  CHECK(check_equal(how, fleet, 72) > 0);
  fleet.jitter = seconds{.02};
  fleet.link_changes.push_back({round_index{2}, agent_id{0}, agent_id{1}, megabits_per_second(2), {}});
  CHECK(check_equal(how, fleet, 72) > 0);
  // One plans for all, who is not always the same.
  how.pairing = {[](const fleet::instance& members) { return pairing::auction<>{}.plan(members); }, false};
  how.rounds = 12;
  CHECK(check_equal(how, fleet, 72) > 0);
  how.algorithm.paired = false;
  CHECK(check_equal(how, fleet, 72) == 0);
}

TEST_CASE("simulated times are those of training: a window that is full, and one agent") {
  auto how = settings_of(2);
  how.rounds = 1;
  how.pairing = crowds();
  // The helper is far slower than its guests, whose messages pile up.
  fleet::description fleet = fleet::uniform({.agents = 4, .bandwidth = megabits_per_second(1000)});
  fleet.agents[0].speed = batches_per_second{.1};
  how.pairing.make = [](const fleet::instance& instance) {
    return always_pair{.pairs = {{1, 0}, {2, 0}, {3, 0}}, .cut = 1}.plan(instance);
  };
  CHECK(check_equal(how, fleet, 80) > 0);
  CHECK(check_equal(settings_of(4), fleet::uniform({.agents = 1}), 21) == 0);
}

TEST_CASE("simulated times are those of training: weights that travel by a codec") {
  auto how = settings_of(3);
  for (const comm::wire_codec codec : {comm::wire_codec{comm::fp16{}}, comm::wire_codec{comm::int8{}}})
    for (const bool ring : {false, true}) {
      CAPTURE(codec.name);
      CAPTURE(ring);
      how.weight_wire = codec;
      how.collective.ring = ring;
      how.algorithm.paired = true;
      CHECK(check_equal(how, random_fleet(5, 7, comm::complete_graph{}), 84) > 0);
      how.algorithm.paired = false;
      CHECK(check_equal(how, random_fleet(6, 5, comm::line_graph{}), 20) == 0);
    }
}
