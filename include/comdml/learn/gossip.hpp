// SPDX-License-Identifier: BSL-1.0
/// \file
/// Gossip learning (Hegedus, Danner, Jelasity, "Gossip learning as a decentralized alternative to federated learning",
/// DAIS 2019): models walk from agent to agent at random, and merge by age.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/random.hpp"
#include "comdml/core/units.hpp"
#include "comdml/learn/peers.hpp"

namespace comdml::learn {

/// After each cycle of training an agent sends (model, age) to a random one of those it has a direct link to, and
/// merges what has arrived meanwhile, in the order of arrival, before it trains on:
///
///     a = age_other / (age_own + age_other),   w <- (1 - a) w + a w_other,   age <- max(age_own, age_other)
///
/// An age counts images trained on. Where four models of a sender lie unread, the next one is not sent: a slow receiver
/// does not hold up a fast sender. Models FreeAlgorithm.
struct gossip {
  template <class Agent>
  void live(Agent& agent) const {
    auto& line = agent.transport();
    const comm::tag what{0, static_cast<std::uint16_t>(message_kind::gossip), 0};
    const std::vector<agent_id> others{line.peers().begin(), line.peers().end()};
    std::vector<comm::channel> inbox;
    for (const agent_id other : agent.fleet().members())
      if (other != line.self() && agent.fleet().links()(other, line.self()).rate.value() > 0)
        inbox.push_back({other, what});

    std::int64_t age = 0;
    std::uint32_t cycle = 0;
    while (true) {
      while (merge_next(agent, inbox, agent.now(), age)) {
      }
      if (!agent.train()) break;
      age += static_cast<std::int64_t>(agent.images());
      if (others.empty()) continue;
      random_stream rng{agent.seed(), line.self(), round_index{cycle++}, purpose::gossip};
      const agent_id to = others[rng.below(others.size())];
      comm::message_writer message;
      message.write(age).write(agent.model());
      const comm::result sent = line.send(to, what, message.take(), agent.now());
      if (sent == comm::result::ok)
        agent.count(size_of_model(agent));
      else if (sent == comm::result::peer_lost && agent.now() < agent.end())
        agent.fleet().require_ok("sending a model", to, sent);
    }
    while (merge_next(agent, inbox, agent.end(), age)) {
    }
  }

 private:
  template <class Agent>
  static bytes size_of_model(Agent& agent) {
    return bytes{static_cast<double>(sizeof(float) * agent.model_size())};
  }

  /// Merges the next model that arrives by the deadline. \returns whether there was one
  template <class Agent>
  static bool merge_next(Agent& agent, const std::vector<comm::channel>& inbox, seconds deadline, std::int64_t& age) {
    if (inbox.empty()) return false;
    const comm::delivery got = agent.transport().receive_any(inbox, deadline);
    if (got.result == comm::result::timed_out) return false;
    if (got.result == comm::result::peer_lost && agent.now() >= agent.end()) return false;  // it has done its part
    agent.fleet().require_ok("receiving a model", got.from, got.result);
    comm::message_reader reader{got.data, got.from};
    const auto theirs = reader.read<std::int64_t>();
    std::vector<float> other(agent.model_size());
    reader.read(other);
    reader.finish();
    if (theirs <= 0) reader.fail(text("a model of age ", theirs));
    const double a = static_cast<double>(theirs) / (static_cast<double>(age) + static_cast<double>(theirs));
    std::vector<float> merged = agent.model();
    for (std::size_t k = 0; k < merged.size(); ++k)
      merged[k] = static_cast<float>((1 - a) * static_cast<double>(merged[k]) + a * static_cast<double>(other[k]));
    agent.set_model(merged);
    age = std::max(age, theirs);
    return true;
  }
};

}  // namespace comdml::learn
