// SPDX-License-Identifier: BSL-1.0
/// \file
/// Split profile: what a cut costs either side and the wire, relative to training the whole model.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"

namespace comdml::fleet {

/// One way to hand work over: a cut, and how its activations travel.
struct split_cost {
  split_point point;           ///< units that the slow side keeps; in a profile made elsewhere, its name for the cut
  double slow_share = 1;       ///< T_s: time of the slow side, auxiliary head included / time of the whole model
  double fast_share = 0;       ///< T_f: time of the fast side / time of the whole model
  bytes_per_batch wire;        ///< nu: activations and labels as they are sent
  bytes fast_side;             ///< parameters of the fast side, for algorithms that hand them over
  std::string codec = "fp32";  ///< WireCodec that `wire` was counted with

  friend bool operator==(const split_cost&, const split_cost&) = default;
};

/// The same ratios for every agent (Sajjadi Mohammadabadi et al., arXiv 2312.05642, section 5); measured or counted
/// once per model and batch size.
struct split_profile {
  std::string model;
  std::size_t batch = 0;           ///< images per mini-batch
  batches_per_second speed;        ///< whole model on one thread where this was measured; 0 when counted
  std::vector<split_cost> splits;  ///< in any order: a tie in a pairing goes to the earlier entry

  friend bool operator==(const split_profile&, const split_profile&) = default;
};

/// Throws input_error unless the batch is positive, all numbers are finite and not negative, and entries keep at least
/// one unit and differ in cut or codec. place(entry, field) names the place: of the profile itself where `entry` is
/// empty, and of the whole entry where `field` is.
template <std::invocable<std::optional<std::size_t>, const char*> Place>
void validate(const split_profile& profile, const Place& place) {
  std::optional<std::size_t> entry;
  const auto check = [&](bool good, const char* field, const auto&... what) {
    if (good) return;
    const split_cost* const split = entry ? &profile.splits[*entry] : nullptr;
    throw input_error{place(entry, field),
                      (split ? text("entry ", *entry, " (keeps ", split->point, " units): ") : "") + text(what...),
                      "measure the profile again, or use the analytic one"};
  };
  const auto amount = [](double value) { return std::isfinite(value) && value >= 0; };
  const double speed = profile.speed.value();
  check(profile.batch > 0, "batch", "batch is 0 images");
  check(amount(speed), "batches_per_second", "speed is ", speed, " batches/s");
  for (entry = 0; *entry < profile.splits.size(); ++*entry) {
    const split_cost& split = profile.splits[*entry];
    const double wire = split.wire.value(), fast_side = split.fast_side.value();
    check(split.point.value > 0, "point", "a cut keeps at least one unit");
    check(amount(split.slow_share), "slow_share", "slow share is ", split.slow_share);
    check(amount(split.fast_share), "fast_share", "fast share is ", split.fast_share);
    check(amount(wire), "bytes_per_batch", "wire is ", wire, " bytes per batch");
    check(amount(fast_side), "fast_side_bytes", "fast side is ", fast_side, " bytes");
    bool twice = false;
    for (std::size_t j = 0; j < *entry; ++j)
      twice = twice || (profile.splits[j].point == split.point && profile.splits[j].codec == split.codec);
    check(!twice, "", "appears twice");
  }
}

/// The same, of a profile that has one place.
inline void validate(const split_profile& profile, const std::string& where = "split profile") {
  validate(profile, [&](std::optional<std::size_t>, const char*) { return where; });
}

}  // namespace comdml::fleet
