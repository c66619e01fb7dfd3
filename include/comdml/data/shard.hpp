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

/// All images of a set, of which each of several agents looks at an even share.
template <Dataset Set>
class shares : public shard<Set> {
 public:
  explicit shares(const Set& set) : shard<Set>{set, every(1, 0, set.size())}, whole_{&set} {}
  shares(const Set&& set) = delete;

  [[nodiscard]] shard<Set> of(std::size_t rank, std::size_t agents) const {
    return {*whole_, every(agents, rank, whole_->size())};
  }

 private:
  static std::vector<std::uint32_t> every(std::size_t step, std::size_t first, std::size_t size) {
    std::vector<std::uint32_t> numbers;
    for (std::size_t i = first; i < size; i += step) numbers.push_back(static_cast<std::uint32_t>(i));
    return numbers;
  }

  const Set* whole_;
};

/// What an agent looks at of images that it was given: its share if they are for all, else all of them.
template <Dataset Set>
[[nodiscard]] decltype(auto) share_of(const Set& set, std::size_t rank, std::size_t agents) {
  if constexpr (requires { set.of(rank, agents); })
    return set.of(rank, agents);
  else
    return (set);
}

}  // namespace comdml::data
