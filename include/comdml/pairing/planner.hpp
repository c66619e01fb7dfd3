// SPDX-License-Identifier: BSL-1.0
/// \file
/// Plans that follow each other.
#pragma once

#include <optional>
#include <utility>

#include "comdml/concepts.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::pairing {

/// Whether every agent that asks the policy about one instance gets the same plan. A policy for which that is not
/// certain, as a time limit may end it, says so by a function `repeatable()`; one agent then plans for all.
template <PairingPolicy Policy>
[[nodiscard]] bool repeatable(const Policy& policy) {
  if constexpr (requires { policy.repeatable(); })
    return policy.repeatable();
  else
    return true;
}

/// Plans round after round: `replan` where the policy has it, `plan` otherwise.
template <PairingPolicy Policy>
class planner {
 public:
  explicit planner(Policy policy = {}) : policy_{std::move(policy)} {}

  [[nodiscard]] bool repeatable() const { return pairing::repeatable(policy_); }

  /// The plan of the next round. Agents that were asked for the same instances before give the same one.
  [[nodiscard]] const pairing::plan& next(const fleet::instance& fleet) {
    if constexpr (requires { policy_.replan(fleet, *last_); }) {
      if (last_) {
        last_ = policy_.replan(fleet, *last_);
        return *last_;
      }
    }
    last_ = policy_.plan(fleet);
    return *last_;
  }

 private:
  Policy policy_;
  std::optional<pairing::plan> last_;
};

}  // namespace comdml::pairing
