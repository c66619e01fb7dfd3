// SPDX-License-Identifier: BSL-1.0
/// \file
/// Speeds and links as they turn out: smoothed over rounds, so that noise does not move plans, and quick to follow a
/// real change.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/instance.hpp"

namespace comdml::fleet {

/// How an estimate follows what is observed.
struct smoothing {
  double weight = .1;  ///< of a new observation; 1 forgets all before
  double outlier = 2;  ///< an observation so many times above or below the estimate is held back
};

/// A positive quantity, estimated by an exponentially weighted mean of its logarithm. An outlier is held back; if the
/// next observation is one on the same side, something has changed, and the estimate starts anew from the two.
template <class Quantity>
class estimate {
 public:
  explicit estimate(smoothing how = {}) : how_{how} {
    COMDML_REQUIRE(how.weight > 0 && how.weight <= 1 && how.outlier > 1, "weight ", how.weight, ", outlier ",
                   how.outlier);
  }

  /// All that it knows.
  struct memory {
    std::optional<double> mean{};     ///< of the logarithm
    std::optional<double> suspect{};  ///< the outlier just seen
  };
  [[nodiscard]] const memory& known() const noexcept { return known_; }
  void recall(const memory& known) { known_ = known; }

  /// Nothing before the first observation.
  [[nodiscard]] std::optional<Quantity> value() const {
    if (!known_.mean) return std::nullopt;
    return Quantity{std::exp(*known_.mean)};
  }

  /// Requires a finite positive value.
  void observe(Quantity seen) {
    COMDML_REQUIRE(std::isfinite(seen.value()) && seen.value() > 0, "observed ", seen.value());
    const double next = std::log(seen.value());
    if (!known_.mean) {
      known_.mean = next;
    } else if (const double off = next - *known_.mean; std::abs(off) <= std::log(how_.outlier)) {
      *known_.mean += how_.weight * off;
      known_.suspect.reset();
    } else if (known_.suspect && (*known_.suspect > *known_.mean) == (off > 0)) {
      known_.mean = (*known_.suspect + next) / 2;
      known_.suspect.reset();
    } else {
      known_.suspect = next;
    }
  }

 private:
  smoothing how_;
  memory known_;
};

/// What has been observed of a fleet.
class estimates {
 public:
  explicit estimates(smoothing how = {}) : how_{how} {}

  /// An agent has trained so much, of the whole model, in that time. Nothing is learned from nothing.
  void observe_work(agent_id agent, batches done, seconds time) {
    if (done.value() > 0 && time.value() > 0) speed(agent).observe(batches_per_second{done.value() / time.value()});
  }
  /// So many bytes took that time over a link, its latency not counted.
  void observe_transfer(agent_id from, agent_id to, bytes sent, seconds time) {
    if (sent.value() <= 0 || time.value() <= 0) return;
    rates_.try_emplace({from, to}, how_).first->second.observe(bits_per_second{8 * sent.value() / time.value()});
  }

  /// The instance with what is known better: speeds of observed agents, rates of observed links that exist.
  [[nodiscard]] instance apply(instance fleet) const {
    for (const auto& [agent, seen] : speeds_)
      if (agent.value < fleet.agents.size()) fleet.agents[agent.value].speed = *seen.value();
    for (const auto& [ends, seen] : rates_) {
      const auto [from, to] = ends;
      if (std::max(from, to).value >= fleet.agents.size()) continue;
      directed_link link = fleet.links(from, to);
      if (link.rate.value() == 0) continue;
      link.rate = *seen.value();
      fleet.links.set(from, to, link);
    }
    return fleet;
  }

 private:
  estimate<batches_per_second>& speed(agent_id agent) { return speeds_.try_emplace(agent, how_).first->second; }

  smoothing how_;
  std::map<agent_id, estimate<batches_per_second>> speeds_;
  std::map<std::pair<agent_id, agent_id>, estimate<bits_per_second>> rates_;
};

}  // namespace comdml::fleet
