// The weighted sum: every value of the model is contributed exactly once per agent, whatever the cut.
#include <doctest/doctest.h>

#include "support.hpp"

#include <cmath>
#include <vector>

#include "comdml/learn/join.hpp"

namespace {

using namespace support;

learn::replica filled(const job::model& net, std::size_t heads, float value, std::size_t slots) {
  learn::replica r;
  const auto fill = [&](split::training_state<float>& state, std::size_t parameters, std::size_t statistics) {
    state.model.parameters.assign(parameters, value);
    state.model.statistics.assign(statistics, value);
    state.optimizer.values.assign(slots * parameters, value);
    state.optimizer.updates = static_cast<double>(value);
  };
  fill(r.body, net.parameters({0, net.units()}).size(), net.statistics({0, net.units()}).size());
  r.heads.resize(heads);
  for (auto& head : r.heads) fill(head, 5, 2);
  return r;
}

}  // namespace

TEST_CASE("halves of all cuts meet in the sum") {
  const job::model net{{8, 8, 1}, 10};
  for (const auto& [with_optimizer, as_changes] :
       {std::pair{false, false}, {false, true}, {true, false}, {true, true}}) {
    const auto start = filled(net, 4, 1, 2);
    for (std::uint32_t k = 1; k < net.units(); ++k) {
      const auto slow_state = filled(net, 4, 3, 2);
      const auto own_state = filled(net, 4, 5, 2);
      const auto guest_state = filled(net, 4, 7, 2);
      learn::join_term slow{start, {1, 2}, with_optimizer, as_changes};
      slow.add_units(net, slow_state.body, split::kept_units(net, split_point{k}), 0.25);
      slow.add_updates(slow_state.body, 0.25);
      slow.add_head(slow_state, 2, 1.0);
      learn::join_term helper{start, {1, 2}, with_optimizer, as_changes};
      helper.add_units(net, own_state.body, {0, net.units()}, 0.75);
      helper.add_updates(own_state.body, 0.75);
      helper.add_units(net, guest_state.body, split::handed_over_units(net, split_point{k}), 0.25);

      REQUIRE(slow.values().size() == helper.values().size());
      for (std::size_t i = 0; i < slow.values().size(); ++i) slow.values()[i] += helper.values()[i];
      auto joined = start;
      slow.store(joined);
      const auto kept = net.parameters(split::kept_units(net, split_point{k}));
      const auto kept_statistics = net.statistics(split::kept_units(net, split_point{k}));
      const auto& values = joined.body.model.parameters;
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < values.size(); ++i) {
        const float expected = i < kept.end ? 0.25F * 3 + 0.75F * 5 : 0.75F * 5 + 0.25F * 7;
        wrong += values[i] != expected ? 1 : 0;
        for (std::size_t slot = 0; slot < 2; ++slot)
          wrong += joined.body.optimizer.values[slot * values.size() + i] != (with_optimizer ? expected : 1) ? 1 : 0;
      }
      for (std::size_t i = 0; i < joined.body.model.statistics.size(); ++i)
        wrong += joined.body.model.statistics[i] != (i < kept_statistics.end ? 4.5F : 5.5F) ? 1 : 0;
      CHECK(wrong == 0);
      CHECK(joined.body.optimizer.updates == (with_optimizer ? 4.5 : 1));
      CHECK(joined.heads[2].model.parameters == std::vector<float>(5, 3));
      CHECK(joined.heads[0].model.parameters == std::vector<float>(5, 1));  // nobody used it
    }
  }
}

TEST_CASE("an agent that adds nothing leaves every bit of the others as it was, zeros of both signs included") {
  const job::model net{{8, 8, 1}, 10};
  auto state = filled(net, 0, 1, 0);
  state.body.model.parameters[0] = -0.0F;
  state.body.model.parameters[1] = 0.0F;
  learn::join_term one{state, {}, false};
  one.add_units(net, state.body, {0, net.units()}, 1);
  learn::join_term nothing{state, {}, false};
  CHECK(std::signbit(one.values()[0] + nothing.values()[0]));
  CHECK_FALSE(std::signbit(one.values()[1] + nothing.values()[1]));
}
