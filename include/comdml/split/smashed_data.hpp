// SPDX-License-Identifier: BSL-1.0
/// \file
/// Smashed data: the one message that crosses a cut, activations and labels of a mini-batch. It travels from the slow
/// side to the fast side only.
///
/// Layout, little-endian: number of images (4 bytes), labels (4 bytes each), activations as the codec writes them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"

namespace comdml::split {

static_assert(std::endian::native == std::endian::little, "messages are written as they lie in memory");

/// Bytes of the message before the activations.
[[nodiscard]] constexpr std::size_t smashed_header_size(std::size_t images) noexcept { return 4 + 4 * images; }

/// Bytes of the message for a batch of `images` with activations of shape `cut`.
template <WireCodec W>
[[nodiscard]] std::size_t smashed_size(image_shape cut, std::size_t images, const W& codec = {}) {
  return smashed_header_size(images) + codec.encoded_size(images * cut.size(), cut.channels);
}

/// Writes the message for activations of shape `cut`, one image per label.
template <WireCodec W>
void encode_smashed(const W& codec, image_shape cut, std::span<const float> activations, std::span<const label> labels,
                    std::vector<std::byte>& message) {
  COMDML_REQUIRE(activations.size() == labels.size() * cut.size(), activations.size(), " activations of ",
                 labels.size(), " images of ", cut);
  message.resize(smashed_size(cut, labels.size(), codec));
  const auto images = static_cast<std::uint32_t>(labels.size());
  std::memcpy(message.data(), &images, 4);
  std::memcpy(message.data() + 4, labels.data(), 4 * labels.size());
  codec.encode(activations, cut.channels, std::span{message}.subspan(smashed_header_size(labels.size())));
}

/// Reads a message that came from outside into `activations` and `labels`. `most_images` bounds what is believed.
/// \throws run_error that says what is wrong with it
template <WireCodec W>
void decode_smashed(const W& codec, std::span<const std::byte> message, image_shape cut, std::size_t classes,
                    std::size_t most_images, std::vector<float>& activations, std::vector<label>& labels) {
  std::uint32_t images = 0;
  if (message.size() >= 4) std::memcpy(&images, message.data(), 4);
  if (images == 0 || images > most_images || message.size() != smashed_size(cut, images, codec))
    throw run_error{text("smashed data: ", message.size(), " bytes that claim ", images, " images of ", cut,
                         " activations, at most ", most_images, " expected")};
  labels.resize(images);
  std::memcpy(labels.data(), message.data() + 4, 4 * std::size_t{images});
  for (std::size_t i = 0; i < labels.size(); ++i)
    if (labels[i] < 0 || static_cast<std::size_t>(labels[i]) >= classes)
      throw run_error{text("smashed data: label ", labels[i], " of image ", i, ", there are ", classes, " classes")};
  activations.resize(images * cut.size());
  codec.decode(message.subspan(smashed_header_size(images)), cut.channels, activations);
}

}  // namespace comdml::split
