// Prints a digest of the plans of many fleets. The numbers behind them are made by +, -, *, / only.
#include <cstdint>
#include <cstdio>

#include "comdml/pairing/auction.hpp"
#include "comdml/pairing/bottleneck.hpp"
#include "comdml/pairing/deferred_acceptance.hpp"
#include "comdml/pairing/greedy.hpp"
#include "comdml/pairing/random.hpp"
#include "comdml/pairing/star.hpp"
#include "comdml/testing/published_fleet.hpp"

int main() {
  using namespace comdml;
  std::uint64_t sum = 0;
  const auto add = [&](const pairing::plan& plan) { sum = sum * 0x9E3779B97F4A7C15u + pairing::digest(plan); };
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    auto fleet = testing::published_fleet({.agents = 5 + seed, .seed = seed, .degree = seed % 3 == 0 ? 6U : 0U});
    random_stream rng{seed, purpose::testing};
    if (seed % 2 == 0)
      for (auto& agent : fleet.agents)
        agent = {agent.speed * rng.uniform(.5, 2), batches{rng.uniform(25, 75)}, megabytes(rng.uniform(2, 100))};
    add(pairing::greedy<>{}.plan(fleet));
    add(pairing::bottleneck<>{}.plan(fleet));
    add(pairing::bottleneck<fleet::serial>{.stored_links = 0}.plan(fleet));
    add(pairing::star<>{}.plan(fleet));
    add(pairing::random<>{.seed = seed}.plan(fleet));
    add(pairing::deferred_acceptance<>{}.plan(fleet));
    add(pairing::auction<>{}.plan(fleet));
  }
  std::printf("%016llx\n", static_cast<unsigned long long>(sum));
}
