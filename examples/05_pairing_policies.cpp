// expects: greedy +[0-9.]+ s.*bottleneck +[0-9.]+ s.*star +[0-9.]+ s.*auction +[0-9.]+ s, [0-9]+ messages.*next round
// One new idea: all pairing policies on one instance. Each plan says who helps whom, how many units the slow agent
// keeps, what that takes, and what was refused.
#include <cstdio>

#include "comdml/comdml.hpp"
#include "comdml/testing/published_fleet.hpp"

void show(const char* name, const comdml::pairing::plan& plan, const char* more = "") {
  std::printf("%-20s %6.1f s%s\n", name, plan.makespan.value(), more);
  for (const auto& pair : plan.pairs) {
    std::printf("    %u -> %u keeps %u: %5.1f s, alone %5.1f s", pair.slow.value, pair.fast.value, pair.split.value,
                pair.cost.value(), pair.solo.value());
    if (pair.refused)
      std::printf("; refused %u at %u: %.1f s", pair.refused->fast.value, pair.refused->split.value,
                  pair.refused->cost.value());
    std::printf("\n");
  }
}

int main() {
  namespace pairing = comdml::pairing;
  const auto fleet = comdml::testing::published_fleet({.agents = 10, .seed = 4});
  show("nobody helped", pairing::none<>{}.plan(fleet));
  show("random", pairing::random<>{.seed = 1}.plan(fleet));
  show("greedy", pairing::greedy<>{}.plan(fleet));
  show("bottleneck", pairing::bottleneck<>{}.plan(fleet));
  show("star", pairing::star<>{.guests = 3}.plan(fleet));

  const auto sent = [](const auto& agents) {
    std::size_t messages = 0;
    for (const auto& agent : agents) messages += agent.sent;
    return comdml::text(", ", messages / agents.size(), " messages per agent");
  };
  const pairing::deferred_acceptance<> acceptance;
  const pairing::auction<> auction;
  show("deferred acceptance", acceptance.plan(fleet), sent(acceptance.rehearse(fleet)).c_str());
  show("auction", auction.plan(fleet), sent(auction.rehearse(fleet)).c_str());

  // Round after round: a link turns out to be slower, and the pair chooses another cut; it is dissolved only for a plan
  // that is faster by a tenth.
  pairing::planner<pairing::steady<>> steady;
  const auto pair = steady.next(fleet).pairs.front();
  comdml::fleet::estimates seen;
  seen.observe_transfer(pair.slow, pair.fast, comdml::megabytes(10), comdml::seconds{5});
  show("next round", steady.next(seen.apply(fleet)));
}
