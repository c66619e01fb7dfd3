// SPDX-License-Identifier: BSL-1.0
/// \file
/// What a job trains, and what all agents know of it before the first round: the model, its cuts, their auxiliary
/// heads, what each cut costs, and the weights to start from.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "comdml/comm/codec.hpp"
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
  /// What a plan's codec may be called: the job's own, and the library's.
  std::vector<comm::wire_codec> codecs{comm::wire_codec{typename J::wire{}}};
  fleet::split_profile profile;

  blueprint(const settings<J>& how, image_shape input, std::size_t classes)
      : net{how.make_model(input, classes)},
        cuts{how.cuts.points(net)},
        profile{how.profile ? *how.profile
                            : split::analytic_profile<typename J::wire>(net, how.auxiliary_head, how.cuts, how.batch)} {
    COMDML_REQUIRE(net.input() == input && net.classes() == classes, "images of ", input, ", ", classes,
                   " classes; model of ", net.input(), ", ", net.classes());
    for (const comm::wire_codec& one : comm::standard_codecs)
      if (one.name != std::string_view{codecs.front().name}) codecs.push_back(one);
    for (const fleet::split_cost& entry : profile.splits) {
      if (std::ranges::find(cuts, entry.point) == cuts.end())
        throw input_error{"split profile", text("split point ", entry.point, " is not one of the job's cuts"),
                          "use a profile that was made for this model and cut set"};
      if (comm::find_codec(codecs, entry.codec) == nullptr)
        throw input_error{"split profile",
                          text("activations travel as ", entry.codec, " from split point ", entry.point),
                          "use a codec of the library (fp32, fp16, int8), or name your own as the job's `wire`"};
    }
    for (const split_point cut : cuts)
      heads.push_back(how.auxiliary_head.template make<float>(net.output_shape(cut.value - 1), classes));
  }

  [[nodiscard]] std::size_t head_of(split_point cut) const {
    return static_cast<std::size_t>(std::ranges::find(cuts, cut) - cuts.begin());
  }
  /// What a pair's cut costs. Requires a pair of a plan for this profile.
  [[nodiscard]] const fleet::split_cost& entry_of(split_point cut, std::string_view codec) const {
    const auto found = std::ranges::find_if(
        profile.splits, [&](const fleet::split_cost& entry) { return entry.point == cut && entry.codec == codec; });
    COMDML_REQUIRE(found != profile.splits.end(), "no cut ", cut, " by ", codec, " in the split profile");
    return *found;
  }
  /// The codec that a plan names.
  [[nodiscard]] const comm::wire_codec& codec_of(std::string_view name) const {
    const comm::wire_codec* const found = comm::find_codec(codecs, name);
    COMDML_REQUIRE(found != nullptr, "no codec is called ", name);
    return *found;
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
