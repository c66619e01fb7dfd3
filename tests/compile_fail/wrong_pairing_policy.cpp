// expects: (satisfaction of [^ ]*PairingPolicy<|not satisfy 'PairingPolicy')
// A policy that returns the pairs without the plan around them is refused by the checker.
#include "comdml/concepts.hpp"
#include "comdml/pairing/plan.hpp"
#include "comdml/testing/check_pairing.hpp"

struct nobody {
#ifdef COMDML_CORRECT
  comdml::pairing::plan plan(const comdml::fleet::instance& fleet) const {
    return comdml::pairing::complete(fleet, {}, comdml::fleet::overlapped{});
  }
#else
  std::vector<comdml::pairing::assignment> plan(const comdml::fleet::instance&) const { return {}; }
#endif
};

const auto found = comdml::testing::check_pairing(nobody{});
