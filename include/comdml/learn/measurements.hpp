// SPDX-License-Identifier: BSL-1.0
/// \file
/// What one agent's clock has shown of its own speed and its own links, and how it tells its peers.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>

#include "comdml/comm/link_measurement.hpp"
#include "comdml/comm/message.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/estimate.hpp"

namespace comdml::learn {

/// Where speeds and links in a plan come from.
enum class knowledge {
  declared,  ///< what agents were told at the start
  /// Speeds that agents observe, from the second round on; rates of links that pairs have used, measured by a short
  /// exchange between the two before the next plan. What has not been observed is as declared.
  measured,
};

/// Estimates of the own speed and of the rates of the links from this agent. Others are told integers.
class measurements {
 public:
  /// For a link of a pair: takes some milliseconds over 100 Mbps.
  static constexpr comm::link_measurement exchange{.round_trips = 2, .burst = 4, .message_size = 1 << 14};

  explicit measurements(fleet::smoothing how) : how_{how}, speed_{how} {}

  /// So much of the whole model was trained in that time. Nothing is learned from nothing.
  void observe_training(batches done, seconds time) {
    if (done.value() > 0 && time.value() > 0) speed_.observe(batches_per_second{done.value() / time.value()});
  }
  void observe_link(agent_id to, bits_per_second rate) {
    link& seen = links_.try_emplace(to, link{fleet::estimate<bits_per_second>{how_}}).first->second;
    seen.rate.observe(bits_per_second{std::clamp(rate.value(), 1.0, fastest)});
    seen.rounds_ago = 0;
  }
  /// Before a round's observations. A link that no pair has used for `remembered` rounds is as declared again: one that
  /// was slow for a while gets another chance.
  void begin_round() {
    for (auto& [to, seen] : links_) ++seen.rounds_ago;
    std::erase_if(links_, [](const auto& one) { return one.second.rounds_ago > remembered; });
  }

  /// The declared speed before the first observation. Within what fleet::make_status takes.
  [[nodiscard]] batches_per_second speed(batches_per_second declared) const {
    const auto seen = speed_.value();
    return seen ? batches_per_second{std::clamp(seen->value(), 1e-6, 1e12)} : declared;
  }

  void write_links(comm::message_writer& message) const {
    message.write(static_cast<std::uint32_t>(links_.size()));
    for (const auto& [to, seen] : links_)
      message.write(to.value).write(static_cast<std::int64_t>(std::round(seen.rate.value()->value())));
  }
  /// Replaces the rates of links that there are by what their sender, who wrote the message, observed.
  static void read_links(comm::message_reader& message, agent_id sender, link_matrix& links) {
    for (auto left = message.read<std::uint32_t>(); left > 0; --left) {
      const agent_id to{message.read<std::uint32_t>()};
      const auto rate = message.read<std::int64_t>();
      if (to.value >= links.agents() || rate <= 0) message.fail(text("a link to agent ", to, " of ", rate, " bits/s"));
      directed_link link = links(sender, to);
      if (link.rate.value() == 0) continue;
      link.rate = bits_per_second{static_cast<double>(rate)};
      links.set(sender, to, link);
    }
  }

  /// Everything, for a checkpoint.
  void write(comm::message_writer& message) const {
    write_estimate(message, speed_);
    message.write(static_cast<std::uint32_t>(links_.size()));
    for (const auto& [to, seen] : links_) {
      message.write(to.value).write(seen.rounds_ago);
      write_estimate(message, seen.rate);
    }
  }
  void read(comm::message_reader& message) {
    read_estimate(message, speed_);
    links_.clear();
    for (auto left = message.read<std::uint32_t>(); left > 0; --left) {
      const agent_id to{message.read<std::uint32_t>()};
      link seen{fleet::estimate<bits_per_second>{how_}, message.read<std::uint32_t>()};
      read_estimate(message, seen.rate);
      links_.insert_or_assign(to, seen);
    }
  }

 private:
  template <class Quantity>
  static void write_estimate(comm::message_writer& message, const fleet::estimate<Quantity>& what) {
    for (const auto& value : {what.known().mean, what.known().suspect})
      message.write(std::uint8_t{value.has_value()}).write(value.value_or(0));
  }
  template <class Quantity>
  static void read_estimate(comm::message_reader& message, fleet::estimate<Quantity>& what) {
    typename fleet::estimate<Quantity>::memory known;
    for (auto* const value : {&known.mean, &known.suspect}) {
      const bool there = message.read<std::uint8_t>() != 0;
      const auto number = message.read<double>();
      if (there && !std::isfinite(number)) message.fail("an estimate that is not a number");
      if (there) *value = number;
    }
    what.recall(known);
  }

  struct link {
    fleet::estimate<bits_per_second> rate;
    std::uint32_t rounds_ago = 0;  ///< when it was last observed
  };
  static constexpr std::uint32_t remembered = 10;
  static constexpr double fastest = 1e15;  // bits/s: an exchange too quick for the clock

  fleet::smoothing how_;
  fleet::estimate<batches_per_second> speed_;
  std::map<agent_id, link> links_;
};

}  // namespace comdml::learn
