// SPDX-License-Identifier: BSL-1.0
/// \file
/// Nobody helps anybody: plain data-parallel training. Model of PairingPolicy.
#pragma once

#include "comdml/concepts.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::pairing {

/// Every agent trains alone.
template <CostModel Cost = fleet::overlapped>
struct none {
  [[no_unique_address]] Cost cost{};

  [[nodiscard]] pairing::plan plan(const fleet::instance& fleet) const {
    validate(fleet);
    return complete(fleet, {}, cost);
  }
};

static_assert(PairingPolicy<none<>>);

}  // namespace comdml::pairing
