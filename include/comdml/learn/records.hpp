// SPDX-License-Identifier: BSL-1.0
/// \file
/// The small records that agents exchange in a round, as they are written. Training sends them, and a simulation counts
/// their bytes: one definition for both.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/learn/evaluate.hpp"

namespace comdml::learn {

/// Counts that a peer tells: not more right than seen, and not more than a sum can hold. The loss may be anything.
inline void require_possible(const comm::message_reader& message, const evaluation& told) {
  constexpr std::int64_t most = std::int64_t{1} << 40;
  if (told.right < 0 || told.right > told.seen || told.seen > most)
    message.fail(text(told.right, " right of ", told.seen, " images"));
}

/// Before planning. What was measured of links may follow.
[[nodiscard]] inline comm::message_writer status_record(const fleet::status& own) {
  comm::message_writer message;
  message.write(own.micro_batches_per_second).write(own.images).write(own.memory);
  return message;
}

/// After planning.
[[nodiscard]] inline comm::message_writer plan_record(std::uint64_t digest) {
  comm::message_writer message;
  message.write(digest);
  return message;
}

/// What an agent has trained in a round.
struct training_summary {
  std::int64_t images = 0;
  bool finite = true;
  evaluation loss{};  ///< its guests' included
  seconds end{};
  seconds end_alone{};  ///< had it trained its whole model
  std::span<const agent_id> broken_guests{};
};
[[nodiscard]] inline comm::message_writer training_record(const training_summary& own) {
  comm::message_writer message;
  message.write(own.images).write(std::uint8_t{own.finite});
  message.write(own.loss.loss_micro).write(own.loss.seen);
  message.write(own.end.value()).write(own.end_alone.value());
  message.write(static_cast<std::uint32_t>(own.broken_guests.size()));
  for (const agent_id id : own.broken_guests) message.write(id.value);
  return message;
}

/// What an agent tells at the end of a round.
struct round_summary {
  evaluation test{};
  bytes activations{};
  bytes weights{};
  seconds now{};
  std::uint64_t digest = 0;  ///< of the weights
};
[[nodiscard]] inline comm::message_writer round_record(const round_summary& own) {
  comm::message_writer message;
  message.write(own.test.seen).write(own.test.right).write(own.test.loss_micro);
  message.write(own.activations.value()).write(own.weights.value());
  message.write(own.now.value()).write(own.digest);
  return message;
}

/// What a run has come to.
struct run_so_far {
  bytes activations{};
  bytes weights{};
  seconds saved{};
  std::vector<double> results{};  ///< test accuracy by round; not-a-number where nothing was evaluated
};
[[nodiscard]] inline comm::message_writer state_record(const run_so_far& run) {
  comm::message_writer message;
  message.write(run.activations.value()).write(run.weights.value()).write(run.saved.value());
  message.write(static_cast<std::uint32_t>(run.results.size()));
  for (const double accuracy : run.results) message.write(accuracy);
  return message;
}

/// Whether an agent wants to end the job.
[[nodiscard]] inline comm::message_writer verdict_record(bool stop) {
  comm::message_writer message;
  message.write(std::uint8_t{stop});
  return message;
}

}  // namespace comdml::learn
