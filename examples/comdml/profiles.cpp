// SPDX-License-Identifier: BSL-1.0
/// \file
/// Split profiles of the program's models.
#include "profiles.hpp"

#include <algorithm>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/fleet/profile_file.hpp"
#include "comdml/split/analytic_profile.hpp"
#include "comdml/split/profile.hpp"
#include "comdml/split/recode.hpp"
#include "policies.hpp"
#include "texts.hpp"

namespace program {

using comdml::input_error;
using comdml::text;

const std::vector<std::string>& auxiliary_head_names() {
  static const std::vector<std::string> names{"pool_linear", "convolution_pool_linear"};
  return names;
}

const std::vector<std::string>& wire_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const comdml::comm::wire_codec& codec : comdml::comm::standard_codecs) all.emplace_back(codec.name);
    return all;
  }();
  return names;
}

const std::vector<std::string>& wire_choices() {
  static const std::vector<std::string> choices = [] {
    std::vector<std::string> all = wire_names();
    all.emplace_back("auto");
    return all;
  }();
  return choices;
}

const comdml::comm::wire_codec& wire_of(const std::string& name) {
  const comdml::comm::wire_codec* const found = comdml::comm::find_codec(comdml::comm::standard_codecs, name);
  COMDML_REQUIRE(found != nullptr, "no codec is called ", name);
  return *found;
}

namespace {

/// `profile_by(codec)`; if that is to be left to the plan, the entries of all codecs, cut by cut.
template <class ProfileBy>
comdml::fleet::split_profile by_every_wire(const std::string& wire, const ProfileBy& profile_by) {
  if (wire != "auto") return profile_by(wire_of(wire));
  std::vector<comdml::fleet::split_profile> all;
  for (const comdml::comm::wire_codec& codec : comdml::comm::standard_codecs) all.push_back(profile_by(codec));
  comdml::fleet::split_profile merged = all.front();
  merged.splits.clear();
  const auto cuts = std::ranges::max(all, {}, [](const auto& one) { return one.splits.size(); }).splits.size();
  for (std::size_t cut = 0; cut < cuts; ++cut)
    for (const comdml::fleet::split_profile& one : all)
      if (cut < one.splits.size()) merged.splits.push_back(one.splits[cut]);
  return merged;
}

}  // namespace

comdml::fleet::split_profile count_profile(const any_network& network, const profile_request& wanted) {
  return by_every_wire(wanted.wire, [&](const comdml::comm::wire_codec& codec) {
    return comdml::split::analytic_profile(network, any_head{wanted.auxiliary_head}, any_cuts{wanted.cuts},
                                           wanted.batch, wanted.model, codec);
  });
}

comdml::fleet::split_profile measure_profile(const any_network& network, const profile_request& wanted,
                                             std::size_t repetitions, std::size_t crowd) {
  const auto measure = [&](const comdml::split::profile_options& options) {
    return comdml::split::profile(network, any_head{wanted.auxiliary_head}, any_cuts{wanted.cuts}, wanted.batch,
                                  wire_of(wanted.wire == "auto" ? "fp32" : wanted.wire), wanted.model, options);
  };
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < crowd; ++i)
    others.emplace_back([&] { static_cast<void>(measure({.repetitions = repetitions})); });
  const comdml::fleet::split_profile measured =
      measure({.repetitions = repetitions, .progress = [](std::size_t done, std::size_t all) {
                 std::cerr << "measuring the split profile: pass " << done << " of " << all << std::endl;
               }});
  for (const comdml::fleet::split_cost& split : measured.splits)
    if (const double both = split.slow_share + split.fast_share; both < 0.7 || both > 1.6)
      std::cerr << "warning: the two sides of the cut after " << split.point.value << " units take "
                << fixed(100 * both, 0)
                << " % of the whole model's time; was the machine busy? Measure again, with more --repetitions"
                << std::endl;
  if (wanted.wire != "auto") return measured;
  // Encoding is a small part of a step, so the shares of one codec serve for all; the bytes are counted.
  return by_every_wire(wanted.wire, [&](const comdml::comm::wire_codec& codec) {
    comdml::fleet::split_profile one = comdml::split::analytic_profile(
        network, any_head{wanted.auxiliary_head}, any_cuts{wanted.cuts}, wanted.batch, wanted.model, codec);
    one.speed = measured.speed;
    for (std::size_t i = 0; i < one.splits.size(); ++i) {
      one.splits[i].slow_share = measured.splits[i].slow_share;
      one.splits[i].fast_share = measured.splits[i].fast_share;
    }
    return one;
  });
}

comdml::fleet::split_profile load_profile(const std::filesystem::path& file, const std::string& wire) {
  const comdml::fleet::split_profile profile = comdml::fleet::read_profile(file);
  return by_every_wire(wire, [&](const comdml::comm::wire_codec& codec) {
    return comdml::split::recode(profile, codec, file.string());
  });
}

comdml::fleet::split_profile load_profile(const std::filesystem::path& file, const any_network& network,
                                          const profile_request& wanted) {
  comdml::fleet::split_profile profile = load_profile(file, wanted.wire);
  const auto require = [&](bool good, const std::string& what) {
    if (!good)
      throw input_error{file.string(), what, "measure it with the options of this run, or give --profile analytic"};
  };
  require(profile.model.empty() || profile.model == wanted.model,
          text("is the profile of ", profile.model, ", not of ", wanted.model));
  require(profile.batch == wanted.batch, text("is for mini-batches of ", profile.batch, " images, not ", wanted.batch));
  const auto cuts = any_cuts{wanted.cuts}.points(network);
  for (const comdml::fleet::split_cost& split : profile.splits)
    require(std::ranges::find(cuts, split.point) != cuts.end(),
            text("has a cut after ", split.point, " units, which is not one of --cuts ", wanted.cuts));
  return profile;
}

}  // namespace program
