// SPDX-License-Identifier: BSL-1.0
/// \file
/// Pairing policies by name.
#include "pairings.hpp"

#include <optional>

#include "comdml/core/errors.hpp"
#include "comdml/pairing/bottleneck.hpp"
#include "comdml/pairing/greedy.hpp"
#include "comdml/pairing/none.hpp"
#include "texts.hpp"

namespace program {

namespace pairing = comdml::pairing;

const std::string& pairing_values() {
  static const std::string values = "bottleneck, greedy, none";
  return values;
}

std::string pairing_check(const std::string& written) {
  for (const char* const name : {"bottleneck", "greedy", "none"})
    if (written == name) return {};
  return comdml::text('"', written, "\" is not known\n  remedy: give one of ", pairing_values());
}

const std::vector<std::string>& cost_names() {
  static const std::vector<std::string> names{"overlapped", "serial", "handover"};
  return names;
}

any_cost make_cost(const std::string& name) {
  if (name == "serial") return {comdml::fleet::serial{}};
  if (name == "handover") return {comdml::fleet::handover{}};
  return {comdml::fleet::overlapped{}};
}

any_pairing make_pairing(const pairing_choice& choice) {
  const any_cost cost = make_cost(choice.cost);
  if (choice.policy == "bottleneck") return any_pairing{pairing::bottleneck<any_cost>{cost}};
  if (choice.policy == "greedy") return any_pairing{pairing::greedy<any_cost>{cost}};
  return any_pairing{pairing::none<any_cost>{cost}};
}

std::string license() { return "Boost Software License 1.0"; }

}  // namespace program
