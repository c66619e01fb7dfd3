// SPDX-License-Identifier: BSL-1.0
/// \file
/// One kind of loss at a time, and what comes of it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "../unit/temporary_directory.hpp"
#include "comdml/core/random.hpp"
#include "comdml/learn/fedavg.hpp"
#include "support.hpp"

namespace {

using namespace support;

const outcome& whole() {
  static const outcome seen = run({});
  return seen;
}
seconds end_of_round(std::size_t round) { return whole().histories[0]->rounds[round].elapsed; }
/// In the middle of the second round, when all train.
seconds in_training() { return end_of_round(0) + (end_of_round(1) - end_of_round(0)) * .4; }

bool among(const std::vector<agent_id>& ids, std::uint32_t id) {
  return std::ranges::find(ids, agent_id{id}) != ids.end();
}
bool takes_part(const pairing::plan& plan, std::uint32_t id) {
  return among(plan.alone, id) || std::ranges::any_of(plan.pairs, [&](const pairing::assignment& pair) {
           return pair.slow.value == id || pair.fast.value == id;
         });
}
/// The first pair of the second round without faults.
pairing::assignment some_pair() {
  REQUIRE_FALSE(whole().histories[0]->rounds[1].plan.pairs.empty());
  return whole().histories[0]->rounds[1].plan.pairs.front();
}

/// Changes the words of the fleet that begin with this number (see lifeline), once the fleet is founded.
template <class Change>
twist in_words(std::uint8_t number, Change change) {
  return [=](const comm::tag& what, seconds now, std::vector<std::byte>& message) {
    if (now < end_of_round(0) * .5 || what.round != comm::tag::no_round || message.empty() ||
        message[0] != std::byte{number})
      return;
    comm::message_reader from{message, {}};
    comm::message_writer to;
    to.write(from.read<std::uint8_t>()).write(from.read<std::uint32_t>());
    change(from, to);
    message = to.take();
  };
}

/// Changes the digest in a round's records of this kind, which comes last.
twist flip_digest(std::uint32_t round, learn::message_kind kind) {
  return [=](const comm::tag& what, seconds, std::vector<std::byte>& message) {
    if (what.round == round && what.kind == static_cast<std::uint16_t>(kind)) message.back() ^= std::byte{1};
  };
}

/// Checks that nobody fails, and that each round has one result.
void check_ends_alike(const outcome& seen) {
  CHECK(seen.failure == "");
  for (const auto& [agent, error] : seen.errors) FAIL_CHECK(agent, ": ", error);
  for (const auto& [round, digests] : seen.digests) CHECK(digests.size() == 1);
}
std::size_t refusals(const learn::history& past) {
  std::size_t count = 0;
  for (const learn::round_report& report : past.rounds) count += report.refused.size();
  return count;
}

/// Checks that all but `lost` finish with one result. \returns the report of the second round
const learn::round_report& checked(const outcome& seen, std::uint32_t lost) {
  check_ends_alike(seen);
  for (std::uint32_t i = 0; i < 4; ++i) CHECK(seen.histories[i].has_value() == (i != lost));
  const auto& past = *seen.histories[lost == 0 ? 1 : 0];
  REQUIRE(past.rounds.size() == 4);
  CHECK(past.rounds[0].lost.empty());
  CHECK(past.rounds[1].lost == std::vector{agent_id{lost}});
  CHECK(past.rounds[2].lost.empty());
  for (const auto& pair : past.rounds[2].plan.pairs) CHECK((pair.slow.value != lost && pair.fast.value != lost));
  return past.rounds[1];
}

}  // namespace

TEST_CASE(
    "a helper dies while it trains: the slow agent trains the tail itself, and only the helper's data is missing") {
  for (const bool silent : {false, true}) {
    CAPTURE(silent);
    const pairing::assignment pair = some_pair();
    testing::fault_schedule faults{.silent = silent};
    faults.deaths.push_back({pair.fast, in_training()});
    const outcome seen = run({.faults = faults});
    const learn::round_report& report = checked(seen, pair.fast.value);
    CHECK(report.sat_out.empty());  // the slow agent's whole model is in the sum
    CHECK(report.elapsed > end_of_round(1));
  }
}

