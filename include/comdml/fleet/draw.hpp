// SPDX-License-Identifier: BSL-1.0
/// \file
/// Fleets by name: the published one, the authors' speeds, two agents, even ones, and log-uniform ones.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/random.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/fleet.hpp"

namespace comdml::fleet {

/// Numbers to draw from.
struct supply {
  std::vector<double> values;
  /// Not these values, but anything between the first and the last, log-uniformly, to two digits. They must be
  /// positive.
  bool log_uniform = false;

  [[nodiscard]] double draw(random_stream& rng) const {
    if (!log_uniform) return values[rng.below(values.size())];
    const double value = std::exp(rng.uniform(std::log(values.front()), std::log(values.back())));
    const double digit =
        std::pow(10.0, std::floor(std::log10(value)) - 1);  // the fewer kinds of links, the sooner planned
    return std::clamp(std::round(value / digit) * digit, values.front(), values.back());
  }
};

/// Pairs of agents, the lower id first.
using agent_pairs = std::vector<std::pair<agent_id, agent_id>>;

/// Options of fleet::draw; those of the published setting by default (method.md section 6).
struct draw_options {
  std::size_t agents = 10;
  std::uint64_t seed = 1;
  /// Batches per second; agent i has the (i mod size)-th, so the shares of all are even, unless log-uniform.
  supply speeds{{4, 2, 1, .5, .2}};
  supply megabits{{0, 10, 20, 50, 100}};  ///< per second, of a link; 0 = none
  seconds latency{};                      ///< of every link
  bool asymmetric = false;                ///< each direction of a link is drawn for itself
  /// Who is linked, if not everyone may be (comm/topology.hpp): these pairs are, so 0 is never drawn.
  std::optional<agent_pairs> pairs{};
};

/// Draws a fleet. Where links may be missing, all are drawn again until the fleet is connected. \throws run_error if it
/// is not after 1000 draws
[[nodiscard]] inline description draw(const draw_options& options) {
  COMDML_REQUIRE(options.agents > 0, "a fleet without agents");
  for (const supply* const one : {&options.speeds, &options.megabits})
    COMDML_REQUIRE(!one->values.empty() && (!one->log_uniform || one->values.front() > 0), "nothing to draw from");
  description fleet{.agents = {}, .links = {}, .seed = options.seed};
  random_stream rng{options.seed, purpose::fleet};
  for (std::size_t i = 0; i < options.agents; ++i) {
    const supply& speeds = options.speeds;
    const double speed = speeds.log_uniform ? speeds.draw(rng) : speeds.values[i % speeds.values.size()];
    COMDML_REQUIRE(std::isfinite(speed) && speed > 0, "speed ", speed);
    fleet.agents.push_back({batches_per_second{speed}});
  }
  supply rates = options.megabits;
  if (options.pairs) std::erase(rates.values, 0.0);
  const auto next = [&] {
    const double rate = rates.draw(rng);
    return directed_link{.rate = megabits_per_second(rate), .latency = rate > 0 ? options.latency : seconds{}};
  };
  const auto join = [&](agent_id a, agent_id b) {
    fleet.links.set(a, b, next());
    fleet.links.set(b, a, options.asymmetric ? next() : fleet.links(a, b));
  };
  for (int tries = 0; tries < 1000; ++tries) {
    fleet.links = link_matrix{options.agents};
    if (options.pairs) {
      for (const auto& [a, b] : *options.pairs) join(a, b);
      return fleet;
    }
    for (std::uint32_t a = 0; a < options.agents; ++a)
      for (std::uint32_t b = a + 1; b < options.agents; ++b) join(agent_id{a}, agent_id{b});
    if (connected(fleet.links)) return fleet;
  }
  throw run_error{text("no connected fleet of ", options.agents, " agents in 1000 draws with seed ", options.seed)};
}

/// Options of fleet::paper.
struct paper_options {
  std::size_t agents = 10;
  std::uint64_t seed = 1;
  double rate = 1;  ///< multiplies the speeds
};

/// The published setting (method.md section 6): agent i has the (i mod 5)-th of the speeds 4, 2, 1, .5, .2 batches/s,
/// so 20 % of the agents each; the link of each pair is drawn evenly from 0, 10, 20, 50, 100 Mbps, alike in both
/// directions and without latency, and all links are drawn again until the fleet is connected.
[[nodiscard]] inline description paper(const paper_options& options = {}) {
  COMDML_REQUIRE(std::isfinite(options.rate) && options.rate > 0, "rate ", options.rate);
  draw_options all{.agents = options.agents, .seed = options.seed};
  for (double& speed : all.speeds.values) speed = options.rate * speed;
  return draw(all);
}

/// The speeds of the authors' code, 27, 21, 12, 6.5 and 3.2 over 4 batches/s, with the published links.
[[nodiscard]] inline draw_options authors() { return {.speeds = {{6.75, 5.25, 3, 1.625, .8}}}; }

/// A fast and a slow agent, by turns: agent 0 makes `ratio` times the .5 batches/s of agent 1; 100 Mbps.
[[nodiscard]] inline draw_options two(double ratio = 4) {
  COMDML_REQUIRE(std::isfinite(ratio) && ratio > 0, "ratio ", ratio);
  return {.agents = 2, .speeds = {{.5 * ratio, .5}}, .megabits = {{100}}};
}

/// Speeds and links log-uniform between these bounds.
struct bounds {
  double slowest = .2;  ///< batches per second
  double fastest = 4;
  double narrowest = 10;  ///< Mbps
  double widest = 100;
};
[[nodiscard]] inline draw_options log_uniform(const bounds& within = {}) {
  COMDML_REQUIRE(0 < within.slowest && within.slowest <= within.fastest && 0 < within.narrowest &&
                     within.narrowest <= within.widest,
                 "speeds from ", within.slowest, " to ", within.fastest, ", rates from ", within.narrowest, " to ",
                 within.widest);
  return {.speeds = {{within.slowest, within.fastest}, true}, .megabits = {{within.narrowest, within.widest}, true}};
}

/// Options of fleet::uniform.
struct uniform_options {
  std::size_t agents = 10;
  batches_per_second speed{1};
  bits_per_second bandwidth = megabits_per_second(100);
};

/// Agents of one speed; every pair is linked at the same bandwidth, without latency.
[[nodiscard]] inline description uniform(const uniform_options& options = {}) {
  COMDML_REQUIRE(options.bandwidth.value() > 0, "bandwidth ", options.bandwidth.value());
  return draw(
      {.agents = options.agents, .speeds = {{options.speed.value()}}, .megabits = {{options.bandwidth.value() / 1e6}}});
}

}  // namespace comdml::fleet
