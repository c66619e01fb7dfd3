// SPDX-License-Identifier: BSL-1.0
/// \file
/// Learning rates over rounds. Models of Schedule.
#pragma once

#include <cmath>
#include <cstddef>

#include "comdml/concepts.hpp"

namespace comdml::nn {

/// The base rate, always.
struct constant {
  [[nodiscard]] double rate(double base) const noexcept { return base; }
  void next_round() noexcept {}
  void observe(double) noexcept {}
};

/// The base rate times factor^(rounds done / every), the quotient rounded down.
struct step {
  std::size_t every = 30;
  double factor = 0.1;
  std::size_t rounds = 0;  ///< done so far

  [[nodiscard]] double rate(double base) const {
    return every == 0 ? base : base * std::pow(factor, static_cast<double>(rounds / every));
  }
  void next_round() noexcept { ++rounds; }
  void observe(double) noexcept {}
};

/// Times `factor` after more than `patience` evaluated rounds without a better accuracy; then the count starts again
/// (the authors' setting: 0.3 after more than 10).
struct plateau {
  std::size_t patience = 10;
  double factor = 0.3;
  double best = -1;        ///< accuracy
  std::size_t waited = 0;  ///< evaluations since the best, or since the last cut
  double scale = 1;

  [[nodiscard]] double rate(double base) const noexcept { return base * scale; }
  void next_round() noexcept {}
  void observe(double accuracy) noexcept {
    if (accuracy > best) {
      best = accuracy;
      waited = 0;
    } else if (++waited > patience) {
      scale *= factor;
      waited = 0;
    }
  }
};

static_assert(Schedule<constant> && Schedule<step> && Schedule<plateau>);

}  // namespace comdml::nn