TEST_CASE("a slow agent that trains the tail itself is disturbed by another loss, and still trains all of it") {
  const auto& pairs = whole().histories[0]->rounds[1].plan.pairs;
  const auto pair =
      std::ranges::find_if(pairs, [](const auto& one) { return one.fast.value != 0 && one.slow.value != 0; });
  REQUIRE(pair != pairs.end());
  std::uint32_t other = 1;
  while (other == pair->slow.value || other == pair->fast.value) ++other;
  testing::fault_schedule faults;
  faults.deaths = {{pair->fast, in_training()}, {agent_id{other}, in_training()}};
  const outcome both = run({.faults = faults});
  REQUIRE(both.digests.at(1).size() == 1);
  std::size_t disturbed = 0;
  for (int step = 1; step <= 24; ++step) {
    CAPTURE(step);
    faults.deaths[1].when = in_training() + (end_of_round(1) - end_of_round(0)) * (.25 * step);
    const outcome seen = run({.faults = faults});
    REQUIRE(seen.histories[0]);
    // Later it is lost in another round; until then the result is that of the two who are left.
    if (seen.histories[0]->rounds[1].lost.size() < 2) continue;
    ++disturbed;
    CHECK(seen.digests.at(1) == both.digests.at(1));
  }
  CHECK(disturbed > 3);
}

TEST_CASE("a slow agent dies while it trains: its helper drops the guest, and nothing else is missing") {
  for (const bool silent : {false, true}) {
    CAPTURE(silent);
    const pairing::assignment pair = some_pair();
    testing::fault_schedule faults{.silent = silent};
    faults.deaths.push_back({pair.slow, in_training()});
    const outcome seen = run({.faults = faults});
    CHECK(checked(seen, pair.slow.value).sat_out.empty());
  }
}

TEST_CASE("an agent that stood still finds that the others went on, and takes part again") {
  testing::fault_schedule faults;
  faults.freezes.push_back({agent_id{2}, in_training(), end_of_round(3) * 6});
  trial what{.how = tiny_settings(80), .faults = faults};
  const outcome seen = run(what);
  check_ends_alike(seen);
  REQUIRE(seen.histories[0]);
  REQUIRE(seen.histories[2]);
  CHECK(seen.last[0] == seen.last[2]);
  const auto& rounds = seen.histories[0]->rounds;
  CHECK(among(rounds[1].lost, 2));
  const auto taken_in = std::ranges::find_if(
      rounds, [](const auto& report) { return report.round.value > 1 && takes_part(report.plan, 2); });
  CHECK(taken_in != rounds.end());
  CHECK(seen.histories[2]->rounds.size() < rounds.size());  // it tells of no round that it was not in
}

TEST_CASE("an agent that was cut off, and knew it, comes back when the network does") {
  for (const double asking : {.5, 3.}) {  // seconds for which it knows
    CAPTURE(asking);
    testing::fault_schedule faults;
    faults.partitions.push_back({in_training(), in_training() + seconds{1 + asking}, {agent_id{3}}, seconds{1}});
    const outcome seen = run({.how = tiny_settings(60), .faults = faults});
    check_ends_alike(seen);
    REQUIRE(seen.histories[0]);
    REQUIRE(seen.histories[3]);
    CHECK(seen.last[0] == seen.last[3]);
    CHECK(among(seen.histories[0]->rounds[1].lost, 3));
    CHECK(takes_part(seen.histories[0]->rounds.back().plan, 3));
  }
}

