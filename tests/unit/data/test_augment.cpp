// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <numeric>

#include "comdml/data/augment.hpp"

using namespace comdml;

namespace {

using any_augmentation = std::function<void(std::span<float>, image_shape, std::span<const float>, random_stream&)>;
static_assert(Augmentation<any_augmentation>);
static_assert(!Augmentation<int>);

struct polymorphic {
  virtual ~polymorphic() = default;
  virtual void operator()(std::span<float>, image_shape, std::span<const float>, random_stream&) const = 0;
};
static_assert(Augmentation<polymorphic>);

random_stream stream(std::uint64_t seed = 1) { return {seed, purpose::testing}; }

std::vector<float> counting(image_shape shape) {
  std::vector<float> image(shape.size());
  std::iota(image.begin(), image.end(), 1.0f);
  return image;
}

/// What one crop and flip should give, computed pixel by pixel with signed numbers.
std::vector<float> expected(const std::vector<float>& image, image_shape shape, const std::vector<float>& black, int dy,
                            int dx, bool mirrored) {
  std::vector<float> out;
  const int height = static_cast<int>(shape.height);
  const int width = static_cast<int>(shape.width);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (std::size_t c = 0; c < shape.channels; ++c) {
        const int from_y = y - dy;
        const int from_x = (mirrored ? width - 1 - x : x) - dx;
        const bool inside = from_y >= 0 && from_y < height && from_x >= 0 && from_x < width;
        const auto pixel = static_cast<std::size_t>(from_y * width + from_x);
        out.push_back(inside ? image[pixel * shape.channels + c] : black[c]);
      }
  return out;
}

}  // namespace

TEST_CASE("none changes nothing") {
  const image_shape shape{3, 3, 2};
  auto image = counting(shape);
  auto rng = stream();
  data::none{}(image, shape, std::vector<float>{-1, -2}, rng);
  CHECK(image == counting(shape));
}

TEST_CASE("crop_flip gives every shift and its mirror image, equally often, and nothing else") {
  const image_shape shape{4, 3, 2};
  const std::vector<float> black{-1, -2};
  std::map<std::vector<float>, int> seen;
  for (int dy = -2; dy <= 2; ++dy)
    for (int dx = -2; dx <= 2; ++dx)
      for (const bool mirrored : {false, true}) seen[expected(counting(shape), shape, black, dy, dx, mirrored)] = 0;
  REQUIRE(seen.size() == 50);
  auto rng = stream();
  constexpr int draws = 10000;
  for (int i = 0; i < draws; ++i) {
    auto image = counting(shape);
    data::crop_flip{.padding = 2}(image, shape, black, rng);
    const auto found = seen.find(image);
    REQUIRE(found != seen.end());
    ++found->second;
  }
  for (const auto& [image, count] : seen) CHECK(std::abs(count - draws / 50) < 75);  // five standard deviations
}

TEST_CASE("cutout clears a square around any center, clipped at the borders, after the crop") {
  const image_shape shape{6, 7, 2};
  const std::vector<float> black{-1, -2};
  for (const std::size_t cutout : {0u, 1u, 3u, 4u, 16u}) {
    std::map<std::vector<float>, int> seen;
    for (int y = 0; y < 6; ++y)
      for (int x = 0; x < 7; ++x)
        for (const bool mirrored : {false, true}) {
          auto image = expected(counting(shape), shape, black, 0, 0, mirrored);
          const int length = std::min(static_cast<int>(cutout), 3);  // half of the image's side
          for (int row = 0; row < 6; ++row)
            for (int column = 0; column < 7; ++column)
              if (row >= y - length / 2 && row < y - length / 2 + length && column >= x - length / 2 &&
                  column < x - length / 2 + length)
                for (std::size_t c = 0; c < 2; ++c) image[static_cast<std::size_t>(row * 7 + column) * 2 + c] = 0;
          seen[image] = 0;
        }
    auto rng = stream();
    for (int i = 0; i < 2000; ++i) {
      auto image = counting(shape);
      data::crop_flip_cutout{.padding = 0, .cutout = cutout}(image, shape, black, rng);
      const auto found = seen.find(image);
      REQUIRE(found != seen.end());
      ++found->second;
    }
    for (const auto& [image, count] : seen) CHECK(count > 0);
  }
}

TEST_CASE("cutout leaves at least three quarters of a small image") {
  const image_shape shape{8, 8, 1};
  auto rng = stream();
  std::ptrdiff_t most = 0;
  for (int i = 0; i < 500; ++i) {
    auto image = counting(shape);
    data::crop_flip_cutout{.padding = 0}(image, shape, std::vector<float>{-1}, rng);
    most = std::max(most, std::ranges::count(image, 0.0f));
  }
  CHECK(most == 16);
}

TEST_CASE("padding and cutout larger than the image stay inside it") {
  auto rng = stream();
  for (const image_shape shape : {image_shape{1, 1, 1}, image_shape{8, 8, 1}, image_shape{28, 28, 1}})
    for (int i = 0; i < 200; ++i) {
      auto image = counting(shape);
      data::crop_flip_cutout{.padding = 40, .cutout = 33}(image, shape, std::vector<float>{-1}, rng);
      for (const float value : image) REQUIRE((value >= -1 && value <= static_cast<float>(shape.size())));
    }
}

TEST_CASE("the same stream gives the same change, also through an erased augmentation") {
  const image_shape shape{8, 8, 3};
  const std::vector<float> black{-1, -2, -3};
  const data::crop_flip_cutout direct{};
  const any_augmentation erased = direct;
  auto first = stream(5);
  auto second = stream(5);
  for (int i = 0; i < 20; ++i) {
    auto one = counting(shape);
    auto other = counting(shape);
    direct(one, shape, black, first);
    erased(other, shape, black, second);
    CHECK(one == other);
  }
}
