// SPDX-License-Identifier: BSL-1.0
/// \file
/// The data sets that the program knows, by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "comdml/data/image_set.hpp"

namespace program {

/// Names that --dataset knows.
[[nodiscard]] const std::vector<std::string>& data_set_names();

/// What the images of a data set look like, without reading any.
struct image_kind {
  comdml::image_shape shape;
  std::size_t classes;
};
/// Requires a known name.
[[nodiscard]] image_kind images_of(const std::string& name);

/// Reads a data set, and keeps the first `train_limit` and `test_limit` images; 0 = all.
/// \throws comdml::input_error that names file, offset and remedy
[[nodiscard]] comdml::data::split load_data_set(const std::string& name, const std::string& directory,
                                                std::uint64_t train_limit, std::uint64_t test_limit);

}  // namespace program
