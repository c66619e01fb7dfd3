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

/// Whether every agent of a fleet asks the policy for the plan itself. A policy that may answer two agents differently,
/// as a time limit may end it, or that takes too long to be asked by each, says so by a function `planned_by_all()`;
/// one agent then plans for all.
template <PairingPolicy Policy>
[[nodiscard]] bool planned_by_all(const Policy& policy) {
  if constexpr (requires { policy.planned_by_all(); })
    return policy.planned_by_all();
  else
    return true;
}

/// Plans round after round: `replan` where the policy has it, `plan` otherwise.
template <PairingPolicy Policy>
class planner {
 public:
  explicit planner(Policy policy = {}) : policy_{std::move(policy)} {}

  [[nodiscard]] const Policy& policy() const noexcept { return policy_; }
  [[nodiscard]] bool planned_by_all() const { return pairing::planned_by_all(policy_); }
  /// Whether a plan follows from the last one.
  [[nodiscard]] static constexpr bool follows() noexcept {
    return requires(const Policy& policy, const fleet::instance& fleet, const pairing::plan& last) {
      policy.replan(fleet, last);
    };
  }

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

  /// The next plan does not follow from the last one.
  void forget() noexcept { last_.reset(); }
  [[nodiscard]] const std::optional<pairing::plan>& last() const noexcept { return last_; }
  /// The next plan follows from this one.
  void recall(pairing::plan last) { last_ = std::move(last); }

 private:
  Policy policy_;
  std::optional<pairing::plan> last_;
};

}  // namespace comdml::pairing
