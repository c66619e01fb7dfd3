// SPDX-License-Identifier: BSL-1.0
/// \file
/// The page that comdml report draws.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace program {

/// Draws the page of a run's folder, or of a folder of runs. \throws comdml::input_error
void write_report(const std::filesystem::path& folder, const std::filesystem::path& file,
                  std::optional<std::uint64_t> round);

}  // namespace program
