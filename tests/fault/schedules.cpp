// SPDX-License-Identifier: BSL-1.0
/// \file
/// Thousands of runs in which messages are lost, late, twice or cut, agents die, stand still or are cut off, all by
/// seed and under the virtual clock. COMDML_FAULT_SEEDS sets how many; COMDML_FAULT_SEED replays one.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "../effort.hpp"
#include "comdml/comm/checked_transport.hpp"
#include "comdml/comm/in_process.hpp"
#include "comdml/data/array_set.hpp"
#include "comdml/data/shard.hpp"
#include "comdml/fleet/draw.hpp"
#include "comdml/learn/agent.hpp"
#include "comdml/nn/linear.hpp"
#include "comdml/nn/sequential.hpp"
#include "comdml/split/auxiliary_head.hpp"
#include "comdml/testing/faults.hpp"
#include "comdml/testing/faulty_transport.hpp"

namespace {

using namespace comdml;

using below = comm::in_process<comm::virtual_time>::endpoint;
using faulty = testing::faulty_transport<below>;
using sound = comm::checked_transport<faulty>;
static_assert(Transport<sound>);

/// Trains in microseconds: what is tested is who agrees with whom.
struct tiny_job : learn::default_policies {
  using model = nn::network<nn::sequential<nn::linear, nn::linear>, float>;
  using auxiliary_head = split::pool_linear;
  using transport = sound;
};

constexpr std::size_t features = 4;
constexpr std::size_t classes = 3;
constexpr std::size_t rounds = 4;

data::array_set points(std::uint64_t seed, std::size_t count) {
  random_stream rng{seed, purpose::testing};
  std::vector<float> values;
  std::vector<label> labels;
  for (std::size_t i = 0; i < count; ++i) {
    labels.push_back(static_cast<label>(rng.below(classes)));
    for (std::size_t f = 0; f < features; ++f) values.push_back(static_cast<float>(rng.normal()));
  }
  return {{1, 1, features}, classes, std::move(values), labels};
}

struct outcome {
  std::map<std::uint32_t, std::set<std::uint64_t>> digests;  ///< by round, of all who committed it
  std::vector<std::optional<learn::history>> histories;      ///< by agent, of those who came to the end
  std::vector<std::optional<std::uint64_t>> last;            ///< by agent: digest after the last round
  std::map<std::uint32_t, std::string> errors;               ///< by agent
  std::string failure;                                       ///< of the network: a deadlock
  seconds end{};
};

struct watching {
  outcome& seen;
  std::mutex& mutex;
  learn::verdict on_round(const learn::round_report& report) {
    const std::lock_guard lock{mutex};
    seen.digests[report.round.value].insert(report.digest);
    seen.end = std::max(seen.end, report.elapsed);
    return learn::verdict::go_on;
  }
};

/// \param founded_by_asking  whether agents may be started again, so that all ask to be taken in, from the start
outcome run(std::size_t agents, const testing::fault_schedule& faults, bool founded_by_asking = true) {
  fleet::description fleet = fleet::uniform({.agents = agents, .bandwidth = megabits_per_second(1)});
  for (std::size_t i = 0; i < agents; ++i)
    fleet.agents[i].speed = batches_per_second{4.0 / static_cast<double>(1 + 3 * (i % 3))};
  learn::settings<tiny_job> how;
  how.rounds = rounds;
  how.batch = 4;
  how.survival = {.wanted = true, .patience = seconds{2}, .endurance = seconds{200}};
  how.make_model = [](image_shape shape, std::size_t outputs) {
    return tiny_job::model{nn::sequential{nn::linear{.outputs = 8}, nn::linear{.outputs = outputs}}, shape};
  };
  static const data::array_set test = points(99, 8);
  comm::in_process<comm::virtual_time> network{fleet.links, {.compute_slots = 1}};
  for (const testing::death& one : faults.deaths) network.kill(one.agent, one.when);
  const comm::routes routes{fleet.links};
  outcome seen;
  seen.histories.resize(agents);
  seen.last.resize(agents);
  std::mutex mutex;
  try {
    network.run([&](below& line) {
      const std::size_t i = line.self().value;
      faulty broken{line, faults};
      sound mended{broken};
      const data::array_set own = points(i, 16);
      watching observer{seen, mutex};
      for (std::uint32_t life = 1; life > 0; ++life) {
        learn::membership mine{routes, fleet.agents[i].speed};
        if (founded_by_asking) mine.life = life;
        learn::agent<tiny_job> self{mended, mine, how};
        try {
          learn::history past = self.run(own, &test, observer);
          digest64 weights;
          weights.update(std::as_bytes(std::span{past.state.parameters}));
          weights.update(std::as_bytes(std::span{past.state.statistics}));
          const std::lock_guard lock{mutex};
          seen.last[i] = weights.value();
          seen.histories[i] = std::move(past);
          break;
        } catch (const testing::restart&) {
        } catch (const run_error& error) {
          const std::lock_guard lock{mutex};
          seen.errors[static_cast<std::uint32_t>(i)] = error.what();
          break;
        }
      }
    });
  } catch (const run_error& error) {
    seen.failure = error.what();
  }
  return seen;
}

/// What is wrong with a run; empty if nothing is.
std::string wrong(const outcome& seen, std::size_t agents, const testing::fault_schedule& faults) {
  if (!seen.failure.empty()) return "the run stopped: " + seen.failure;
  for (const auto& [round, digests] : seen.digests)
    if (digests.size() > 1) return text("two results of round ", round + 1);
  std::set<std::uint64_t> last;
  std::size_t finished = 0;
  for (std::size_t i = 0; i < agents; ++i) {
    const bool dies = std::ranges::any_of(faults.deaths, [&](const auto& one) { return one.agent.value == i; });
    if (seen.last[i]) last.insert(*seen.last[i]);
    finished += seen.last[i] ? 1 : 0;
    if (!dies && !seen.last[i] && !seen.errors.contains(static_cast<std::uint32_t>(i)))
      return text("agent ", i, " ended without a result or a reason");
  }
  if (last.size() > 1) return "survivors disagree";
  const auto end = seen.digests.find(rounds - 1);
  if (end != seen.digests.end() && !last.empty() && end->second != last) return "who came in late got something else";
  // Who was started again does not count in its round's quorum, and two losses of four are too many.
  const std::size_t lost = faults.deaths.size() + faults.restarts.size();
  const bool others = !faults.partitions.empty() || !faults.freezes.empty() || faults.drop + faults.truncate > 0;
  if (finished == 0 && (lost == 0 || (lost == 1 && !others))) return "nobody finished";
  return {};
}

}  // namespace

