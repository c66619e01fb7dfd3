// SPDX-License-Identifier: BSL-1.0
/// \file
/// A shard: some of the images of another set, without a copy. Models Dataset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"

namespace comdml::data {

/// A view of the images with the given numbers, in that order. The set must outlive it.
template <Dataset Set>
class shard {
 public:
  /// Throws contract_error when a number is not below set.size().
  shard(const Set& set, std::vector<std::uint32_t> images) : set_{&set}, images_{std::move(images)} {
    for (const std::uint32_t image : images_) COMDML_REQUIRE(image < set.size(), "image ", image, " of ", set.size());
  }
  shard(const Set&& set, std::vector<std::uint32_t> images) = delete;

  [[nodiscard]] std::size_t size() const noexcept { return images_.size(); }
  [[nodiscard]] image_shape shape() const { return set_->shape(); }
  [[nodiscard]] std::size_t classes() const { return set_->classes(); }
  [[nodiscard]] decltype(auto) normalization() const { return set_->normalization(); }
  [[nodiscard]] comdml::label label(std::size_t image) const { return set_->label(number(image)); }
  void read(std::size_t image, std::span<float> out) const { set_->read(number(image), out); }

  /// Numbers of the images in the set that this is a part of.
  [[nodiscard]] std::span<const std::uint32_t> images() const noexcept { return images_; }

 private:
  [[nodiscard]] std::size_t number(std::size_t image) const {
    COMDML_REQUIRE(image < size(), "image ", image, " of ", size());
    return images_[image];
  }

  const Set* set_;
  std::vector<std::uint32_t> images_;
};

}  // namespace comdml::data
