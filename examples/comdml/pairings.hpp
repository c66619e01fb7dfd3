// SPDX-License-Identifier: BSL-1.0
/// \file
/// Pairing policies and cost models chosen at run time. A policy is one type-erased call, so that what uses one is
/// compiled once, and the policies in one file of their own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/auction.hpp"
#include "comdml/pairing/deferred_acceptance.hpp"
#include "comdml/pairing/neighborhood.hpp"
#include "comdml/pairing/plan.hpp"
#include "comdml/pairing/planner.hpp"

namespace program {

/// Models StarCostModel.
struct any_cost {
  std::variant<comdml::fleet::overlapped, comdml::fleet::serial, comdml::fleet::handover> choice;

  [[nodiscard]] comdml::seconds solo(const comdml::fleet::instance& fleet, comdml::agent_id agent) const {
    return std::visit([&](const auto& cost) { return cost.solo(fleet, agent); }, choice);
  }
  [[nodiscard]] comdml::seconds pair(const comdml::fleet::instance& fleet, comdml::agent_id agent,
                                     comdml::agent_id helper, std::size_t entry) const {
    return std::visit([&](const auto& cost) { return cost.pair(fleet, agent, helper, entry); }, choice);
  }
  [[nodiscard]] comdml::fleet::guest_terms guest(const comdml::fleet::instance& fleet, comdml::agent_id agent,
                                                 const comdml::directed_link& to, const comdml::directed_link& back,
                                                 std::size_t entry) const {
    return std::visit([&](const auto& cost) { return cost.guest(fleet, agent, to, back, entry); }, choice);
  }
};
static_assert(comdml::StarCostModel<any_cost>);

/// A plan, and what else its policy knows.
struct explained_plan {
  comdml::pairing::plan plan;
  std::optional<comdml::seconds> bound{};              ///< no pairing is faster
  std::optional<std::vector<std::size_t>> messages{};  ///< that each agent sent to negotiate it
};

/// Models PairingPolicy, and LocalPairingPolicy for those that negotiate. By default nobody helps anybody.
class any_pairing {
 public:
  any_pairing() = default;
  template <class P>
    requires(!std::same_as<P, any_pairing> && comdml::PairingPolicy<P>)
  explicit any_pairing(P policy)
      : planned_by_all_{comdml::pairing::planned_by_all(policy)},
        solve_{[policy](const comdml::fleet::instance& fleet) -> explained_plan {
          if constexpr (requires { policy.solve(fleet).bound; }) {
            auto result = policy.solve(fleet);
            return {std::move(result.plan), result.bound};
          } else if constexpr (requires { policy.solve(fleet).messages; }) {
            auto result = policy.solve(fleet);
            return {std::move(result.plan), std::nullopt, std::move(result.messages)};
          } else {
            return {policy.plan(fleet)};
          }
        }} {
    if constexpr (requires(const comdml::fleet::instance& fleet, const comdml::pairing::plan& last) {
                    policy.replan(fleet, last);
                  })
      replan_ = [policy](const comdml::fleet::instance& fleet, const comdml::pairing::plan& last) {
        return policy.replan(fleet, last);
      };
    if constexpr (std::constructible_from<local_policy, P>) local_.emplace(policy);
  }

  [[nodiscard]] explained_plan solve(const comdml::fleet::instance& fleet) const {
    return solve_ ? solve_(fleet) : explained_plan{comdml::pairing::complete(fleet, {}, any_cost{})};
  }
  [[nodiscard]] comdml::pairing::plan plan(const comdml::fleet::instance& fleet) const { return solve(fleet).plan; }
  [[nodiscard]] comdml::pairing::plan replan(const comdml::fleet::instance& fleet,
                                             const comdml::pairing::plan& last) const {
    return replan_ ? replan_(fleet, last) : plan(fleet);
  }
  [[nodiscard]] bool planned_by_all() const noexcept { return planned_by_all_; }

  /// Whether agents make the pairs themselves; the next three are for those only.
  [[nodiscard]] bool negotiates() const noexcept { return local_.has_value(); }
  [[nodiscard]] comdml::pairing::neighborhood view(const comdml::fleet::instance& fleet, comdml::agent_id self) const {
    return std::visit([&](const auto& policy) { return policy.view(fleet, self); }, local_.value());
  }
  template <comdml::Transport T>
  [[nodiscard]] comdml::pairing::negotiated negotiate(T& transport, comdml::pairing::neighborhood view,
                                                      const comdml::comm::tag& what) const {
    return std::visit([&](const auto& policy) { return policy.negotiate(transport, std::move(view), what); },
                      local_.value());
  }
  [[nodiscard]] comdml::pairing::negotiated_plan agreed(const comdml::fleet::instance& fleet,
                                                        const std::vector<comdml::pairing::negotiated>& results) const {
    return std::visit([&](const auto& policy) { return policy.agreed(fleet, results); }, local_.value());
  }

 private:
  using local_policy = std::variant<comdml::pairing::auction<any_cost>, comdml::pairing::deferred_acceptance<any_cost>>;

  bool planned_by_all_ = true;
  std::function<explained_plan(const comdml::fleet::instance&)> solve_;
  std::function<comdml::pairing::plan(const comdml::fleet::instance&, const comdml::pairing::plan&)> replan_;
  std::optional<local_policy> local_;
};
static_assert(comdml::PairingPolicy<any_pairing>);

/// How the options name a policy.
struct pairing_choice {
  std::string policy = "greedy";  ///< a value of --pairing
  std::string cost = "overlapped";
  double time_limit = 10;  ///< in seconds, for milp
  std::uint64_t seed = 1;  ///< for random
  bool steady = false;     ///< pairs stay together unless changing them gains enough
  double minimum_gain = .1;
  double move_cost = 0;        ///< in seconds
  double optimizer_slots = 1;  ///< values per parameter of a guest that a helper must hold: momentum 1, AMSGrad 3
};

/// Values that --pairing knows, for people.
[[nodiscard]] const std::string& pairing_values();
/// What is wrong with a value of --pairing, with the remedy; that the program was built without GLPK, too.
[[nodiscard]] std::string pairing_check(const std::string& written);

[[nodiscard]] const std::vector<std::string>& cost_names();
/// Requires one of cost_names().
[[nodiscard]] any_cost make_cost(const std::string& name, double optimizer_slots);

/// Requires a choice whose values passed the checks.
[[nodiscard]] any_pairing make_pairing(const pairing_choice& choice);

/// The licence that this program is under as it was built, GLPK's included if it is in it.
[[nodiscard]] std::string license();

}  // namespace program
