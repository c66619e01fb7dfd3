// SPDX-License-Identifier: BSL-1.0
/// \file
/// What people read about a run: a line per round, and a summary at the end.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>

#include "comdml/learn/history.hpp"
#include "comdml/learn/round_report.hpp"
#include "comdml/report/metrics.hpp"

namespace program {

/// A line per round. `with_eta` is for a terminal, where somebody waits. Models Observer.
class progress {
 public:
  progress(std::ostream& out, comdml::report::time_kind time, bool with_eta)
      : out_{out}, time_{time}, with_eta_{with_eta} {}

  comdml::learn::verdict on_round(const comdml::learn::round_report& report);

 private:
  std::ostream& out_;
  comdml::report::time_kind time_;
  bool with_eta_;
};

/// Writes who helped whom in the last round, what it saved, and how good the model is.
void summarize(std::ostream& out, const comdml::learn::history& history, comdml::report::time_kind time);

}  // namespace program
