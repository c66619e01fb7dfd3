// SPDX-License-Identifier: BSL-1.0
/// \file
/// What is simulated, and what is told of a simulated round.
#pragma once

#include <cstddef>
#include <memory>

#include "comdml/comm/codec.hpp"
#include "comdml/comm/schedule.hpp"
#include "comdml/concepts.hpp"
#include "comdml/learn/round_report.hpp"
#include "comdml/learn/timeline.hpp"
#include "comdml/pairing/greedy.hpp"

namespace comdml::simulation {

/// How models meet at the end of a round.
enum class join {
  /// As in training: the average over all, by a collective; every exchange is with all.
  all_reduce,
  /// Every agent sends its weights to its neighbors and waits for theirs (D-PSGD). Statuses go to neighbors only, and a
  /// guest hands its fast side's weights over to its helper and gets them back. Needs no way between all agents.
  neighbors,
};

/// What plans are made from.
enum class knowledge {
  declared,  ///< what agents were told at the start
  current,   ///< the speeds and links of the round, as if every change were known at once
};

/// What is simulated.
template <PairingPolicy Policy = pairing::greedy<>, Collective Sum = comm::halving_doubling>
struct settings {
  std::size_t rounds = 10;
  std::size_t batch = 50;
  std::size_t local_epochs = 1;
  bool paired = true;  ///< comdml; otherwise everyone trains alone
  simulation::join join = simulation::join::all_reduce;
  simulation::knowledge knowledge = simulation::knowledge::declared;
  Policy pairing{};  ///< join::neighbors wants a cost model with the hand-over
  Sum collective{};
  comm::wire_codec weight_wire{comm::fp32{}};  ///< of join::all_reduce
  bool report_pairs = true;                    ///< whether reports hold the plan
  /// Told what agents do when, as training tells it; of join::all_reduce only. nullptr: nobody is.
  std::shared_ptr<learn::timeline> recorder{};
};

/// What a round was like.
struct round {
  /// Without what only learning tells; the plan is empty if it is not wanted. With join::neighbors there is no common
  /// end: `elapsed` is that of the last agent.
  learn::round_report report;
  std::size_t participants = 0;  ///< that took part
  std::size_t cut_off = 0;       ///< that would have, but no way led to the others
  std::size_t pairs = 0;
  std::size_t repaired = 0;  ///< slow agents with another helper than in the round before
  double idle = 0;           ///< share of the participants' time in which they did not compute
};

}  // namespace comdml::simulation
