// SPDX-License-Identifier: BSL-1.0
/// \file
/// What is known after a round, the same on every agent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::learn {

/// An observer's answer. One agent's `stop` ends the job on all agents after the round.
enum class verdict { go_on, stop };

/// Times and bytes are counted from the start of the job to the end of this round; bytes are sums over all agents,
/// times are the latest of them.
struct round_report {
  round_index round{};
  epoch_index epoch{};
  std::size_t rounds_planned = 0;

  /// Mean over the test images, of the averaged model; empty in a round without evaluation.
  std::optional<double> test_accuracy{};
  std::optional<double> test_loss{};
  /// Mean over the training images of this round, before each update, of the full model's loss; infinite, as test_loss,
  /// where a batch's loss was not finite or above a million.
  double train_loss = 0;
  double learning_rate = 0;

  /// End of the round on the transport's clock: simulated time under a virtual clock, real time otherwise.
  seconds elapsed{};
  /// The same rounds if nobody had been helped, by the same cost model.
  seconds elapsed_alone{};
  /// Real time.
  seconds wall{};

  bytes activation_bytes{};
  bytes weight_bytes{};

  /// Of the weights and statistics that the agent holds after the round.
  std::uint64_t digest = 0;

  pairing::plan plan{};
  /// What the members told of their speeds for it: declared ones, or what they have measured.
  std::vector<std::pair<agent_id, batches_per_second>> speeds{};
  /// Agents whose loss or weights were not finite: they sat this round's average out.
  std::vector<agent_id> sat_out{};
  /// Agents that were lost: they were to take part, and their data is missing from this round.
  std::vector<agent_id> lost{};
  /// Malformed messages, in words: their senders were taken for lost. Of this agent alone.
  std::vector<std::string> refused{};
};

/// Observes nothing.
struct no_observer {
  verdict on_round(const round_report&) { return verdict::go_on; }
};
static_assert(Observer<no_observer>);

}  // namespace comdml::learn