TEST_CASE("faults: without any, all finish, and it is the same run however they came together") {
  const outcome seen = run(4, {});
  CHECK(wrong(seen, 4, {}) == "");
  CHECK(seen.errors.empty());
  CHECK(seen.digests.size() == rounds);
  for (const auto& past : seen.histories) CHECK(past);
  CHECK(run(4, {}, false).digests == seen.digests);
}

TEST_CASE("faults: whatever happens, one result a round, and the survivors agree") {
  const char* const one = std::getenv("COMDML_FAULT_SEED");
  const char* const many = std::getenv("COMDML_FAULT_SEEDS");
  const std::uint64_t first = one ? std::strtoull(one, nullptr, 10) : 1;
  const std::uint64_t count = one ? 1 : many ? std::strtoull(many, nullptr, 10) : 500;
  const seconds length = run(4, {}).end;
  std::atomic<std::uint64_t> next = first;
  std::mutex mutex;
  std::size_t finished = 0;
  std::size_t errors = 0;
  std::map<std::string, std::uint64_t> failures;
  {
    std::vector<std::jthread> workers;
    for (int w = 0; w < 2; ++w)
      workers.emplace_back([&] {
        for (std::uint64_t seed = next++; seed < first + count; seed = next++) {
          const std::size_t agents = 4 + seed % 2;
          const testing::fault_schedule faults = testing::draw_faults(seed, agents, length);
          const outcome seen = run(agents, faults);
          const std::string what = wrong(seen, agents, faults);
          const std::lock_guard lock{mutex};
          errors += seen.errors.size();
          for (const auto& past : seen.histories) finished += past ? 1 : 0;
          if (!what.empty()) failures.emplace(text("COMDML_FAULT_SEED=", seed, ": ", what, "\n  ", faults), seed);
          if (one)
            for (std::size_t i = 0; i < agents; ++i)
              if (seen.histories[i])
                MESSAGE("agent ", i, ": ", seen.histories[i]->rounds.size(), " rounds, ends with ", *seen.last[i]);
          if (one)
            for (const auto& [agent, error] : seen.errors)
              MESSAGE(error);
        }
      });
  }
  for (const auto& [what, seed] : failures) MESSAGE(what);
  MESSAGE(count, " schedules, ", finished, " agents finished, ", errors, " gave up with a reason");
  CHECK(failures.empty());
}
