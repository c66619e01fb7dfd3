// Pairing policies: held against brute force, then timed. `--table` prints, in place of times, how much of a round's
// time each saves, and what negotiating costs; `--table F` over F fleets of each kind.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "benchmark.hpp"
#include "comdml/pairing/auction.hpp"
#include "comdml/pairing/bottleneck.hpp"
#include "comdml/pairing/deferred_acceptance.hpp"
#include "comdml/pairing/greedy.hpp"
#include "comdml/pairing/random.hpp"
#include "comdml/pairing/star.hpp"
#include "comdml/testing/check_pairing.hpp"
#include "comdml/testing/published_fleet.hpp"

namespace {

using namespace comdml;

/// Arguments: agents, degree (0: all), whether speeds are mixed. Links of 10,000 agents that are all linked are not
/// stored.
template <class Policy>
void plan(benchmark::State& state) {
  const auto agents = static_cast<std::size_t>(state.range(0));
  const auto degree = static_cast<std::size_t>(state.range(1));
  const auto fleet = testing::published_fleet({.agents = agents,
                                               .seed = 1,
                                               .mixed = state.range(2) != 0,
                                               .degree = degree,
                                               .ruled = degree == 0 && agents > 2000});
  double makespan = 0;
  for (auto _ : state) {
    const pairing::plan planned = Policy{}.plan(fleet);
    benchmark::DoNotOptimize(planned.pairs.data());
    makespan = planned.makespan.value();
  }
  state.counters["makespan_s"] = makespan;
}

void sizes(benchmark::internal::Benchmark* one) {
  one->ArgNames({"agents", "degree", "mixed"})->Unit(benchmark::kMillisecond);
  for (const std::int64_t mixed : {0, 1})
    for (const auto& [agents, degree] :
         {std::pair<std::int64_t, std::int64_t>{10, 0}, {100, 0}, {1000, 0}, {1000, 20}, {10000, 20}})
      one->Args({agents, degree, mixed});
}
void largest(benchmark::internal::Benchmark* one) {
  sizes(one);
  for (const std::int64_t mixed : {0, 1}) one->Args({10000, 0, mixed});
}
void small(benchmark::internal::Benchmark* one) {
  one->ArgNames({"agents", "degree", "mixed"})->Unit(benchmark::kMillisecond);
  for (const std::int64_t mixed : {0, 1})
    for (const std::int64_t agents : {10, 100}) one->Args({agents, 0, mixed});
}

BENCHMARK_TEMPLATE(plan, pairing::greedy<>)->Apply(sizes);
BENCHMARK_TEMPLATE(plan, pairing::bottleneck<>)->Apply(largest);
BENCHMARK_TEMPLATE(plan, pairing::star<>)->Apply(small);
BENCHMARK_TEMPLATE(plan, pairing::deferred_acceptance<>)->Apply(small);
BENCHMARK_TEMPLATE(plan, pairing::auction<>)->Apply(small);

void require(bool right, const char* what, double gap) {
  if (right) return;
  std::cerr << what << ": worst gap " << gap << '\n';
  std::exit(3);
}

/// Every policy that is timed: plans by the rules, and as near to the best pairs as it promises to be.
void check() {
  const testing::pairing_check few{.fleets = 300, .largest = 11, .brute_force = 11};
  testing::pairing_check many = few;
  many.fleets = 1000;
  const auto exact = testing::check_pairing(pairing::bottleneck<>{}, {}, many);
  require(exact.compared == 1000 && exact.worst_gap == 0, "bottleneck is not optimal", exact.worst_gap);
  testing::check_pairing(pairing::greedy<>{}, {}, few);
  testing::check_pairing(pairing::star<>{}, {}, {.fleets = 300, .brute_force = 0});  // may be better than pairs
  // Those that negotiate need links both ways.
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const auto fleet = testing::published_fleet({.agents = 20, .seed = seed, .mixed = seed % 2 == 0});
    const auto greedy = pairing::greedy<>{}.plan(fleet), same = pairing::deferred_acceptance<>{}.plan(fleet);
    require(greedy.makespan == same.makespan && greedy.alone == same.alone, "deferred acceptance and greedy part",
            same.makespan / greedy.makespan - 1);
    const double gap = pairing::auction<>{}.plan(fleet).makespan / pairing::bottleneck<>{}.plan(fleet).makespan - 1;
    require(gap <= .02, "the auction is too far from the optimum", gap);
  }
}

