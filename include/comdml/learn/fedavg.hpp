// SPDX-License-Identifier: BSL-1.0
/// \file
/// FedAvg (McMahan et al., "Communication-efficient learning of deep networks from decentralized data", AISTATS 2017):
/// every agent trains alone, then a server averages all models and sends the average back.
#pragma once

#include <optional>

#include "comdml/comm/through_server.hpp"
#include "comdml/core/ids.hpp"

namespace comdml::learn {

/// A round of FedAvg. The server is a member of the fleet that trains, too, and does its sums in no time; without a
/// choice it is the best connected one. The same average as all_reduce, added up in another order. Models Algorithm.
struct fedavg {
  std::optional<agent_id> server{};

  /// Chooses the server, unless that is done.
  void settle(const comm::routes& ways) {
    if (!server) server = comm::best_connected(ways);
  }

  template <class Session>
  auto round(Session& agent) const {
    const auto plan = agent.everyone_alone();
    agent.train(plan);
    const agent_id at = server ? *server : comm::best_connected(agent.fleet().routes());
    agent.join(plan, comm::through_server{.server = agent.fleet().rank_of(at)});
    return plan;
  }
};

}  // namespace comdml::learn
