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

  /// Nothing before the first observation.
  [[nodiscard]] std::optional<Quantity> value() const {
    if (!mean_) return std::nullopt;
    return Quantity{std::exp(*mean_)};
  }

  /// Requires a finite positive value.
  void observe(Quantity seen) {
    COMDML_REQUIRE(std::isfinite(seen.value()) && seen.value() > 0, "observed ", seen.value());
    const double next = std::log(seen.value());
    if (!mean_) {
      mean_ = next;
    } else if (const double off = next - *mean_; std::abs(off) <= std::log(how_.outlier)) {
      *mean_ += how_.weight * off;
      suspect_.reset();
    } else if (suspect_ && (*suspect_ > *mean_) == (off > 0)) {
      mean_ = (*suspect_ + next) / 2;
      suspect_.reset();
    } else {
      suspect_ = next;
    }
  }

 private:
  smoothing how_;
  std::optional<double> mean_;     ///< of the logarithm
  std::optional<double> suspect_;  ///< the outlier just seen
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
