// SPDX-License-Identifier: BSL-1.0
/// \file
/// Models in .safetensors files, with the metadata that the program needs to use them again.
#pragma once

#include <filesystem>
#include <string>

#include "any_network.hpp"
#include "comdml/data/normalization.hpp"
#include "comdml/nn/layer.hpp"

namespace program {

/// A model that can be used: its network, weights, and how its images are normalized.
struct trained_model {
  std::string name;
  std::string shortcut;
  any_network network;
  comdml::nn::model_state<float> state;
  comdml::data::normalization normalization;
};

/// Writes the file, or leaves what was there.
void save_model(const std::filesystem::path& file, const trained_model& model);

/// Reads a file that this program wrote; it may be damaged or hostile. \throws comdml::input_error
[[nodiscard]] trained_model load_model(const std::filesystem::path& file);

/// The weights of a file for a network; the file may come from anywhere. \throws comdml::input_error
[[nodiscard]] comdml::nn::model_state<float> load_weights(const std::filesystem::path& file,
                                                          const any_network& network);

/// SHA-256 of all weights and statistics, in hexadecimal digits.
[[nodiscard]] std::string digest_of(const any_network& network, const comdml::nn::model_state<float>& state);

}  // namespace program
