// SPDX-License-Identifier: BSL-1.0
/// \file
/// The directory that a run leaves its results in.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "comdml/fleet/profile.hpp"
#include "comdml/learn/round_report.hpp"
#include "comdml/report/metrics.hpp"
#include "model_file.hpp"

namespace program {

/// config.toml and metrics.jsonl are there from the start of a run, a measured profile.json too; model.safetensors when
/// it ends.
class results {
 public:
  /// Makes the directory and makes sure that files can be written there; touches no file of an earlier run.
  /// \throws comdml::input_error
  explicit results(std::filesystem::path directory);

  /// Writes profile.json. Returns its name.
  std::filesystem::path save_profile(const comdml::fleet::split_profile& profile) const;

  /// Replaces the files of an earlier run; its model is kept under another name.
  void begin(const std::string& config, comdml::report::time_kind time);

  void on_round(const comdml::learn::round_report& report) { metrics_->on_round(report); }

  /// For a run of which no round was finished: the earlier model gets its name back.
  void restore() const;

  void save(const trained_model& model) const { save_model(directory_ / "model.safetensors", model); }

  /// For people.
  [[nodiscard]] std::string names() const {
    return (directory_ / "config.toml").string() + ", metrics.jsonl, model.safetensors";
  }

 private:
  std::filesystem::path directory_;
  std::optional<comdml::report::metrics_file> metrics_;
  bool kept_ = false;  ///< whether there was an earlier model
};

}  // namespace program
