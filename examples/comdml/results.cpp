// SPDX-License-Identifier: BSL-1.0
/// \file
/// A run's directory.
#include "results.hpp"

#include <cstddef>
#include <system_error>
#include <utility>
#include <vector>

#include "comdml/core/atomic_file.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/fleet/profile_file.hpp"
#include "comdml/report/timeline.hpp"
#include "config_file.hpp"
#include "report_facts.hpp"

namespace program {

namespace fs = std::filesystem;

namespace {

std::string facts_of(const train_task& task, const std::string& typed) {
  std::vector<std::size_t> images;
  for (const auto& shard : task.shards) images.push_back(shard.size());
  return run_facts(task.fleet, images, task.profile, task.network().units(), typed);
}

}  // namespace

results::results(fs::path directory, const train_task& task, comdml::report::time_kind time, std::string typed,
                 const resumption* from)
    : directory_{std::move(directory)}, task_{task}, time_{time}, typed_{std::move(typed)}, from_{from} {
  std::error_code failure;
  fs::create_directories(directory_, failure);
  if (failure)
    throw comdml::input_error{directory_.string(), "cannot be made a directory (" + failure.message() + ")",
                              "give --out a directory that you may write to"};
  const fs::path trial = directory_ / ".comdml-trial";
  comdml::replace_file(trial, "");
  fs::remove(trial, failure);
  for (const char* const name : {"config.toml", "run.json", "metrics.jsonl", "timeline.json", "model.safetensors",
                                 "model.safetensors.previous", "profile.json"})
    if (const fs::path file = directory_ / name; fs::exists(file, failure) && !fs::is_regular_file(file, failure))
      throw comdml::input_error{file.string(), "is there, but is not a regular file",
                                "move it away, or give another --out"};
  const fs::path checkpoints = checkpoints_of(directory_);
  if (fs::exists(checkpoints, failure) && !fs::is_directory(checkpoints, failure))
    throw comdml::input_error{checkpoints.string(), "is there, but is not a directory",
                              "move it away, or give another --out"};
  if (from_) return;
  if (!task_.options.init.empty() && fs::exists(directory_ / "model.safetensors", failure) &&
      fs::equivalent(task_.options.init, directory_ / "model.safetensors.previous", failure))
    throw comdml::input_error{"--init",
                              task_.options.init + " would be replaced by the model of the run before this one",
                              "copy it elsewhere, or give another --out"};
}

void results::go_on() {
  std::error_code ignored;
  fs::remove(directory_ / "model.safetensors", ignored);  // of earlier rounds, as they ended
  fs::remove(directory_ / "timeline.json", ignored);
  comdml::replace_file(directory_ / "config.toml", write_config(task_.options));
  comdml::replace_file(directory_ / "metrics.jsonl", from_->metrics);
  metrics_.emplace(directory_ / "metrics.jsonl", time_, comdml::report::metrics_file::opening::to_go_on);
}

void results::begin() {
  if (from_) return go_on();
  const fs::path model = directory_ / "model.safetensors";
  const fs::path previous = directory_ / "model.safetensors.previous";
  train_options recorded = task_.options;
  std::error_code failure;
  if (fs::exists(model, failure)) {
    if (!recorded.init.empty() && fs::equivalent(recorded.init, model, failure)) recorded.init = previous.string();
    fs::rename(model, previous, failure);
    if (failure) throw comdml::run_error{model.string() + ": cannot be renamed (" + failure.message() + ")"};
  }
  if (recorded.profile == "measured") {  // measured again it would be another
    recorded.profile = (directory_ / "profile.json").string();
    comdml::fleet::write_profile(recorded.profile, task_.profile);
  }
  comdml::replace_file(directory_ / "config.toml", write_config(recorded));
  comdml::replace_file(directory_ / "run.json", facts_of(task_, typed_));
  fs::remove(directory_ / "timeline.json", failure);  // of the earlier run; this one's comes when it ends
  metrics_.emplace(directory_ / "metrics.jsonl", time_);
  checkpoints_of(directory_, task_).clear();
  fs::remove(checkpoints_of(directory_), failure);  // if it is empty
}

void results::save(const comdml::learn::timeline& recorded, std::size_t finished) const {
  comdml::replace_file(directory_ / "timeline.json", comdml::report::trace(recorded, finished, time_).dump() + '\n');
}

}  // namespace program
