// SPDX-License-Identifier: BSL-1.0
/// \file
/// How a job went.
#pragma once

#include <vector>

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

}  // namespace comdml::learn
