// SPDX-License-Identifier: BSL-1.0
/// \file
/// How a job went.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/learn/round_report.hpp"
#include "comdml/nn/layer.hpp"

namespace comdml::learn {

/// What is left of a job when it is over.
struct history {
  std::vector<round_report> rounds;
  /// Weights and statistics after the last committed round; the initial ones if there was none.
  nn::model_state<float> state;
  bool target_reached = false;
  /// The embedding program asked for a stop; rounds that were not committed left no trace.
  bool interrupted = false;
};

/// A run that could not go on, with what it had reached: fleet_trainer throws it.
class incomplete_run : public run_error {
 public:
  incomplete_run(const std::string& what, history reached)
      : run_error{what}, reached_{std::make_shared<const history>(std::move(reached))} {}

  /// The committed rounds, and the state after the last of them.
  [[nodiscard]] const history& reached() const noexcept { return *reached_; }

 private:
  std::shared_ptr<const history> reached_;  // copying an exception must not throw
};

}  // namespace comdml::learn
