// SPDX-License-Identifier: BSL-1.0
/// \file
/// Progress and summary.
#include "progress.hpp"

#include <cmath>
#include <optional>
#include <ostream>
#include <sstream>

#include "texts.hpp"

namespace program {

using comdml::learn::round_report;
using comdml::report::time_kind;

namespace {

/// "12 s", "4 min", "1.5 h": good enough to wait by.
std::string duration(double time) {
  if (time < 100) return fixed(time, 0) + " s";
  if (time < 6000) return fixed(time / 60, 0) + " min";
  return fixed(time / 3600, 1) + " h";
}

std::string saved(const round_report& report) {
  const double alone = report.elapsed_alone.value();
  return alone > 0 ? percent(1 - report.elapsed.value() / alone) : "0 %";
}

}  // namespace

comdml::learn::verdict progress::on_round(const round_report& report) {
  const std::size_t round = report.round.value + 1;
  std::ostringstream line;
  line << "round " << round << '/' << report.rounds_planned;
  if (report.test_accuracy)
    line << "  accuracy " << percent(*report.test_accuracy) << "  loss " << fixed(*report.test_loss, 3);
  line << "  training loss " << fixed(report.train_loss, 3);
  if (time_ == time_kind::simulated)
    line << "  simulated " << fixed(report.elapsed.value(), 1) << " s, alone " << fixed(report.elapsed_alone.value(), 1)
         << " s";
  line << "  pairs";
  for (const auto& pair : report.plan.pairs) line << ' ' << pair.slow << '>' << pair.fast << '@' << pair.split;
  if (report.plan.pairs.empty()) line << " none";
  if (!report.sat_out.empty()) {
    line << "  not finite, sat out:";
    for (const auto agent : report.sat_out) line << ' ' << agent;
  }
  if (with_eta_ && round < report.rounds_planned)
    line << "  ETA "
         << duration(report.wall.value() / static_cast<double>(round) *
                     static_cast<double>(report.rounds_planned - round));
  out_ << line.str() << std::endl;
  return comdml::learn::verdict::go_on;
}

void summarize(std::ostream& out, const comdml::learn::history& history, time_kind time) {
  if (history.rounds.empty()) {
    out << "no round was finished\n";
    return;
  }
  const round_report& last = history.rounds.back();
  out << "pairs of round " << last.round.value + 1 << ":\n";
  for (const auto& pair : last.plan.pairs)
    out << "  agent " << pair.slow << " keeps " << pair.split << (pair.split.value == 1 ? " unit" : " units")
        << ", agent " << pair.fast << " trains the rest: " << fixed(pair.cost.value(), 1) << " s instead of "
        << fixed(pair.solo.value(), 1) << " s\n";
  if (!last.plan.alone.empty()) {
    out << "  alone:";
    for (const auto agent : last.plan.alone) out << ' ' << agent;
    out << '\n';
  }
  if (time == time_kind::simulated && last.elapsed == last.elapsed_alone)
    out << "simulated time: " << fixed(last.elapsed.value(), 1) << " s\n";
  else if (time == time_kind::simulated)
    out << "simulated time: " << fixed(last.elapsed.value(), 1) << " s with offloading, "
        << fixed(last.elapsed_alone.value(), 1) << " s without (" << saved(last) << " saved)\n";
  out << "wall time: " << fixed(last.wall.value(), 1) << " s, rounds: " << last.round.value + 1 << '\n';
  if (last.test_accuracy)
    out << "test accuracy: " << percent(*last.test_accuracy) << ", test loss: " << fixed(*last.test_loss, 4) << '\n';
}

}  // namespace program
