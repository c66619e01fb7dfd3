// SPDX-License-Identifier: BSL-1.0
/// \file
/// Split profiles of the program's models: counted, measured, or read from a file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "any_network.hpp"
#include "comdml/comm/codec.hpp"
#include "comdml/fleet/profile.hpp"

namespace program {

/// What a profile is made for.
struct profile_request {
  std::string model;
  std::string auxiliary_head = "convolution_pool_linear";
  std::string cuts = "every_block";
  std::string wire = "fp32";
  std::size_t batch = 0;
};

[[nodiscard]] const std::vector<std::string>& auxiliary_head_names();
[[nodiscard]] const std::vector<std::string>& wire_names();
/// The same, and `auto`: every cut by every codec, the most exact one first.
[[nodiscard]] const std::vector<std::string>& wire_choices();
/// Requires one of wire_names().
[[nodiscard]] const comdml::comm::wire_codec& wire_of(const std::string& name);

/// By counting.
[[nodiscard]] comdml::fleet::split_profile count_profile(const any_network& network, const profile_request& wanted);

/// By training on one thread, which takes a while; tells standard error how far it is.
/// \param crowd  threads that do the same at once, as the cores of one processor slow each other down; one of them
/// counts
[[nodiscard]] comdml::fleet::split_profile measure_profile(const any_network& network, const profile_request& wanted,
                                                           std::size_t repetitions, std::size_t crowd = 1);

/// From a file, for activations that travel by `wire`. \throws comdml::input_error, also for a file without a cut
[[nodiscard]] comdml::fleet::split_profile load_profile(const std::filesystem::path& file, const std::string& wire);

/// The same, of the model that is wanted. \throws comdml::input_error, also for another model, batch or cut set
[[nodiscard]] comdml::fleet::split_profile load_profile(const std::filesystem::path& file, const any_network& network,
                                                        const profile_request& wanted);

}  // namespace program