TEST_CASE("a new agent joins a fleet that is running") {
  trial what{.how = tiny_settings(6), .founders = {agent_id{0}, agent_id{1}, agent_id{2}}};
  const outcome seen = run(what);
  CHECK(seen.errors.empty());
  REQUIRE(seen.histories[3]);
  CHECK(seen.last[3] == seen.last[0]);
  CHECK(seen.histories[3]->rounds.size() >= 3);
  CHECK(seen.histories[0]->rounds.size() == 6);
  CHECK_FALSE(takes_part(seen.histories[0]->rounds[0].plan, 3));
  CHECK(takes_part(seen.histories[0]->rounds[5].plan, 3));
}

TEST_CASE("a split network: only the side with the quorum goes on") {
  const auto split = [](std::size_t agents, std::vector<agent_id> side) {
    testing::fault_schedule faults;
    faults.partitions.push_back({in_training(), seconds::infinity(), std::move(side)});
    return run({.agents = agents, .faults = faults});
  };
  const auto finished = [](const outcome& seen) {
    std::vector<std::uint32_t> ids;
    for (std::uint32_t i = 0; i < seen.histories.size(); ++i)
      if (seen.histories[i]) ids.push_back(i);
    return ids;
  };
  CHECK(finished(split(4, {agent_id{2}, agent_id{3}})) == std::vector<std::uint32_t>{0, 1});  // the lowest id decides
  CHECK(finished(split(5, {agent_id{0}, agent_id{1}})) == std::vector<std::uint32_t>{2, 3, 4});
  const outcome seen = split(5, {agent_id{0}, agent_id{1}});
  CHECK(seen.errors.size() == 2);
  CHECK(seen.errors.at(0).find("too few of the 5 agents") != std::string::npos);
}

TEST_CASE("of two agents one can go on alone if a quorum of one is asked for") {
  trial what{.agents = 2};
  what.faults.deaths.push_back({agent_id{0}, in_training()});
  const outcome stuck = run(what);
  CHECK_FALSE(stuck.histories[1]);
  CHECK(stuck.errors.contains(1));
  what.how.survival.quorum = 1;
  const outcome seen = run(what);
  CHECK(seen.errors.empty());
  CHECK(seen.histories[1]);
}

TEST_CASE("all agents die and are started again with their checkpoints: the run ends as if nothing had happened") {
  random_stream rng{3, purpose::testing};
  for (int trial_number = 0; trial_number < 8; ++trial_number) {
    CAPTURE(trial_number);
    const temporary_directory folder;
    const auto keep = [&](std::size_t agent) {
      return std::make_shared<const learn::checkpoints>(folder.path() / text("agent-", agent), 1, "a job");
    };
    trial what{.keep = keep};
    const seconds when = end_of_round(3) * rng.uniform();
    for (std::uint32_t i = 0; i < 4; ++i)  // not quite at once
      what.faults.deaths.push_back({agent_id{i}, when + seconds{.05 * rng.uniform()}});
    const outcome first = run(what);
    what.faults = {};
    what.resume = true;
    const outcome second = run(what);
    CHECK(second.errors.empty());
    for (std::size_t i = 0; i < 4; ++i) CHECK(second.last[i] == whole().last[0]);
    for (const auto& [round, digests] : second.digests) CHECK(digests == whole().digests.at(round));
    // A committed round is not done again.
    if (!first.digests.empty() && !second.digests.empty())
      CHECK(second.digests.begin()->first >= first.digests.rbegin()->first + 1);
  }
}

TEST_CASE("a target that was reached is known to those who come later, or are started again") {
  const temporary_directory folder;
  const auto keep = [&](std::size_t agent) {
    return std::make_shared<const learn::checkpoints>(folder.path() / text("agent-", agent), 1, "a job");
  };
  trial what{.how = tiny_settings(6), .keep = keep};
  what.how.target_accuracy = 0;  // with the first round
  const outcome first = run(what);
  CHECK(first.errors.empty());
  CHECK(first.digests.size() == 1);
  what.resume = true;
  const outcome second = run(what);
  CHECK(second.errors.empty());
  CHECK(second.digests.empty());
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(second.last[i] == first.last[0]);
    REQUIRE(second.histories[i]);
    CHECK(second.histories[i]->target_reached);
  }
  // Somebody comes while the round that reaches it is made.
  const outcome late = run({.how = what.how, .founders = {agent_id{0}, agent_id{1}, agent_id{2}}});
  CHECK(late.errors.empty());
  CHECK(late.last[3] == late.last[0]);
}

