// SPDX-License-Identifier: BSL-1.0
/// \file
/// The state of a run as a message, for an agent that did not take part in the last round: what the run has come to
/// (state_record), then weights, statistics and heads as in the join.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/learn/join.hpp"
#include "comdml/learn/records.hpp"

namespace comdml::learn {

namespace detail {

/// A vector with room for everything in a replica.
[[nodiscard]] inline join_term whole_term(const replica& state, bool with_optimizer) {
  std::vector<std::size_t> heads(state.heads.size());
  std::iota(heads.begin(), heads.end(), std::size_t{});
  return {state, std::move(heads), with_optimizer};
}

}  // namespace detail

template <Network N>
[[nodiscard]] std::vector<std::byte> write_state(const run_so_far& run, const N& net, const replica& state,
                                                 bool with_optimizer) {
  join_term term = detail::whole_term(state, with_optimizer);
  term.add_units(net, state.body, {0, net.units()}, 1);
  term.add_updates(state.body, 1);
  for (std::size_t h = 0; h < state.heads.size(); ++h) term.add_head(state, h, 1);
  return state_record(run).write(std::span<const float>{term.values()}).take();
}

/// What state_record has written. \param rounds  that the run has had \throws run_error if the message is malformed
[[nodiscard]] inline run_so_far read_record_of_run(comm::message_reader& message, std::size_t rounds) {
  run_so_far run{.activations = bytes{message.read<double>()},
                 .weights = bytes{message.read<double>()},
                 .saved = seconds{message.read<double>()}};
  if (const auto told = message.read<std::uint32_t>(); told != rounds) message.fail(text("of ", told, " rounds"));
  if (rounds > message.rest() / sizeof(double)) message.fail(text("no results of ", rounds, " rounds"));
  run.results.resize(rounds);
  for (double& accuracy : run.results) accuracy = message.read<double>();
  return run;
}

/// Fills `state`, which has the sizes of the giver's. \param rounds  that the run has had \throws run_error if the
/// message is malformed
[[nodiscard]] inline run_so_far read_state(std::span<const std::byte> data, agent_id giver, std::size_t rounds,
                                           replica& state, bool with_optimizer) {
  comm::message_reader message{data, giver};
  run_so_far run = read_record_of_run(message, rounds);
  join_term term = detail::whole_term(state, with_optimizer);
  message.read(term.values());
  message.finish();
  term.store(state);
  return run;
}

}  // namespace comdml::learn
