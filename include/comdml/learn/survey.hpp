// SPDX-License-Identifier: BSL-1.0
/// \file
/// What an agent knows of its fleet's speeds and links, and the plan that follows from it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "comdml/comm/link_measurement.hpp"
#include "comdml/comm/message.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/learn/epoch.hpp"
#include "comdml/learn/joint_planning.hpp"
#include "comdml/learn/measurements.hpp"
#include "comdml/learn/peers.hpp"
#include "comdml/learn/policies.hpp"
#include "comdml/learn/records.hpp"
#include "comdml/learn/timeline.hpp"
#include "comdml/pairing/numbering.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::learn {

template <Job J>
class survey {
 public:
  using line = peers<typename J::transport>;

  /// \param speed, memory  declared, of this agent; see membership
  survey(const settings<J>& how, const fleet::split_profile& profile, line& fleet, batches_per_second speed,
         bytes memory)
      : settings_{how},
        profile_{profile},
        fleet_{fleet},
        speed_{speed},
        spare_memory_{memory},
        planning_{how},
        seen_{how.smoothing} {}

  /// Every agent tells its speed, amount of work and memory to spare, as integers; every agent solves the same
  /// instance. A policy that can replan (pairing::steady) is given the plan of the round before. Where not all are to
  /// plan (pairing::planned_by_all), the first agent plans for them. Measured links are told, too. Whoever holds
  /// another plan is found out before anybody waits for what will not come; see peers::require_agreement. \throws
  /// run_error, disturbed \param images           that the agent trains on in this round \param done, computing  of the
  /// whole model, in its last training, and the time that this took
  [[nodiscard]] pairing::plan plan(std::size_t images, batches done, seconds computing) {
    if (measures()) measure(done, computing);
    link_matrix links = fleet_.links();
    exchange_statuses(images, measures() ? &links : nullptr);
    const pairing::numbering names{fleet_.members(), links.agents()};
    const bool shared = !measures() && fleet_.member_links() != nullptr;
    const fleet::instance instance = fleet::make_instance(
        statuses_, settings_.batch, shared ? *fleet_.member_links() : names.links(links), profile_);
    pairing::plan made = planning_.next(instance, names, fleet_);
    require_same(made);
    if (measures()) partners_ = partners_in(made);
    return made;
  }

  /// Without a plan: so that it is known how long others are to be waited for.
  void exchange_statuses(std::size_t images) { exchange_statuses(images, nullptr); }

  /// Images that a member trains on in this round.
  [[nodiscard]] std::size_t images_of(agent_id member) const {
    return static_cast<std::size_t>(statuses_[fleet_.rank_of(member)].images);
  }
  /// What the members said of their speeds when they last did.
  [[nodiscard]] std::vector<std::pair<agent_id, batches_per_second>> speeds() const {
    std::vector<std::pair<agent_id, batches_per_second>> told;
    for (std::size_t i = 0; i < statuses_.size(); ++i) told.emplace_back(tellers_[i], fleet::speed_of(statuses_[i]));
    return told;
  }
  /// Of the training of anyone without help; on so many images each, if that is told.
  [[nodiscard]] seconds longest_training(std::optional<std::size_t> images = std::nullopt) const {
    seconds longest{};
    for (const fleet::status& one : statuses_) {
      const std::size_t work = images.value_or(static_cast<std::size_t>(one.images));
      longest = std::max(longest, fleet::compute_time(1, work, settings_.batch, fleet::speed_of(one)));
    }
    return longest;
  }

  /// To be called when others take part, or links have changed.
  void members_changed() {
    std::erase_if(partners_, [&](agent_id partner) {
      return !fleet_.is_member(partner) || !linked_both_ways(fleet_.self(), partner);
    });
    if (!fleet_.is_member(fleet_.self())) partners_.clear();
  }

  /// To be called when agents come together that may not have made the last plan together: whose link was to be
  /// measured is not known alike, and nobody must wait for a partner that does not know.
  void forget_partners() noexcept { partners_.clear(); }

