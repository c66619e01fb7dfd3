// SPDX-License-Identifier: BSL-1.0
/// \file
/// Histories of algorithms without rounds: how long such a run lasts, and what is told of it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "comdml/comm/collective.hpp"
#include "comdml/comm/in_process.hpp"
#include "comdml/comm/routes.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/fleet.hpp"
#include "comdml/learn/round_report.hpp"
#include "comdml/learn/side_channel.hpp"
#include "comdml/nn/layer.hpp"

namespace comdml::learn {

/// How long a round of all-reduce training takes: `alone[i]` of computing on agent i, then the sum of `values` floats,
/// played in virtual time. The small records that agents exchange are not counted.
template <Collective C>
[[nodiscard]] seconds all_reduce_round(const fleet::description& fleet, const comm::routes& routes,
                                       const std::vector<seconds>& alone, const C& collective, std::size_t values) {
  std::vector<seconds> ends(alone.size());
  comm::in_process<comm::virtual_time>{fleet.links}.run([&](auto& line) {
    const std::size_t self = line.self().value;
    line.clock().compute(alone[self], [] {});
    std::vector<float> zeros(values);
    const auto done =
        comm::all_reduce(line, collective, comm::group{epoch_index{}, routes}, comm::tag{}, zeros, seconds::infinity());
    if (done.result != comm::result::ok) throw run_error{"a trial of the all-reduce failed"};
    ends[self] = line.clock().now();
  });
  return *std::ranges::max_element(ends);
}

/// The entry of the history for one instant: accuracy and losses over all agents, each of which was looked at with its
/// share of the test images, so that the accuracy is the mean of the agents' models.
class free_history {
 public:
  explicit free_history(const instants& when) : when_{when} {}

  [[nodiscard]] round_report next(std::size_t instant, const std::vector<sample>& samples) {
    round_report report{.round = round_index{static_cast<std::uint32_t>(instant)},
                        .epoch = epoch_index{instant},
                        .rounds_planned = when_.count};
    evaluation test;
    evaluation training;
    for (std::uint32_t i = 0; i < samples.size(); ++i) {
      const sample& one = samples[i];
      test += one.test;
      training += one.training;
      weights_ += one.weights;
      if (one.diverged) report.sat_out.push_back(agent_id{i});
      report.plan.alone.push_back(agent_id{i});
    }
    if (test.seen > 0) {
      report.test_accuracy = test.accuracy();
      report.test_loss = test.mean_loss();
    }
    report.train_loss = training.mean_loss();
    report.learning_rate = samples.front().learning_rate;
    report.elapsed = report.elapsed_alone = when_.at(instant);
    report.weight_bytes = weights_;
    return report;
  }

 private:
  instants when_;
  bytes weights_{};
};

/// The mean of the models that the agents have shown last, added up in the order of the agents.
[[nodiscard]] inline nn::model_state<float> mean_of_shown(const side_channel& beside, std::size_t agents) {
  std::vector<double> parameters;
  std::vector<double> statistics;
  const auto add = [&](std::vector<double>& sum, const std::vector<float>& values) {
    sum.resize(values.size());
    for (std::size_t k = 0; k < values.size(); ++k)
      sum[k] += static_cast<double>(values[k]) / static_cast<double>(agents);
  };
  for (std::uint32_t i = 0; i < agents; ++i) {
    const auto shown = beside.shown(agent_id{i});
    add(parameters, shown->model.parameters);
    add(statistics, shown->model.statistics);
  }
  const auto rounded = [](const std::vector<double>& sum) {
    std::vector<float> values(sum.size());
    std::ranges::transform(sum, values.begin(), [](double value) { return static_cast<float>(value); });
    return values;
  };
  return {rounded(parameters), rounded(statistics)};
}

}  // namespace comdml::learn
