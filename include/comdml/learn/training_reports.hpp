// SPDX-License-Identifier: BSL-1.0
/// \file
/// What agents tell each other when all have trained: whose part of the round's result is there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/learn/epoch.hpp"
#include "comdml/learn/evaluate.hpp"
#include "comdml/learn/local_training.hpp"
#include "comdml/learn/peers.hpp"
#include "comdml/learn/records.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::learn {

/// What one agent has trained.
struct training_report {
  std::int64_t images = 0;
  bool finite = false;
  std::vector<agent_id> broken_guests;  ///< whose tail, trained by this agent, is not finite, or not whole
  bool own_tail = false;                ///< whether it was to be helped, and did without
};

/// What all have.
struct trained_fleet {
  std::vector<training_report> reports;  ///< in the order of the members
  double mean_loss = 0;
  seconds end{};        ///< of the last one
  seconds end_alone{};  ///< had nobody been helped
  // where somebody may be lost
  seconds longest{};  ///< of anyone
  roster asking{};    ///< who wants to take part

  /// Whether both halves of a member's model are there and finite.
  template <class Fleet>
  [[nodiscard]] bool has_whole_model(const pairing::plan& plan, const Fleet& fleet, agent_id member) const {
    const training_report& own = reports[fleet.rank_of(member)];
    const pairing::assignment* pair = pair_of(plan, member);
    if (!own.finite || pair == nullptr || own.own_tail) return own.finite;
    return fleet.is_member(pair->fast) &&
           std::ranges::count(reports[fleet.rank_of(pair->fast)].broken_guests, member) == 0;
  }
};

/// \param training  a local_training \param images  that this agent owns
template <class Fleet, class Training>
[[nodiscard]] trained_fleet exchange_training_reports(Fleet& fleet, const Training& training, std::size_t images) {
  evaluation loss = training.own_loss;
  std::vector<agent_id> broken = training.dropped;
  for (const auto& guest : training.guests) {
    loss += guest.loss;
    if (!guest.finite) broken.push_back(guest.id);
  }
  comm::message_writer message = training_record({.images = static_cast<std::int64_t>(images),
                                                  .finite = training.finite,
                                                  .loss = loss,
                                                  .end = training.end,
                                                  .end_alone = training.begin + training.cost(1, training.work()),
                                                  .broken_guests = broken});
  if (fleet.survives()) {
    message.write(std::uint8_t{training.own_tail}).write((training.end - training.begin).value());
    roster asking;
    for (const auto& [id, life] : fleet.transport().asking()) asking.take_in(id, life);
    write_roster(message, asking);
  }

  trained_fleet all;
  evaluation sum;
  fleet.exchange(message_kind::training_report, std::move(message), [&](comm::message_reader& from, agent_id) {
    training_report& report = all.reports.emplace_back();
    report.images = from.read<std::int64_t>();
    if (!fleet::are_possible_images(report.images)) from.fail(text(report.images, " images"));
    report.finite = from.read<std::uint8_t>() != 0;
    evaluation part;
    part.loss_micro = from.read<std::int64_t>();
    part.seen = from.read<std::int64_t>();
    require_possible(from, part);
    sum += part;
    all.end = std::max(all.end, read_duration(from));
    all.end_alone = std::max(all.end_alone, read_duration(from));
    for (auto left = from.read<std::uint32_t>(); left > 0; --left)
      report.broken_guests.push_back(agent_id{from.read<std::uint32_t>()});
    if (!fleet.survives()) return;
    report.own_tail = from.read<std::uint8_t>() != 0;
    all.longest = std::max(all.longest, read_duration(from));
    const roster asking = read_roster(from, fleet.links().agents());
    for (std::size_t i = 0; i < asking.ids.size(); ++i) all.asking.take_in(asking.ids[i], asking.lives[i]);
  });
  fleet.record_wait(training.end, all.end);
  all.mean_loss = sum.mean_loss();
  return all;
}

}  // namespace comdml::learn