  [[nodiscard]] bool measures() const noexcept { return settings_.knowledge == knowledge::measured; }
  /// What the agent alone knows, for a checkpoint.
  void write(comm::message_writer& message) const {
    seen_.write(message);
    write_ids(message, partners_);
  }
  void read(comm::message_reader& message) {
    seen_.read(message);
    partners_ = read_ids(message, fleet_.links().agents());
  }
  /// What the next plan follows from, for a checkpoint; members that come together anew plan anew.
  [[nodiscard]] std::vector<std::byte> plan_memory() const {
    return fleet_.survives() ? std::vector<std::byte>{} : planning_.memory(profile_);
  }
  /// \param turnouts  at the time of that plan
  void recall_plan(std::span<const std::byte> memory, std::size_t turnouts) { planning_.recall(memory, turnouts); }

 private:
  void exchange_statuses(std::size_t images, link_matrix* measured) {
    comm::message_writer message = status_record(fleet::make_status(seen_.speed(speed_), images, spare_memory_));
    if (measured) seen_.write_links(message);
    std::vector<fleet::status> told;
    fleet_.exchange(message_kind::status, std::move(message), [&](comm::message_reader& from, agent_id sender) {
      fleet::status& status = told.emplace_back();
      status.micro_batches_per_second = from.read<std::int64_t>();
      status.images = from.read<std::int64_t>();
      status.memory = from.read<std::int64_t>();
      if (!fleet::is_possible(status)) from.fail("a speed, a number of images or a memory that cannot be");
      if (measured) measurements::read_links(from, sender, *measured);
    });
    statuses_ = std::move(told);
    tellers_ = fleet_.members();
  }

  /// What the round before has shown: the own speed, and the links to those that it was paired with.
  void measure(batches done, seconds computing) {
    seen_.begin_round();
    seen_.observe_training(done, computing);
    for (const agent_id other : partners_) {
      const seconds start = fleet_.transport().clock().now();
      const comm::measured_link found = comm::measure_link(
          fleet_.transport(), other, fleet_.tag(message_kind::link_exchange), measurements::exchange);
      fleet_.require_ok("measuring the link", other, found.result);
      fleet_.record(activity::exchange, fleet_.self(), start);
      seen_.observe_link(other, found.to.rate);
    }
  }

  [[nodiscard]] bool linked_both_ways(agent_id a, agent_id b) const {
    return fleet_.links()(a, b).rate.value() > 0 && fleet_.links()(b, a).rate.value() > 0;
  }

  /// Those that a plan pairs this agent with, as far as messages can go both ways; ascending.
  [[nodiscard]] std::vector<agent_id> partners_in(const pairing::plan& plan) const {
    std::vector<agent_id> partners;
    for (const pairing::assignment& pair : plan.pairs)
      if (linked_both_ways(pair.fast, pair.slow)) {
        if (pair.slow == fleet_.self()) partners.push_back(pair.fast);
        if (pair.fast == fleet_.self()) partners.push_back(pair.slow);
      }
    std::ranges::sort(partners);
    return partners;
  }

  void require_same(const pairing::plan& plan) {
    std::vector<std::pair<agent_id, std::uint64_t>> digests;
    fleet_.exchange(
        message_kind::plan_digest, plan_record(pairing::digest(plan)),
        [&](comm::message_reader& from, agent_id sender) { digests.emplace_back(sender, from.read<std::uint64_t>()); });
    fleet_.require_agreement("plan", digests);
  }

  const settings<J>& settings_;
  const fleet::split_profile& profile_;
  line& fleet_;
  batches_per_second speed_;
  bytes spare_memory_;
  joint_planning<J> planning_;
  measurements seen_;
  std::vector<agent_id> partners_;       ///< of the round before, if links are measured
  std::vector<fleet::status> statuses_;  ///< of the members, in their order
  std::vector<agent_id> tellers_;        ///< the members then
};

}  // namespace comdml::learn
