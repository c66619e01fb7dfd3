// SPDX-License-Identifier: BSL-1.0
/// \file
/// What a job trains, and what all agents know of it before the first round: the model, its cuts, their auxiliary
/// heads, what each cut costs, and the weights to start from.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/random.hpp"
#include "comdml/fleet/profile.hpp"
#include "comdml/learn/join.hpp"
#include "comdml/learn/policies.hpp"
#include "comdml/split/analytic_profile.hpp"
#include "comdml/split/sides.hpp"

namespace comdml::learn {

/// The types that a job's policies lead to.
template <Job J>
struct types {
  using model = typename J::model;
  using head = decltype(std::declval<const typename J::auxiliary_head&>().template make<float>(image_shape{}, 0));
  using workspace = split::workspace<model, head>;
};

/// Pure values that follow from the settings and the shape of the data: the same on every agent.
template <Job J>
struct blueprint {
  typename types<J>::model net;
  std::vector<split_point> cuts;
  std::vector<typename types<J>::head> heads;  ///< one per cut
  fleet::split_profile profile;

  blueprint(const settings<J>& how, image_shape input, std::size_t classes)
      : net{how.make_model(input, classes)},
        cuts{how.cuts.points(net)},
        profile{how.profile ? *how.profile
                            : split::analytic_profile<typename J::wire>(net, how.auxiliary_head, how.cuts, how.batch)} {
    COMDML_REQUIRE(net.input() == input && net.classes() == classes, "images of ", input, ", ", classes,
                   " classes; model of ", net.input(), ", ", net.classes());
    for (const fleet::split_cost& entry : profile.splits)
      if (std::ranges::find(cuts, entry.point) == cuts.end())
        throw input_error{"split profile", text("split point ", entry.point, " is not one of the job's cuts"),
                          "use a profile that was made for this model and cut set"};
    for (const split_point cut : cuts)
      heads.push_back(how.auxiliary_head.template make<float>(net.output_shape(cut.value - 1), classes));
  }

  [[nodiscard]] std::size_t head_of(split_point cut) const {
    return static_cast<std::size_t>(std::ranges::find(cuts, cut) - cuts.begin());
  }
  [[nodiscard]] const fleet::split_cost& entry_of(split_point cut) const {
    return *std::ranges::find(profile.splits, cut, &fleet::split_cost::point);
  }
  [[nodiscard]] index_range all_units() const { return {0, net.units()}; }

  /// What the first round starts from: drawn from the seed, but for the weights that the settings give.
  [[nodiscard]] replica start(const settings<J>& how) const {
    replica state;
    net.initialize(state.body.model, random_stream{how.seed, purpose::initialization});
    if (how.initial) {
      COMDML_REQUIRE(how.initial->parameters.size() == state.body.model.parameters.size() &&
                         how.initial->statistics.size() == state.body.model.statistics.size(),
                     "initial weights of ", how.initial->parameters.size(), " parameters");
      state.body.model = *how.initial;
    }
    state.heads.resize(heads.size());
    for (std::size_t h = 0; h < heads.size(); ++h)
      heads[h].initialize(state.heads[h].model,
                          random_stream{how.seed, agent_id{cuts[h].value}, round_index{0}, purpose::initialization});
    reset_optimizers(how, state);
    return state;
  }

  void reset_optimizers(const settings<J>& how, replica& state) const {
    state.body.optimizer.reset(how.optimizer.slots(), state.body.model.parameters.size());
    for (split::training_state<float>& head : state.heads)
      head.optimizer.reset(how.optimizer.slots(), head.model.parameters.size());
  }
};

}  // namespace comdml::learn