TEST_CASE("whoever sends nonsense is done without, and takes part again when it talks sense") {
  std::size_t refused = 0;
  for (std::size_t who = 0; who < 4; ++who)
    for (const double part : {.1, .4, .8})
      for (const double length : {.1, 1.}) {
        CAPTURE(who);
        CAPTURE(part);
        CAPTURE(length);
        const seconds round = end_of_round(1) - end_of_round(0);
        const seconds begin = end_of_round(0) + round * part;
        trial what{.how = tiny_settings(12), .lies = {{who, nonsense({begin, begin + round * length})}}};
        const outcome seen = run(what);
        check_ends_alike(seen);
        for (std::size_t i = 0; i < 4; ++i) {
          CAPTURE(i);
          REQUIRE(seen.histories[i]);
          CHECK(seen.last[i] == seen.last[0]);
          refused += refusals(*seen.histories[i]);
          const auto& last = seen.histories[i]->rounds.back();
          CHECK(last.round == round_index{11});
          CHECK(last.lost.empty());
        }
      }
  CHECK(refused > 24);
}

TEST_CASE("of two agents the one that alone has seen nonsense is done without, and comes back") {
  trial what{.agents = 2, .how = tiny_settings(12)};
  const auto sound_rounds = run(what).histories[0]->rounds;
  what.lies[0] = nonsense({sound_rounds[0].elapsed, sound_rounds[1].elapsed});
  const outcome seen = run(what);
  check_ends_alike(seen);
  REQUIRE(seen.histories[1]);
  CHECK(seen.last[0] == seen.last[1]);
  CHECK(refusals(*seen.histories[1]) > 0);
}

TEST_CASE("a guest that sends nonsense is dropped by its helper, and another loss changes nothing of that") {
  std::size_t dropped = 0;
  for (std::size_t who = 0; who < 4; ++who) {
    const seconds round = end_of_round(1) - end_of_round(0);
    const seconds begin = end_of_round(0) + round * .4;
    for (std::uint32_t dead = 0; dead < 4; ++dead) {
      if (dead == who) continue;
      CAPTURE(who);
      CAPTURE(dead);
      trial what{.how = tiny_settings(12), .lies = {{who, nonsense({begin, begin + round * .2})}}};
      what.faults.deaths = {{agent_id{dead}, begin - round * .1}};
      const outcome seen = run(what);
      CHECK(seen.failure.empty());
      for (const auto& [index, digests] : seen.digests) CHECK(digests.size() == 1);
      for (std::size_t i = 0; i < 4; ++i)
        if (seen.histories[i])
          for (const learn::round_report& report : seen.histories[i]->rounds)
            dropped += std::ranges::any_of(
                report.refused, [](const std::string& told) { return told.find("smashed data") < told.size(); });
    }
  }
  CHECK(dropped > 0);
}

TEST_CASE("whoever tells of another result than the others is done without, and takes part again") {
  for (std::size_t who = 0; who < 4; ++who) {
    CAPTURE(who);
    trial what{.how = tiny_settings(40)};
    // What agent 0 sends are the records of all: the last one's digest is flipped.
    what.lies[who] = flip_digest(2, learn::message_kind::round_counts);
    const outcome seen = run(what);
    check_ends_alike(seen);
    std::size_t refused = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      REQUIRE(seen.histories[i]);
      CHECK(seen.last[i] == seen.last[0]);
      const auto& past = seen.histories[i]->rounds;
      CHECK(past.back().round == round_index{39});
      CHECK(past.back().lost.empty());
      for (const learn::round_report& report : past)
        for (const std::string& told : report.refused) refused += told.find("holds another weights") < told.size();
      if (who > 0 && i != who) CHECK(past[2].lost == std::vector{agent_id{static_cast<std::uint32_t>(who)}});
    }
    CHECK(refused >= (who == 0 ? 2 : 3));
  }
}

