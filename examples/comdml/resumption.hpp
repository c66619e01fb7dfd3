// SPDX-License-Identifier: BSL-1.0
/// \file
/// Going on with a run from what it left in its folder.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "comdml/core/ids.hpp"
#include "comdml/learn/checkpoint.hpp"
#include "options.hpp"
#include "train_task.hpp"

namespace program {

/// Where the checkpoints of the run with these results lie.
[[nodiscard]] std::filesystem::path checkpoints_of(const std::filesystem::path& results);

/// Those of a task: checkpoints of other tasks are refused. Requires options.checkpoint_every > 0, or a task that only
/// reads them.
[[nodiscard]] comdml::learn::checkpoints checkpoints_of(const std::filesystem::path& results, const train_task& task);

/// The options of the run in a folder, with those of `given` in their place that may differ.
/// \throws comdml::input_error if the folder is no run's, or another option was given that differs
[[nodiscard]] train_options options_of_run(const std::filesystem::path& results, const train_options& given,
                                           const std::function<bool(const std::string&)>& is_given);

/// What a run goes on from.
struct resumption {
  std::size_t rounds = 0;  ///< that are over
  std::string metrics{};   ///< the lines of metrics.jsonl on these rounds
  std::function<comdml::learn::checkpoint(comdml::agent_id)> resume{};

  /// What it has told of the last of them.
  [[nodiscard]] std::string last_line() const;
};

/// The latest checkpoint whose rounds have been told of. \param warn  is told of those that are damaged
/// \throws comdml::input_error if there is nothing to go on with
[[nodiscard]] resumption find_resumption(const std::filesystem::path& results, const train_task& task,
                                         const std::function<void(const std::string&)>& warn);

}  // namespace program
