// SPDX-License-Identifier: BSL-1.0
/// \file
/// Pairing policies by name.
#include "pairings.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "comdml/core/errors.hpp"
#include "comdml/pairing/auction.hpp"
#include "comdml/pairing/bottleneck.hpp"
#include "comdml/pairing/deferred_acceptance.hpp"
#include "comdml/pairing/greedy.hpp"
#include "comdml/pairing/none.hpp"
#ifdef COMDML_HAS_GLPK
#include "comdml/pairing/milp.hpp"
#endif
#include "comdml/pairing/random.hpp"
#include "comdml/pairing/star.hpp"
#include "comdml/pairing/steady.hpp"
#include "texts.hpp"

namespace program {

namespace pairing = comdml::pairing;

namespace {

/// A policy by its name. `star:K` is called "star".
struct entry {
  const char* name;
  const char* written;  ///< in --pairing
  any_pairing (*make)(const pairing_choice& choice, const any_cost& cost);
};

constexpr std::string_view star_prefix = "star:";

/// The K of star:K, from 1; nothing for anything else.
std::optional<std::size_t> star_guests(std::string_view written) {
  if (!written.starts_with(star_prefix)) return std::nullopt;
  const auto guests = to_count(written.substr(star_prefix.size()));
  return guests && *guests > 0 && *guests <= 1'000'000 ? guests : std::nullopt;
}

constexpr entry entries[]{
    {"bottleneck", "bottleneck",
     [](const pairing_choice&, const any_cost& cost) {
       return any_pairing{pairing::bottleneck<any_cost>{.cost = cost}};
     }},
    {"greedy", "greedy",
     [](const pairing_choice&, const any_cost& cost) { return any_pairing{pairing::greedy<any_cost>{.cost = cost}}; }},
    {"star", "star:K (up to K guests a helper)",
     [](const pairing_choice& choice, const any_cost& cost) {
       return any_pairing{pairing::star<any_cost>{.cost = cost, .guests = *star_guests(choice.policy)}};
     }},
    {"random", "random",
     [](const pairing_choice& choice, const any_cost& cost) {
       return any_pairing{pairing::random<any_cost>{.cost = cost, .seed = choice.seed}};
     }},
    {"auction", "auction",
     [](const pairing_choice&, const any_cost& cost) { return any_pairing{pairing::auction<any_cost>{.cost = cost}}; }},
    {"deferred_acceptance", "deferred_acceptance",
     [](const pairing_choice&, const any_cost& cost) {
       return any_pairing{pairing::deferred_acceptance<any_cost>{.cost = cost}};
     }},
#ifdef COMDML_HAS_GLPK
    {"milp", "milp",
     [](const pairing_choice& choice, const any_cost& cost) {
       return any_pairing{pairing::milp<any_cost>{.cost = cost, .time_limit = comdml::seconds{choice.time_limit}}};
     }},
#endif
    {"none", "none",
     [](const pairing_choice&, const any_cost& cost) { return any_pairing{pairing::none<any_cost>{.cost = cost}}; }},
};

/// nullptr if there is none.
const entry* find(const std::string& written) {
  const std::string_view name = star_guests(written) ? "star" : written == "star" ? "" : std::string_view{written};
  const auto* const found = std::ranges::find_if(entries, [&](const entry& one) { return name == one.name; });
  return found == std::end(entries) ? nullptr : found;
}

}  // namespace

const std::string& pairing_values() {
  static const std::string values = [] {
    std::string all;
    for (const entry& one : entries) all += comdml::text(all.empty() ? "" : ", ", one.written);
    return all;
  }();
  return values;
}

std::string pairing_check(const std::string& written) {
  if (find(written) != nullptr) return {};
  if (written == "milp")
    return "\"milp\" needs GLPK, which this program was built without\n  remedy: install GLPK (Debian: libglpk-dev) "
           "and "
           "configure again with -DCOMDML_WITH_GLPK=ON, or give bottleneck, which finds the same optimum";
  return comdml::text('"', written, "\" is not known\n  remedy: give one of ", pairing_values());
}

const std::vector<std::string>& cost_names() {
  static const std::vector<std::string> names{"overlapped", "serial", "handover"};
  return names;
}

any_cost make_cost(const std::string& name, double optimizer_slots) {
  const comdml::fleet::guest_memory memory{.optimizer_slots = optimizer_slots};
  if (name == "serial") return {comdml::fleet::serial{.memory = memory}};
  if (name == "handover") return {comdml::fleet::handover{.memory = memory}};
  return {comdml::fleet::overlapped{.memory = memory}};
}

any_pairing make_pairing(const pairing_choice& choice) {
  const entry* const chosen = find(choice.policy);
  COMDML_REQUIRE(chosen != nullptr, "no policy is called ", choice.policy);
  const any_cost cost = make_cost(choice.cost, choice.optimizer_slots);
  any_pairing policy = chosen->make(choice, cost);
  if (!choice.steady) return policy;
  return any_pairing{pairing::steady<any_pairing, any_cost>{.policy = std::move(policy),
                                                            .cost = cost,
                                                            .minimum_gain = choice.minimum_gain,
                                                            .move_cost = comdml::seconds{choice.move_cost}}};
}

std::string license() {
#ifdef COMDML_HAS_GLPK
  return "GNU GPL 3 or later as a whole, because it was built with GLPK (--pairing milp); comdml's own code: Boost "
         "Software License 1.0";
#else
  return "Boost Software License 1.0 (built without GLPK, so without --pairing milp)";
#endif
}

}  // namespace program
