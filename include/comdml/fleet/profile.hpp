// SPDX-License-Identifier: BSL-1.0
/// \file
/// Split profile: what a cut costs either side and the wire, relative to training the whole model.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
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

/// Throws input_error, naming `where` (a file, say) and the entry, unless the batch is positive, all numbers are finite
/// and not negative, and entries keep at least one unit and differ in cut or codec.
inline void validate(const split_profile& profile, const std::string& where = "split profile",
                     std::span<const std::size_t> lines = {}) {
  std::size_t line = 0;  // 0: not known
  const auto check = [&](bool good, const std::string& what) {
    if (!good)
      throw input_error{line == 0 ? where : text(where, ", line ", line), what,
                        "measure the profile again, or use the analytic one"};
  };
  const auto amount = [](double value) { return std::isfinite(value) && value >= 0; };
  check(profile.batch > 0, "batch is 0 images");
  check(amount(profile.speed.value()), text("speed is ", profile.speed.value(), " batches/s"));
  for (std::size_t i = 0; i < profile.splits.size(); ++i) {
    const split_cost& split = profile.splits[i];
    if (i < lines.size()) line = lines[i];
    const std::string entry = text("entry ", i, " (keeps ", split.point, " units): ");
    check(split.point.value > 0, entry + "a cut keeps at least one unit");
    check(amount(split.slow_share), entry + text("slow share is ", split.slow_share));
    check(amount(split.fast_share), entry + text("fast share is ", split.fast_share));
    check(amount(split.wire.value()), entry + text("wire is ", split.wire.value(), " bytes per batch"));
    check(amount(split.fast_side.value()), entry + text("fast side is ", split.fast_side.value(), " bytes"));
    bool twice = false;
    for (std::size_t j = 0; j < i; ++j)
      twice = twice || (profile.splits[j].point == split.point && profile.splits[j].codec == split.codec);
    check(!twice, entry + "appears twice");
  }
}

}  // namespace comdml::fleet
