// SPDX-License-Identifier: BSL-1.0
/// \file
/// A labelled set of images of one shape, held in memory as bytes. Models Dataset; all readers return it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/data/normalization.hpp"
#include "comdml/tensor/shape.hpp"

namespace comdml::data {

/// What an image_set is made of.
struct image_contents {
  image_shape shape{};
  std::size_t classes = 0;
  /// The byte value that stands for a pixel of 1: 255 almost everywhere, 16 for the digits.
  int scale = 255;
  /// One image after the other, each NHWC.
  std::vector<std::uint8_t> pixels{};
  /// One class index per image.
  std::vector<comdml::label> labels{};
  data::normalization normalization{};
  /// Empty, or one name per class.
  std::vector<std::string> class_names{};
};

/// Labelled images in memory, one byte per value.
class image_set {
 public:
  image_set() = default;

  /// Throws contract_error when the contents do not fit together.
  explicit image_set(image_contents contents) : contents_{std::move(contents)} {
    const auto& c = contents_;
    COMDML_REQUIRE(c.shape.size() > 0 && c.classes > 0 && c.scale > 0, "shape ", c.shape, ", ", c.classes,
                   " classes, scale ", c.scale);
    COMDML_REQUIRE(c.pixels.size() == c.labels.size() * c.shape.size(), c.pixels.size(), " bytes for ", c.labels.size(),
                   " images of ", c.shape);
    COMDML_REQUIRE(c.class_names.empty() || c.class_names.size() == c.classes, c.class_names.size(), " names for ",
                   c.classes, " classes");
    for (const comdml::label l : c.labels)
      COMDML_REQUIRE(l >= 0 && static_cast<std::size_t>(l) < c.classes, "label ", l, " of ", c.classes, " classes");
    c.normalization.check(c.shape.channels);
  }

  [[nodiscard]] std::size_t size() const noexcept { return contents_.labels.size(); }
  [[nodiscard]] image_shape shape() const noexcept { return contents_.shape; }
  [[nodiscard]] std::size_t classes() const noexcept { return contents_.classes; }
  [[nodiscard]] const data::normalization& normalization() const noexcept { return contents_.normalization; }
  [[nodiscard]] std::span<const comdml::label> labels() const noexcept { return contents_.labels; }
  [[nodiscard]] int scale() const noexcept { return contents_.scale; }

  [[nodiscard]] comdml::label label(std::size_t image) const {
    require(image);
    return contents_.labels[image];
  }

  /// The bytes of one image, NHWC, 0 .. scale.
  [[nodiscard]] std::span<const std::uint8_t> pixels(std::size_t image) const {
    require(image);
    const std::size_t size = shape().size();
    return std::span{contents_.pixels}.subspan(image * size, size);
  }

  /// Writes one image, NHWC, pixels 0..1. Requires out.size() == shape().size().
  void read(std::size_t image, std::span<float> out) const {
    const auto bytes = pixels(image);
    COMDML_REQUIRE(out.size() == bytes.size(), "room for ", out.size(), " values of ", bytes.size());
    const auto scale = static_cast<float>(contents_.scale);
    std::transform(bytes.begin(), bytes.end(), out.begin(),
                   [scale](std::uint8_t value) { return static_cast<float>(value) / scale; });
  }

  /// The class's name, or its number where the set has no names.
  [[nodiscard]] std::string class_name(comdml::label l) const {
    COMDML_REQUIRE(l >= 0 && static_cast<std::size_t>(l) < classes(), "label ", l, " of ", classes(), " classes");
    return contents_.class_names.empty() ? std::to_string(l) : contents_.class_names[static_cast<std::size_t>(l)];
  }

  /// Keeps the first `count` images; all of them if there are no more.
  void limit(std::size_t count) {
    if (count >= size()) return;
    contents_.labels.resize(count);
    contents_.pixels.resize(count * shape().size());
  }

 private:
  void require(std::size_t image) const { COMDML_REQUIRE(image < size(), "image ", image, " of ", size()); }

  image_contents contents_;
};

static_assert(Dataset<image_set>);

/// What a reader returns.
struct split {
  image_set train;
  image_set test;
};

}  // namespace comdml::data
