// SPDX-License-Identifier: BSL-1.0
/// \file
/// Lines of an agent's log.
#include "agent_watch.hpp"

#include <algorithm>
#include <sstream>
#include <string>

#include "comdml/core/errors.hpp"
#include "texts.hpp"

namespace program {

using comdml::agent_id;
using comdml::text;
using kind = comdml::comm::remote_event_kind;

namespace {

log_level level_of(kind what) {
  switch (what) {
    case kind::connected:
    case kind::restarted:
    case kind::left:
    case kind::duplicate:
    case kind::stale:
      return log_level::info;
    case kind::disconnected:
      return log_level::warning;
    case kind::closed:
    case kind::out_of_order:  // after a cut what was under way is sent again
      return log_level::debug;
    default:
      return log_level::warning;
  }
}

bool may_be_told_at_once(kind what) {
  return what == kind::connected || what == kind::disconnected || what == kind::restarted || what == kind::left;
}

}  // namespace

void agent_watch::on_event(const comdml::comm::remote_event& event) {
  const log_level level = level_of(event.kind);
  const bool refused = level == log_level::warning && event.kind != kind::disconnected;
  std::string line = text(refused ? "refused: " : "", comdml::comm::name_of(event.kind));
  if (event.peer) line += text(", agent ", *event.peer);
  if (!event.what.empty()) line += ": " + event.what;
  if (!may_be_told_at_once(event.kind)) {
    constexpr std::chrono::seconds pause{10};
    const auto now = clock::now();
    const auto [at, first] = told_.try_emplace({event.kind, event.peer});
    repeated& before = at->second;
    if (!first && now - before.told < pause) return void(++before.since);
    if (before.since > 0) line += text(" (", before.since, " more before)");
    before = {now, 0};
  }
  if (refused) board_.note_error(line);
  log_.write(level, line);
}

void agent_watch::on_round(const comdml::learn::round_report& report) {
  const std::uint32_t round = report.round.value + 1;
  const std::vector<agent_id> members = members_of(report);
  if (!last_round_ && round > 1) log_.write(log_level::info, text("taken in by the running fleet in round ", round));
  if (last_round_ && round > *last_round_ + 1)
    log_.write(log_level::warning,
               text("was lost to the others for rounds ", *last_round_ + 1, " to ", round - 1, ", and is back"));
  for (const std::string& refused : report.refused) {
    const std::string line = "refused: " + refused;
    board_.note_error(line);
    log_.write(log_level::warning, line);
  }
  for (const agent_id lost : report.lost) {
    const std::string line = text("round ", round, ": agent ", lost, " was lost, its data is missing");
    board_.note_error(line);
    log_.write(log_level::warning, line);
  }
  if (last_round_)
    for (const agent_id one : members)
      if (!std::ranges::binary_search(members_, one))
        log_.write(log_level::info, text("round ", round, ": agent ", one, " takes part again"));
  members_ = members;
  last_round_ = round;

  std::ostringstream line;
  line << "round " << round << '/' << report.rounds_planned << " committed, digest " << hexadecimal(report.digest);
  if (report.test_accuracy) line << ", accuracy " << percent(*report.test_accuracy);
  line << ", training loss " << fixed(report.train_loss, 3) << ", " << fixed(report.elapsed.value(), 1)
       << " s, members";
  for (const agent_id one : members) line << ' ' << one;
  line << ", pairs";
  for (const auto& pair : report.plan.pairs) line << ' ' << pair.slow << '>' << pair.fast << '@' << pair.split;
  if (report.plan.pairs.empty()) line << " none";
  log_.write(log_level::info, line.str());
  board_.on_round(report);
}

}  // namespace program