/// A kind of fleet.
struct column {
  const char* name;
  testing::published_options kind;
};

template <class Policy>
void row(const char* name, const Policy& policy, std::span<const column> columns, int fleets) {
  std::printf("| %-20s |", name);
  for (const column& kind : columns) {
    double saved = 0;
    for (int number = 1; number <= fleets; ++number) {
      testing::published_options options = kind.kind;
      options.seed = static_cast<std::uint64_t>(number);
      const fleet::instance fleet = testing::published_fleet(options);
      const pairing::plan planned = policy.plan(fleet);
      pairing::validate(planned, fleet);
      saved += 1 - planned.makespan / planned.alone_makespan;
    }
    std::printf(" %*.1f %% |", static_cast<int>(std::string_view{kind.name}.size()) - 2, 100 * saved / fleets);
  }
  std::printf("\n");
}

/// How far from the least makespan of pairs, on average and at worst, and messages that an agent sends.
template <class Policy>
void gap_row(const char* name, const Policy& policy, std::span<const column> columns, int fleets) {
  std::printf("| %-20s |", name);
  for (const column& kind : columns) {
    double mean = 0, worst = 0, messages = 0;
    for (int number = 1; number <= fleets; ++number) {
      testing::published_options options = kind.kind;
      options.seed = static_cast<std::uint64_t>(number);
      const fleet::instance fleet = testing::published_fleet(options);
      const auto found = policy.solve(fleet);
      const double gap = found.plan.makespan / pairing::bottleneck<>{}.plan(fleet).makespan - 1;
      mean += gap / fleets;
      worst = std::max(worst, gap);
      for (const std::size_t sent : found.messages)
        messages += static_cast<double>(sent) / static_cast<double>(found.messages.size()) / fleets;
    }
    std::printf(" %5.2f %% %6.2f %% %6.0f |", 100 * mean, 100 * worst, messages);
  }
  std::printf("\n");
}

void print_gaps(int fleets) {
  const std::array columns{column{"published, 10", {.agents = 10}}, column{"published, 100", {.agents = 100}},
                           column{"mixed, 10", {.agents = 10, .mixed = true}},
                           column{"mixed, 100", {.agents = 100, .mixed = true}}};
  std::printf(
      "\nMean and worst gap to the least makespan of pairs, and messages per agent, %d fleets of each kind:\n\n",
      fleets);
  std::printf("| %-20s |", "policy by messages");
  for (const column& one : columns) std::printf(" %-23s |", one.name);
  std::printf("\n|----------------------|");
  for (std::size_t i = 0; i < columns.size(); ++i) std::printf("%s|", std::string(25, '-').c_str());
  std::printf("\n");
  gap_row("deferred_acceptance", pairing::deferred_acceptance<>{}, columns, fleets);
  gap_row("auction", pairing::auction<>{}, columns, fleets);
}

void print_table(int fleets) {
  const std::array columns{column{"published, 10", {.agents = 10}}, column{"published, 50", {.agents = 50}},
                           column{"published, 50, degree 10", {.agents = 50, .degree = 10}},
                           column{"mixed, 10", {.agents = 10, .mixed = true}},
                           column{"mixed, 50", {.agents = 50, .mixed = true}}};
  std::printf("Mean reduction of the round's time against nobody helped, %d fleets of each kind:\n\n", fleets);
  std::printf("| %-20s |", "policy");
  for (const column& one : columns) std::printf(" %s |", one.name);
  std::printf("\n|----------------------|");
  for (const column& one : columns) std::printf("%s|", std::string(std::string_view{one.name}.size() + 2, '-').c_str());
  std::printf("\n");
  row("random", pairing::random<>{}, columns, fleets);
  row("greedy", pairing::greedy<>{}, columns, fleets);
  row("deferred_acceptance", pairing::deferred_acceptance<>{}, columns, fleets);
  row("auction", pairing::auction<>{}, columns, fleets);
  row("bottleneck", pairing::bottleneck<>{}, columns, fleets);
  row("star, 2 guests", pairing::star<>{.guests = 2}, columns, fleets);
  row("star, 4 guests", pairing::star<>{}, columns, fleets);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view{argv[1]} == "--table") {
    check();
    const int fleets = argc > 2 ? std::max(1, std::atoi(argv[2])) : 1000;
    print_table(fleets);
    print_gaps(std::max(1, fleets / 10));
    return 0;
  }
  return bench::check_then_time(argc, argv, check);
}
