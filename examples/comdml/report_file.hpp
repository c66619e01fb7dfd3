// SPDX-License-Identifier: BSL-1.0
/// \file
/// The page that comdml report draws.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace program {

/// Draws the page of a run's folder, or of a folder of runs.
/// \param round  to be shown agent by agent; empty: the last that was recorded
/// \param run    name of the run of a folder that is looked at more closely; empty: it is chosen
/// \throws comdml::input_error
void write_report(const std::filesystem::path& folder, const std::filesystem::path& file,
                  std::optional<std::uint64_t> round, const std::string& run = {});

}  // namespace program
