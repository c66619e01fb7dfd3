// SPDX-License-Identifier: BSL-1.0
/// \file
/// Models by name.
#include "models.hpp"

#include <string_view>

namespace program {

const std::vector<std::string>& model_names() {
  static const std::vector<std::string> names{"resnet8",  "resnet14",  "resnet20",     "resnet32",     "resnet44",
                                              "resnet56", "resnet110", "bottleneck56", "bottleneck110"};
  return names;
}

const std::vector<std::string>& shortcut_names() {
  static const std::vector<std::string> names{"identity_padded", "projection"};
  return names;
}

namespace {

constexpr std::string_view bottleneck = "bottleneck";
constexpr std::string_view basic = "resnet";

}  // namespace

std::string usual_shortcut(const std::string& model) {
  return model.starts_with(bottleneck) ? "projection" : "identity_padded";
}

any_network make_model(const std::string& model, const std::string& shortcut, image_shape input, std::size_t classes) {
  const bool narrow = model.starts_with(bottleneck);
  const std::size_t depth = std::stoul(model.substr(narrow ? bottleneck.size() : basic.size()));
  return narrow ? make_bottleneck(shortcut, depth, input, classes) : make_basic(shortcut, depth, input, classes);
}

}  // namespace program
