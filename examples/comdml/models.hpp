// SPDX-License-Identifier: BSL-1.0
/// \file
/// The models and auxiliary heads that the program offers, by name.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "any_network.hpp"

namespace program {

/// Names that --model knows.
[[nodiscard]] const std::vector<std::string>& model_names();
/// Names that --shortcut knows.
[[nodiscard]] const std::vector<std::string>& shortcut_names();
/// The shortcut that a model has where none is asked for: the one of its publication.
[[nodiscard]] std::string usual_shortcut(const std::string& model);
/// The model of that name. Requires a known name and shortcut.
[[nodiscard]] any_network make_model(const std::string& model, const std::string& shortcut, image_shape input,
                                     std::size_t classes);

// Each is compiled on its own, because compiling a network takes a while.
[[nodiscard]] any_network make_basic(const std::string& shortcut, std::size_t depth, image_shape input,
                                     std::size_t classes);
[[nodiscard]] any_network make_bottleneck(const std::string& shortcut, std::size_t depth, image_shape input,
                                          std::size_t classes);
[[nodiscard]] any_network make_pool_linear(image_shape input, std::size_t classes);
[[nodiscard]] any_network make_convolution_pool_linear(image_shape input, std::size_t classes);

}  // namespace program
