// expects: greedy +[0-9.]+ s.*slowest meets fastest +[0-9.]+ s
// One new idea: a pairing policy of your own. It is a pure function from an instance (speeds, work, links, what each
// cut costs) to a plan; testing::check_pairing holds its plans against the rules and against brute force.
#include <algorithm>
#include <cstdio>
#include <optional>
#include <vector>

#include "comdml/comdml.hpp"
#include "comdml/testing/check_pairing.hpp"

/// The slowest agent is helped by the fastest, the second slowest by the second fastest, and so on, each pair at its
/// best cut, as long as that is quicker than going alone.
struct slowest_meets_fastest {
  comdml::fleet::overlapped cost{};

  comdml::pairing::plan plan(const comdml::fleet::instance& fleet) const {
    std::vector<comdml::agent_id> order;
    for (std::uint32_t i = 0; i < fleet.agents.size(); ++i) order.push_back(comdml::agent_id{i});
    std::ranges::stable_sort(order, [&](auto a, auto b) { return cost.solo(fleet, a) > cost.solo(fleet, b); });
    std::vector<comdml::pairing::assignment> pairs;
    for (std::size_t i = 0, j = order.size() - 1; i < j; ++i, --j) {
      std::optional<comdml::pairing::assignment> best;
      for (std::size_t entry = 0; entry < fleet.profile.splits.size(); ++entry) {
        const auto pair = comdml::pairing::assign(fleet, order[i], order[j], entry, cost);
        if (pair.cost < (best ? best->cost : pair.solo)) best = pair;
      }
      if (best) pairs.push_back(*best);
    }
    return comdml::pairing::complete(fleet, pairs, cost);
  }
};
static_assert(comdml::PairingPolicy<slowest_meets_fastest>);

int main() {
  comdml::testing::check_pairing(slowest_meets_fastest{});
  const auto described = comdml::fleet::paper({.agents = 10, .seed = 3});
  const comdml::nn::resnet<56> model{{32, 32, 3}, 10};
  comdml::fleet::instance fleet{{},
                                described.links,
                                comdml::split::analytic_profile<comdml::comm::fp32>(model, comdml::split::pool_linear{},
                                                                                    comdml::split::every_block{}, 100)};
  for (const auto& agent : described.agents) fleet.agents.push_back({agent.speed, comdml::batches{50}});
  const auto show = [&](const char* name, const comdml::pairing::plan& plan) {
    std::printf("%-22s %6.1f s a round (simulated), %zu pairs; nobody helped: %.1f s\n", name, plan.makespan.value(),
                plan.pairs.size(), plan.alone_makespan.value());
  };
  show("greedy", comdml::pairing::greedy<>{}.plan(fleet));
  show("slowest meets fastest", slowest_meets_fastest{}.plan(fleet));
}
