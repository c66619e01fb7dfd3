// SPDX-License-Identifier: BSL-1.0
/// \file
/// Small text files that people give.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include "comdml/core/errors.hpp"

namespace comdml {

/// What a text file is for, and what to do where it is not as it should be.
struct text_file_kind {
  std::uintmax_t most = 0;      ///< bytes
  const char* what = "";        ///< "a fleet"
  const char* if_missing = "";  ///< remedies
  const char* if_too_large = "";
};

/// The whole file. \throws input_error if it is missing, too large, or cannot be read
[[nodiscard]] inline std::string read_text_file(const std::filesystem::path& file, const text_file_kind& kind) {
  std::error_code failure;
  const std::uintmax_t size = std::filesystem::file_size(file, failure);
  if (failure) throw input_error{file.string(), failure.message(), kind.if_missing};
  if (size > kind.most)
    throw input_error{file.string(), text(size, " bytes are too many for ", kind.what), kind.if_too_large};
  std::string content(static_cast<std::size_t>(size), '\0');
  std::ifstream in{file, std::ios::binary};
  if (!in.read(content.data(), static_cast<std::streamsize>(size)))
    throw input_error{file.string(), "cannot be read", "check its permissions"};
  return content;
}

}  // namespace comdml
