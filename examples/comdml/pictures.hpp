// SPDX-License-Identifier: BSL-1.0
/// \file
/// Reads PGM (P5) and PPM (P6) pictures.
#pragma once

#include <filesystem>
#include <vector>

#include "comdml/tensor/shape.hpp"

namespace program {

/// The pixels of a picture, NHWC, 0 .. 1. Gray pictures (P5) have one channel, colored ones (P6) three; samples have
/// one byte, or two where the picture says that its largest value is above 255.
/// \throws comdml::input_error, with file and byte offset, unless it is a whole picture of the wanted shape
[[nodiscard]] std::vector<float> read_picture(const std::filesystem::path& file, comdml::image_shape wanted);

}  // namespace program
