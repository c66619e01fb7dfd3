// SPDX-License-Identifier: BSL-1.0
/// \file
/// A run's directory.
#include "results.hpp"

#include <system_error>
#include <utility>

#include "comdml/core/atomic_file.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/fleet/profile_file.hpp"

namespace program {

namespace fs = std::filesystem;

results::results(fs::path directory) : directory_{std::move(directory)} {
  std::error_code failure;
  fs::create_directories(directory_, failure);
  if (failure)
    throw comdml::input_error{directory_.string(), "cannot be made a directory (" + failure.message() + ")",
                              "give --out a directory that you may write to"};
  const fs::path trial = directory_ / ".comdml-trial";
  comdml::replace_file(trial, "");
  fs::remove(trial, failure);
  for (const char* const name :
       {"config.toml", "metrics.jsonl", "model.safetensors", "model.safetensors.previous", "profile.json"})
    if (const fs::path file = directory_ / name; fs::exists(file, failure) && !fs::is_regular_file(file, failure))
      throw comdml::input_error{file.string(), "is there, but is not a regular file",
                                "move it away, or give another --out"};
}

fs::path results::save_profile(const comdml::fleet::split_profile& profile) const {
  fs::path file = fs::absolute(directory_) / "profile.json";
  comdml::fleet::write_profile(file, profile);
  return file;
}

void results::begin(const std::string& config, comdml::report::time_kind time) {
  const fs::path model = directory_ / "model.safetensors";
  std::error_code failure;
  kept_ = fs::exists(model, failure);
  if (kept_) fs::rename(model, fs::path{model} += ".previous", failure);
  if (failure) throw comdml::run_error{model.string() + ": cannot be renamed (" + failure.message() + ")"};
  comdml::replace_file(directory_ / "config.toml", config);
  metrics_.emplace(directory_ / "metrics.jsonl", time);
}

void results::restore() const {
  const fs::path model = directory_ / "model.safetensors";
  std::error_code failure;
  if (kept_) fs::rename(fs::path{model} += ".previous", model, failure);
  if (failure) throw comdml::run_error{model.string() + ": cannot be given its name back (" + failure.message() + ")"};
}

}  // namespace program
