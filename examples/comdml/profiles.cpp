// SPDX-License-Identifier: BSL-1.0
/// \file
/// Split profiles of the program's models.
#include "profiles.hpp"

#include <algorithm>
#include <iostream>
#include <string>

#include "comdml/core/errors.hpp"
#include "comdml/fleet/profile_file.hpp"
#include "comdml/split/analytic_profile.hpp"
#include "comdml/split/profile.hpp"
#include "comdml/split/recode.hpp"
#include "policies.hpp"

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

const comdml::comm::wire_codec& wire_of(const std::string& name) {
  const comdml::comm::wire_codec* const found = comdml::comm::find_codec(comdml::comm::standard_codecs, name);
  COMDML_REQUIRE(found != nullptr, "no codec is called ", name);
  return *found;
}

comdml::fleet::split_profile count_profile(const any_network& network, const profile_request& wanted) {
  return comdml::split::analytic_profile(network, any_head{wanted.auxiliary_head}, any_cuts{wanted.cuts}, wanted.batch,
                                         wanted.model, wire_of(wanted.wire));
}

comdml::fleet::split_profile measure_profile(const any_network& network, const profile_request& wanted,
                                             std::size_t repetitions) {
  const comdml::split::profile_options options{
      .repetitions = repetitions, .progress = [](std::size_t done, std::size_t all) {
        std::cerr << "measuring the split profile: pass " << done << " of " << all << std::endl;
      }};
  return comdml::split::profile(network, any_head{wanted.auxiliary_head}, any_cuts{wanted.cuts}, wanted.batch,
                                wire_of(wanted.wire), wanted.model, options);
}

comdml::fleet::split_profile load_profile(const std::filesystem::path& file, const std::string& wire) {
  comdml::fleet::split_profile profile = comdml::fleet::read_profile(file);
  return comdml::split::recode(std::move(profile), wire_of(wire), file.string());
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
