// SPDX-License-Identifier: BSL-1.0
/// \file
/// Where classic split learning puts the upper part of a model, and where it cuts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "comdml/comm/routes.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/profile.hpp"

namespace comdml::learn {

/// An agent's part in split learning.
struct split_member {
  batches_per_second speed;
  batches work;  ///< in a round
};

/// Who holds the upper part, and the entry of the split profile that the round follows.
struct split_placement {
  agent_id server;
  std::size_t entry = 0;
  seconds estimate = seconds::infinity();  ///< of a round
};

/// Share of the whole model's training that falls to the lower part of a cut. There is no auxiliary head, so it is what
/// the upper part leaves.
[[nodiscard]] inline double lower_share(const fleet::split_cost& split) { return std::max(0.0, 1 - split.fast_share); }

/// The placement whose round is estimated to be fastest; agents take turns, so a round is a sum over agents i:
///
///     n_s / p_s + sum over i != s of  n_i (T_l / p_i + T_f / p_s + nu / r_is + nu / r_si),    T_l = 1 - T_f
///
/// with the rates of the widest paths; handing the lower part on is not counted, nor is latency. Ties: the lower agent,
/// then the earlier entry. `members[k]` is the k-th member of `ways`. \throws input_error if the profile has no such
/// cut
[[nodiscard]] inline split_placement place_split(const std::vector<split_member>& members, const comm::routes& ways,
                                                 const fleet::split_profile& profile, std::optional<agent_id> server,
                                                 std::optional<split_point> cut) {
  const auto& ids = ways.members();
  COMDML_REQUIRE(members.size() == ids.size() && !ids.empty(), members.size(), " of ", ids.size(), " members");
  split_placement best;
  bool found = false;
  for (std::size_t s = 0; s < ids.size(); ++s) {
    if (server && *server != ids[s]) continue;
    seconds alone = members[s].work / members[s].speed;
    seconds below{};
    batches above{};
    double batches_per_rate = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i == s) continue;
      below += members[i].work / members[i].speed;
      above += members[i].work;
      batches_per_rate += members[i].work.value() *
                          (1 / ways.bottleneck(ids[i], ids[s]).value() + 1 / ways.bottleneck(ids[s], ids[i]).value());
    }
    for (std::size_t e = 0; e < profile.splits.size(); ++e) {
      const fleet::split_cost& split = profile.splits[e];
      if (cut && *cut != split.point) continue;
      found = true;
      const seconds sending{8 * split.wire.value() * batches_per_rate};
      const seconds all = alone + lower_share(split) * below + split.fast_share * (above / members[s].speed) + sending;
      if (all < best.estimate) best = {ids[s], e, all};
    }
  }
  if (!found)
    throw input_error{"split learning",
                      cut ? text("no cut after ", *cut, " units in the split profile") : "the split profile is empty",
                      "choose one of the profile's cuts"};
  return best;
}

}  // namespace comdml::learn