TEST_CASE("whoever tells of another plan than the others is done without, and takes part again") {
  trial what{.how = tiny_settings(20)};
  what.lies[2] = flip_digest(2, learn::message_kind::plan_digest);
  const outcome seen = run(what);
  check_ends_alike(seen);
  REQUIRE(seen.histories[0]);
  CHECK(among(seen.histories[0]->rounds[2].lost, 2));
  CHECK(seen.histories[0]->rounds.back().lost.empty());
  for (std::size_t i = 1; i < 4; ++i) CHECK(seen.last[i] == seen.last[0]);
}

TEST_CASE("two that hold different results end, for nobody knows who is wrong") {
  trial what{.agents = 2};
  what.lies[1] = flip_digest(1, learn::message_kind::round_counts);
  const outcome seen = run(what);
  REQUIRE(seen.errors.contains(0));
  CHECK(seen.errors.at(0).find("agents 1 hold another weights than agent 0") < seen.errors.at(0).size());
  for (const auto& [index, digests] : seen.digests) CHECK(digests.size() == 1);
}

TEST_CASE("a state that makes no sense is not taken: another member gives it") {
  trial what{.how = tiny_settings(8), .founders = {agent_id{0}, agent_id{1}, agent_id{2}}};
  std::size_t spoiled = 0;
  what.lies[0] = in_words(6, [&](comm::message_reader& from, comm::message_writer& to) {
    learn::welcome told = learn::read_welcome(from, 4);
    told.state.resize(told.state.size() - 4);
    learn::write_welcome(to, told);
    ++spoiled;
  });
  const outcome seen = run(what);
  CHECK(spoiled > 0);
  for (const auto& [agent, error] : seen.errors) FAIL_CHECK(agent, ": ", error);
  REQUIRE(seen.histories[3]);
  CHECK(seen.last[3] == seen.last[1]);
  REQUIRE_FALSE(seen.histories[3]->rounds.empty());
  const auto& refused = seen.histories[3]->rounds.front().refused;
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].find("malformed message of agent 0") == 0);
}

TEST_CASE("a story that makes no sense is not believed: another member tells it") {
  std::size_t refused = 0;
  for (int step = -20; step < 20; ++step) {
    CAPTURE(step);
    trial what{.how = tiny_settings(12)};
    what.lies[0] = in_words(4, [&](comm::message_reader& from, comm::message_writer& to) {
      learn::standing told = learn::read_standing(from, 4);
      told.story.resize(step % 2 == 0 ? told.story.size() - 4 : told.story.size() + 4);
      learn::write_standing(to, told, told.without_you);
    });
    // The words that tell agent 3 of the end of a round do not reach it.
    const seconds begin = end_of_round(1) + seconds{.00025} * step;
    what.faults.partitions.push_back({begin, begin + seconds{.02}, {agent_id{3}}});
    const outcome seen = run(what);
    check_ends_alike(seen);
    REQUIRE(seen.histories[3]);
    CHECK(seen.last[3] == seen.last[0]);
    refused += refusals(*seen.histories[3]);
  }
  CHECK(refused > 0);
}

TEST_CASE("algorithms that do not go on without an agent say so") {
  struct stubborn_job : tiny_job {
    using algorithm = learn::fedavg;
  };
  const comm::in_process<comm::virtual_time> network{tiny_fleet(2).links};
  const auto live = [&](below& line) {
    const testing::fault_schedule none;
    faulty broken{line, none};
    sound mended{broken};
    liar front{mended};
    learn::settings<stubborn_job> how;
    how.make_model = tiny_settings(1).make_model;
    how.survival.wanted = true;
    const learn::agent<stubborn_job> self{front, {comm::routes{tiny_fleet(2).links}, batches_per_second{1}}, how};
  };
  CHECK_THROWS_AS(network.run(live), input_error);
}
