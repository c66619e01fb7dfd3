// SPDX-License-Identifier: BSL-1.0
/// \file
/// Thousands of runs in which messages are lost, late, twice or cut, agents die, stand still, are cut off or started
/// again, all by seed and under the virtual clock. COMDML_FAULT_SEEDS sets how many; COMDML_FAULT_SEED replays one.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "../effort.hpp"
#include "support.hpp"

namespace {

using namespace support;

constexpr std::size_t rounds = 4;

/// What is wrong with a run; empty if nothing is.
std::string wrong(const outcome& seen, std::size_t agents, const testing::fault_schedule& faults) {
  if (!seen.failure.empty()) return "the run stopped: " + seen.failure;
  for (const auto& [round, digests] : seen.digests)
    if (digests.size() > 1) return text("two results of round ", round + 1);
  // Whoever does not finish was left without the others, and nothing else.
  for (const auto& one : seen.errors)
    if (std::ranges::none_of(std::array{"too few of the", "asked to take part"},
                             [&](const char* reason) { return one.second.find(reason) != std::string::npos; }))
      return text("agent ", one.first, ": ", one.second);
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
  // A fleet that needs all to be founded is not, if one dies before.
  if (!faults.deaths.empty() && faults.deaths.front().when < seconds{2} && seen.digests.empty()) return {};
  const std::size_t lost = faults.deaths.size() + faults.restarts.size();
  const bool others = !faults.partitions.empty() || !faults.freezes.empty() || faults.drop + faults.truncate > 0;
  // Where an agent dies, and nothing else happens but that messages are late or come twice, all others finish.
  if (faults.restarts.empty() && lost == 1 && !others && faults.delay == 0 && finished + 1 < agents)
    return text("only ", finished, " finished");
  if (finished == 0 && (lost == 0 || (lost == 1 && !others))) return "nobody finished";
  return {};
}

}  // namespace

TEST_CASE("faults: without any, all finish, and it is the same run however they came together") {
  const outcome seen = run({});
  CHECK(wrong(seen, 4, {}) == "");
  CHECK(seen.errors.empty());
  CHECK(seen.digests.size() == rounds);
  for (const auto& past : seen.histories) CHECK(past);
  for (const learn::round_report& report : seen.histories[0]->rounds) CHECK(report.plan.pairs.size() == 2);
  CHECK(run({.founded_by_asking = false}).digests == seen.digests);
}

TEST_CASE("faults: whatever happens, one result a round, and the survivors agree") {
  const char* const one = std::getenv("COMDML_FAULT_SEED");
  const char* const many = std::getenv("COMDML_FAULT_SEEDS");
  const std::uint64_t first = one ? std::strtoull(one, nullptr, 10) : 1;
  const std::uint64_t count = one ? 1 : many ? std::strtoull(many, nullptr, 10) : effort::cases(500);
  const seconds length = run({}).end;
  std::atomic<std::uint64_t> next = first;
  std::mutex mutex;
  std::size_t finished = 0;
  std::size_t errors = 0;
  std::map<std::uint64_t, std::string> failures;
  {
    std::vector<std::jthread> workers;
    for (int w = 0; w < 2; ++w)
      workers.emplace_back([&] {
        for (std::uint64_t seed = next++; seed < first + count; seed = next++) {
          const std::size_t agents = 4 + seed % 2;
          const testing::fault_schedule faults = testing::draw_faults(seed, agents, length);
          trial tried{.agents = agents, .faults = faults};
          if (seed % 3 == 0) tried.how.knowledge = learn::knowledge::measured;
          const outcome seen = run(tried);
          const std::string what = wrong(seen, agents, faults);
          const std::lock_guard lock{mutex};
          errors += seen.errors.size();
          for (const auto& past : seen.histories) finished += past ? 1 : 0;
          if (!what.empty()) failures[seed] = text("COMDML_FAULT_SEED=", seed, ": ", what, "\n  ", faults);
          if (!one) continue;
          for (const auto& [agent, error] : seen.errors) MESSAGE("agent ", agent, ": ", error);
          for (std::size_t i = 0; i < agents; ++i)
            if (seen.histories[i])
              MESSAGE("agent ", i, ": ", seen.histories[i]->rounds.size(), " rounds, ends with ", *seen.last[i]);
        }
      });
  }
  for (const auto& [seed, what] : failures) MESSAGE(what);
  MESSAGE(count, " schedules, ", finished, " agents finished, ", errors, " gave up and said why");
  CHECK(failures.empty());
}
