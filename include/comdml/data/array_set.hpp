// SPDX-License-Identifier: BSL-1.0
/// \file
/// The user's own examples, held in memory as floats. Models Dataset.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/data/normalization.hpp"
#include "comdml/tensor/shape.hpp"

namespace comdml::data {

/// An xtensor container or expression (or anything with the same face) that can be walked in row-major order.
template <class T>
concept TensorLike = requires(const T& tensor) {
  { tensor.dimension() } -> std::convertible_to<std::size_t>;
  { tensor.size() } -> std::convertible_to<std::size_t>;
  { tensor.shape(std::size_t{}) } -> std::convertible_to<std::size_t>;
  { *tensor.begin() } -> std::convertible_to<double>;
};

/// Labelled float examples. Values are taken as they are: give a normalization, or none if they are already scaled.
class array_set {
 public:
  /// Copies `values`, one example after the other, each NHWC (a flat example of n features has the shape {1, 1, n}).
  /// Throws contract_error when the sizes do not fit, input_error on a value that is not finite or a label outside
  /// 0 .. classes-1. An empty normalization leaves the values as they are.
  array_set(image_shape shape, std::size_t classes, std::span<const float> values,
            std::span<const comdml::label> labels, data::normalization normalization = {})
      : array_set{shape, classes, std::vector<float>(values.begin(), values.end()), labels, std::move(normalization)} {}

  /// The same without a copy.
  array_set(image_shape shape, std::size_t classes, std::vector<float>&& values, std::span<const comdml::label> labels,
            data::normalization normalization = {})
      : shape_{shape},
        classes_{classes},
        values_{std::move(values)},
        labels_(labels.begin(), labels.end()),
        normalization_{std::move(normalization)} {
    COMDML_REQUIRE(shape.size() > 0 && classes > 0, "shape ", shape, ", ", classes, " classes");
    COMDML_REQUIRE(values_.size() == labels.size() * shape.size(), values_.size(), " values for ", labels.size(),
                   " examples of ", shape);
    if (normalization_ == data::normalization{}) normalization_ = data::normalization::identity(shape.channels);
    normalization_.check(shape.channels);
    for (std::size_t i = 0; i < labels_.size(); ++i)
      if (labels_[i] < 0 || static_cast<std::size_t>(labels_[i]) >= classes)
        throw input_error{text("array_set, example ", i), text("label ", labels_[i], " is outside 0..", classes - 1),
                          "number the classes from 0, or give the right number of classes"};
    for (std::size_t i = 0; i < values_.size(); ++i)
      if (!std::isfinite(values_[i]))
        throw input_error{text("array_set, example ", i / shape.size(), ", value ", i % shape.size()),
                          "not a finite number", "remove or repair the example"};
  }

  /// The same from a tensor: N x H x W x C, or N x F for flat examples.
  template <TensorLike Tensor>
  array_set(const Tensor& values, std::size_t classes, std::span<const comdml::label> labels,
            data::normalization normalization = {})
      : array_set{shape_of(values), classes, floats(values), labels, std::move(normalization)} {}

  [[nodiscard]] std::size_t size() const noexcept { return labels_.size(); }
  [[nodiscard]] image_shape shape() const noexcept { return shape_; }
  [[nodiscard]] std::size_t classes() const noexcept { return classes_; }
  [[nodiscard]] const data::normalization& normalization() const noexcept { return normalization_; }

  [[nodiscard]] comdml::label label(std::size_t example) const {
    COMDML_REQUIRE(example < size(), "example ", example, " of ", size());
    return labels_[example];
  }

  /// Writes one example. Requires out.size() == shape().size().
  void read(std::size_t example, std::span<float> out) const {
    COMDML_REQUIRE(example < size() && out.size() == shape_.size(), "example ", example, " of ", size(), ", room for ",
                   out.size(), " values of ", shape_.size());
    const auto values = std::span{values_}.subspan(example * shape_.size(), shape_.size());
    std::copy(values.begin(), values.end(), out.begin());
  }

 private:
  template <class Tensor>
  static image_shape shape_of(const Tensor& values) {
    const std::size_t rank = values.dimension();
    COMDML_REQUIRE(rank == 2 || rank == 4, "rank ", rank, ", wanted N x H x W x C or N x F");
    const auto extent = [&](std::size_t axis) { return static_cast<std::size_t>(values.shape(axis)); };
    return rank == 2 ? image_shape{1, 1, extent(1)} : image_shape{extent(1), extent(2), extent(3)};
  }

  template <class Tensor>
  static std::vector<float> floats(const Tensor& values) {
    std::vector<float> copy;
    copy.reserve(values.size());
    for (const auto value : values) copy.push_back(static_cast<float>(value));
    return copy;
  }

  image_shape shape_;
  std::size_t classes_;
  std::vector<float> values_;
  std::vector<comdml::label> labels_;
  data::normalization normalization_;
};

static_assert(Dataset<array_set>);

}  // namespace comdml::data
