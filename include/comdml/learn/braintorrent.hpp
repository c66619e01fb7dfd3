// SPDX-License-Identifier: BSL-1.0
/// \file
/// BrainTorrent (Roy, Siddiqui, Poelsterl, Navab, Wachinger, "BrainTorrent: a peer-to-peer environment for
/// decentralized federated learning", 2019): an agent fetches the models that are newer than what it knows, averages,
/// trains on.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/learn/mixing.hpp"

namespace comdml::learn {

/// A cycle: ask all neighbors for the version of their models; fetch those that are newer than the last one fetched;
/// take the mean of these and the own one, weighted by numbers of images; train; the own version is one higher. Every
/// agent begins the next cycle when it is done with one; in the paper one random agent at a time does.
///
/// Neighbors are those with direct links in both directions, and answer at once, also while they train. Asking takes
/// the longest round trip, fetching another one and the time of the slowest link, all at once; nothing else travels on
/// these links. Models FreeAlgorithm. Requires links that go both ways to connect all agents, as dpsgd does.
struct braintorrent {
  template <class Agent>
  void live(Agent& agent) const {
    auto& line = agent.transport();
    const link_matrix& links = agent.fleet().links();
    const std::vector<agent_id> neighbors = mutual_neighbors(links, line.self());
    if (agent.fleet().rank_of(line.self()) == 0 && !mutually_connected(links))
      throw run_error{"BrainTorrent asks over links that go both ways, and these do not connect all agents"};
    const bytes size{static_cast<double>(sizeof(float) * agent.model_size())};
    const auto round_trip = [&](agent_id other) {
      return links(line.self(), other).latency + links(other, line.self()).latency;
    };
    std::map<agent_id, std::int64_t> known;
    std::int64_t version = 0;
    while (true) {
      seconds asking{};
      for (const agent_id other : neighbors) asking = std::max(asking, round_trip(other));
      agent.wait(asking);
      std::vector<offer> newer;
      seconds fetching{};
      for (const agent_id other : neighbors) {
        offer found = read(agent, other);
        if (found.version <= known[other]) continue;
        known[other] = found.version;
        fetching = std::max(fetching, round_trip(other) + size / links(other, line.self()).rate);
        newer.push_back(std::move(found));
      }
      if (agent.now() + fetching > agent.end()) break;
      agent.wait(fetching);
      agent.count(static_cast<double>(newer.size()) * size);
      if (!newer.empty()) agent.set_model(mean(agent, newer));
      if (!agent.train()) break;
      comm::message_writer message;
      message.write(++version).write(static_cast<std::int64_t>(agent.images())).write(agent.model());
      line.publish(message.take());
    }
  }

 private:
  struct offer {
    std::int64_t version = 0;
    std::int64_t images = 0;
    std::vector<float> model{};
  };

  template <class Agent>
  static offer read(Agent& agent, agent_id other) {
    const auto shown = agent.transport().peek(other);
    offer found;
    if (!shown) return found;
    comm::message_reader reader{shown->data, other};
    found.version = reader.template read<std::int64_t>();
    found.images = reader.template read<std::int64_t>();
    if (found.images <= 0) reader.fail(text("a model of ", found.images, " images"));
    found.model.resize(agent.model_size());
    reader.read(found.model);
    reader.finish();
    return found;
  }

  template <class Agent>
  static std::vector<float> mean(Agent& agent, const std::vector<offer>& others) {
    auto all = static_cast<double>(agent.images());
    for (const offer& one : others) all += static_cast<double>(one.images);
    std::vector<float> values = agent.model();
    std::vector<double> sum(values.size());
    const auto add = [&](const std::vector<float>& model, double images) {
      for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += images / all * static_cast<double>(model[k]);
    };
    add(values, static_cast<double>(agent.images()));
    for (const offer& one : others) add(one.model, static_cast<double>(one.images));
    std::ranges::transform(sum, values.begin(), [](double value) { return static_cast<float>(value); });
    return values;
  }
};

}  // namespace comdml::learn
