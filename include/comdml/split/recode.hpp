// SPDX-License-Identifier: BSL-1.0
/// \file
/// A split profile for another wire codec than it was made with.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/profile.hpp"
#include "comdml/split/smashed_data.hpp"

namespace comdml::split {

/// The profile with activations that travel by `codec`. If it has entries with that codec, these, and no others.
/// Otherwise every fp32 entry is converted: bytes of labels and the count of images stay, as far as there are that
/// many, and those of activations shrink as the codec's values do. The shape of a cut is not in a profile, so what a
/// codec sends per channel (the scales of int8, some hundred bytes) is left out. \throws input_error, naming `where`,
/// if neither is there
template <WireCodec W>
[[nodiscard]] fleet::split_profile recode(fleet::split_profile profile, const W& codec,
                                          const std::string& where = "split profile") {
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(profile.splits, [&](const fleet::split_cost& split) { return split.codec == name; });
  };
  const auto keep_only = [&](std::string_view name) {
    std::erase_if(profile.splits, [&](const fleet::split_cost& split) { return split.codec != name; });
  };
  if (profile.splits.empty() || has(codec.name)) {
    keep_only(codec.name);
    return profile;
  }
  if (!has("fp32"))
    throw input_error{where,
                      text("has cuts by ", profile.splits.front().codec, ", none by ", codec.name,
                           codec.name == std::string_view{"fp32"} ? "" : " or fp32"),
                      "measure the profile again, by the codec that is wanted, or by fp32"};
  keep_only("fp32");
  constexpr std::size_t many = 1 << 20;
  const double width =  // bytes a value
      static_cast<double>(codec.encoded_size(2 * many, 1) - codec.encoded_size(many, 1)) / static_cast<double>(many);
  const double header = static_cast<double>(smashed_header_size(profile.batch));
  for (fleet::split_cost& split : profile.splits) {
    const double kept = split.wire.value() > header ? header : 0;
    const double values = (split.wire.value() - kept) / 4;
    split.wire = bytes_per_batch{kept + width * values};
    split.codec = codec.name;
  }
  return profile;
}

}  // namespace comdml::split
