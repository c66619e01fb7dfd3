// SPDX-License-Identifier: BSL-1.0
/// \file
/// D-PSGD (Lian et al., "Can decentralized algorithms outperform centralized algorithms?", NeurIPS 2017): after every
/// mini-batch each agent averages its model with those of its neighbors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/units.hpp"
#include "comdml/learn/mixing.hpp"
#include "comdml/learn/peers.hpp"

namespace comdml::learn {

/// A round of D-PSGD: as many iterations as the agent with most images has mini-batches, the same for all; agents with
/// fewer go through theirs again. An iteration is
///
///     x_i <- sum_j W_ij x_j - rate grad F_i(x_i)
///
/// with Metropolis-Hastings weights W, the optimizer's step standing for the last term. Weights travel to direct
/// neighbors only, while the gradient is computed. Statistics of batch normalization, which no training reads, are
/// averaged with W at the end of a round. Models differ from agent to agent. Models Algorithm.
///
/// Requires links that go both ways to connect all agents (mutually_connected): run_error otherwise.
struct dpsgd {
  /// Iterations from one averaging to the next; the last one of a round averages in any case.
  std::size_t mix_every = 1;

  template <class Session>
  auto round(Session& agent) const {
    COMDML_REQUIRE(mix_every > 0, "averaging every ", mix_every, " iterations");
    auto& fleet = agent.fleet();
    auto& mine = agent.training();
    if (fleet.round().value == 0 && fleet.rank_of(fleet.self()) == 0 && !mutually_connected(fleet.links()))
      throw run_error{"D-PSGD averages over links that go both ways, and these do not connect all agents"};
    const std::vector<std::pair<agent_id, double>> row = metropolis_weights(fleet.links(), fleet.self());
    const std::size_t iterations = most_batches(fleet, mine.batches_of_round());
    bytes sent{};
    mine.start(agent.committed(), agent.learning_rate(), fleet.round());
    auto& model = mine.trained.body.model;
    for (std::size_t i = 1; i <= iterations; ++i) {
      const bool mixing = i % mix_every == 0 || i == iterations;
      const std::vector<float> before = mixing ? model.parameters : std::vector<float>{};
      if (mixing) sent += send(fleet, row, before);
      mine.step();
      if (mixing) mix(fleet, row, before, model.parameters);
    }
    mine.finish();
    sent += send(fleet, row, model.statistics);
    const std::vector<float> own = model.statistics;
    mix(fleet, row, own, model.statistics);
    agent.keep_own(sent);
    return agent.everyone_alone();
  }

 private:
  using weights = std::vector<std::pair<agent_id, double>>;

  template <class Fleet>
  static std::size_t most_batches(Fleet& fleet, std::size_t own) {
    comm::message_writer message;
    message.write(std::uint64_t{own});
    std::uint64_t most = 0;
    fleet.exchange(message_kind::status, std::move(message), [&](comm::message_reader& from, agent_id) {
      most = std::max(most, from.template read<std::uint64_t>());
    });
    return static_cast<std::size_t>(most);
  }

  template <class Fleet>
  static bytes send(Fleet& fleet, const weights& row, std::span<const float> values) {
    bytes sent{};
    for (const auto& [other, weight] : row) {
      if (other == fleet.self()) continue;
      comm::message_writer message;
      message.write(values);
      fleet.require_ok("sending weights", other,
                       fleet.transport().send(other, fleet.tag(message_kind::neighbor_weights), message.take(),
                                              seconds::infinity()));
      sent += bytes{static_cast<double>(values.size_bytes())};
    }
    return sent;
  }

  /// values += sum_j W_ij sent_j - sent_i, where `sent` is what this agent has sent; in double, ascending by id.
  template <class Fleet>
  static void mix(Fleet& fleet, const weights& row, std::span<const float> sent, std::span<float> values) {
    std::vector<double> sum(values.size());
    std::vector<float> theirs(values.size());
    for (const auto& [other, weight] : row) {
      std::span<const float> term = sent;
      if (other != fleet.self()) {
        const auto got =
            fleet.transport().receive(other, fleet.tag(message_kind::neighbor_weights), seconds::infinity());
        fleet.require_ok("receiving weights", other, got.result);
        comm::message_reader reader{got.data, other};
        reader.read(theirs);
        reader.finish();
        term = theirs;
      }
      for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += weight * static_cast<double>(term[k]);
    }
    for (std::size_t k = 0; k < sum.size(); ++k)
      values[k] = static_cast<float>(sum[k] + (static_cast<double>(values[k]) - static_cast<double>(sent[k])));
  }
};

}  // namespace comdml::learn
