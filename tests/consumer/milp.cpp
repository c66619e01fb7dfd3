// A user's program that asks for the component milp.
#include <comdml/comdml.hpp>
#include <comdml/pairing/milp.hpp>

#include <cstdio>

int main() {
  using namespace comdml;
  fleet::instance fleet{
      {{batches_per_second{4}, batches{50}}, {batches_per_second{.2}, batches{50}}}, link_matrix{2}, {}};
  fleet.links.set_both(agent_id{0}, agent_id{1}, {megabits_per_second(100), {}});
  fleet.profile = {.model = "two units", .batch = 100, .speed = {}, .splits = {}};
  fleet.profile.splits.push_back(
      {.point = split_point{1}, .slow_share = .2, .fast_share = .8, .wire = bytes_per_batch{1e6}, .fast_side = {}});
  const auto found = pairing::milp<>{}.solve(fleet);
  std::printf("%zu pair, %s\n", found.plan.pairs.size(), found.optimal ? "proved optimal" : "not proved");
  return 0;
}
