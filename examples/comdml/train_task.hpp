// SPDX-License-Identifier: BSL-1.0
/// \file
/// A training job that is ready to run: all that can be wrong with the input has been found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "comdml/comm/emulation.hpp"
#include "comdml/data/image_set.hpp"
#include "comdml/data/partition.hpp"
#include "comdml/fleet/fleet.hpp"
#include "comdml/fleet/profile.hpp"
#include "comdml/learn/control.hpp"
#include "comdml/learn/epoch.hpp"
#include "comdml/learn/history.hpp"
#include "comdml/learn/round_report.hpp"
#include "comdml/nn/layer.hpp"
#include "comdml/pairing/plan.hpp"
#include "models.hpp"
#include "options.hpp"
#include "pairings.hpp"

namespace program {

struct train_task {
  /// Complete: nothing is left to be decided.
  train_options options;
  comdml::data::split images;
  comdml::data::image_lists shards;
  comdml::fleet::description fleet;
  comdml::fleet::split_profile profile;
  std::optional<comdml::nn::model_state<float>> initial;
  comdml::comm::emulation emulated{};    ///< under the wall clock
  std::optional<any_pairing> pairing{};  ///< instead of the one that the options name
  /// By round, instead of those that a policy would make.
  std::shared_ptr<const std::vector<comdml::pairing::plan>> script{};

  [[nodiscard]] any_network network() const {
    return make_model(options.model, *options.shortcut, images.train.shape(), images.train.classes());
  }
};

/// Fills in what the options leave open, reads all files, and checks what can be checked before training.
/// \throws comdml::input_error
[[nodiscard]] train_task prepare(train_options options);

/// Whoever wants to know of every round.
struct any_observer {
  std::function<comdml::learn::verdict(const comdml::learn::round_report&)> tell;

  comdml::learn::verdict on_round(const comdml::learn::round_report& report) { return tell(report); }
};

/// Runs the task under its clock.
[[nodiscard]] comdml::learn::history run(const train_task& task, any_observer observer,
                                         const comdml::learn::control& hold);

// Each is compiled on its own, because compiling a job takes a while.
[[nodiscard]] comdml::learn::history run_virtual(const train_task& task, any_observer observer,
                                                 const comdml::learn::control& hold);
[[nodiscard]] comdml::learn::history run_wall(const train_task& task, any_observer observer,
                                              const comdml::learn::control& hold);

class any_transport;

/// How an agent takes part that has a process of its own.
struct seat {
  std::size_t threads = 1;
  comdml::learn::survival survival{};
  std::optional<std::uint32_t> life{};       ///< see comdml::learn::membership
  std::vector<comdml::agent_id> founders{};  ///< with whom the run begins, ascending; empty: all
};

/// Runs one agent of the task, the one whose transport this is. `past` grows with every round, and stays when the run
/// throws.
void run_agent(const train_task& task, any_transport& line, const seat& place, comdml::learn::history& past,
               any_observer observer, const comdml::learn::control& hold);

/// Of all that the agents of a fleet of processes must be told alike; not of where files lie, nor of threads.
/// \param own_data  whether each agent has data of its own
[[nodiscard]] std::uint64_t settings_digest(const train_task& task, bool own_data);

/// \throws comdml::input_error if the task is not for agents that are processes; `where` is for the message
void require_for_processes(const train_task& task, const std::string& where);

}  // namespace program
