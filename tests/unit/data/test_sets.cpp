// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "comdml/data/array_set.hpp"
#include "comdml/data/digits.hpp"
#include "comdml/data/image_set.hpp"
#include "comdml/data/shard.hpp"
#include "comdml/tensor/tensor.hpp"
#include "../temporary_directory.hpp"

using namespace comdml;

static_assert(Dataset<data::image_set>);
static_assert(Dataset<data::array_set>);
static_assert(Dataset<data::shard<data::array_set>>);
static_assert(Dataset<data::shard<data::shard<data::image_set>>>);
static_assert(!Dataset<std::vector<float>>);

namespace {

data::image_set two_by_one(std::size_t images) {
  data::image_contents contents{.shape = {1, 2, 3}, .classes = 4, .normalization = data::normalization::identity(3)};
  for (std::size_t i = 0; i < images; ++i) {
    contents.labels.push_back(static_cast<label>(i % 4));
    for (std::size_t k = 0; k < 6; ++k) contents.pixels.push_back(static_cast<std::uint8_t>(10 * i + k));
  }
  return data::image_set{std::move(contents)};
}

}  // namespace

TEST_CASE("an image set reads pixels as fractions of its scale") {
  const auto set = two_by_one(3);
  std::vector<float> out(6);
  set.read(2, out);
  for (std::size_t k = 0; k < 6; ++k) CHECK(out[k] == static_cast<float>(20 + k) / 255.0f);
  CHECK(set.label(2) == 2);
  CHECK_THROWS_AS(set.read(3, out), contract_error);
  CHECK_THROWS_AS((void)set.label(3), contract_error);
  out.resize(5);
  CHECK_THROWS_AS(set.read(0, out), contract_error);
}

TEST_CASE("contents that do not fit together are refused") {
  const data::image_contents good{.shape = {1, 1, 1},
                                  .classes = 2,
                                  .pixels = {1, 2},
                                  .labels = {0, 1},
                                  .normalization = data::normalization::identity(1)};
  CHECK_NOTHROW(data::image_set{good});
  auto bad = good;
  bad.labels = {0, 2};
  CHECK_THROWS_AS(data::image_set{bad}, contract_error);
  bad = good;
  bad.pixels.push_back(3);
  CHECK_THROWS_AS(data::image_set{bad}, contract_error);
  bad = good;
  bad.class_names = {"one"};
  CHECK_THROWS_AS(data::image_set{bad}, contract_error);
  bad = good;
  bad.normalization.deviation = {0.0};
  CHECK_THROWS_AS(data::image_set{bad}, contract_error);
  bad = good;
  bad.normalization = data::normalization::identity(3);
  CHECK_THROWS_AS(data::image_set{bad}, contract_error);
}

TEST_CASE("a limit keeps the first images") {
  auto set = two_by_one(5);
  set.limit(9);
  CHECK(set.size() == 5);
  set.limit(2);
  CHECK(set.size() == 2);
  CHECK(set.pixels(1)[0] == 10);
  CHECK(set.labels().size() == 2);
}

TEST_CASE("a shard shows the images with its numbers, and a shard of a shard too") {
  const auto set = two_by_one(6);
  const data::shard part{set, {5, 0, 3}};
  CHECK(part.size() == 3);
  CHECK(part.shape() == set.shape());
  CHECK(part.label(0) == set.label(5));
  const data::shard inner{part, {2}};
  std::vector<float> direct(6), through(6);
  set.read(3, direct);
  inner.read(0, through);
  CHECK(direct == through);
  CHECK_THROWS_AS((void)part.label(3), contract_error);
  CHECK_THROWS_AS((data::shard{set, {6}}), contract_error);
}

TEST_CASE("the user's floats come from vectors or from tensors, flat or as images") {
  const std::vector<label> labels{1, 0};
  const std::vector<float> values{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  const data::array_set plain{{1, 2, 3}, 2, values, labels};
  const data::array_set images{tensor<float, 4>{{{{1, 2, 3}, {4, 5, 6}}}, {{{7, 8, 9}, {10, 11, 12}}}}, 2, labels};
  tensor<double, 2> table = xt::zeros<double>({2, 6});
  std::copy(values.begin(), values.end(), table.begin());
  const data::array_set flat{table, 2, labels};
  CHECK(images.shape() == image_shape{1, 2, 3});
  CHECK(flat.shape() == image_shape{1, 1, 6});
  CHECK(flat.normalization() == data::normalization::identity(6));
  for (const auto* set : {&plain, &images, &flat}) {
    CHECK(set->size() == 2);
    CHECK(set->label(0) == 1);
    std::vector<float> out(6);
    set->read(1, out);
    CHECK(out == std::vector<float>(values.begin() + 6, values.end()));
  }
  xt::xtensor<float, 2, xt::layout_type::column_major> turned = table;
  std::vector<float> out(6);
  data::array_set{turned, 2, labels}.read(0, out);
  CHECK(out == std::vector<float>(values.begin(), values.begin() + 6));
  CHECK_THROWS_AS((data::array_set{tensor<float, 3>{{{1, 2}, {3, 4}}}, 2, labels}), contract_error);
}

TEST_CASE("unusable floats are refused with the example's number") {
  const std::vector<label> labels{1, 0};
  const auto failure = [](std::vector<float> values, std::vector<label> given) {
    return input_error_of([&] { data::array_set{{1, 1, 2}, 2, std::move(values), given}; });
  };
  CHECK(failure({1, 2, 3, 4}, {1, 0}).empty());
  CHECK(failure({1, 2, 3, 4}, {1, 2}).starts_with("array_set, example 1: label 2 is outside 0..1"));
  CHECK(failure({1, 2, 3, 4}, {-1, 0}).starts_with("array_set, example 0: label -1 is outside"));
  CHECK(failure({1, 2, 3, std::nanf("")}, {1, 0}).starts_with("array_set, example 1, value 1: not a finite number"));
  constexpr float infinity = std::numeric_limits<float>::infinity();
  CHECK(failure({1, infinity, 3, 4}, {1, 0}).starts_with("array_set, example 0, value 1"));
  CHECK_THROWS_AS((data::array_set{{1, 1, 2}, 2, std::vector<float>(3), labels}), contract_error);
}

TEST_CASE("the digits are all there, and split class by class") {
  const data::split set = data::digits();
  CHECK(set.train.size() == 1437);
  CHECK(set.test.size() == 360);
  CHECK(set.train.shape() == image_shape{8, 8, 1});
  std::vector<std::size_t> train(10), test(10);
  for (const label l : set.train.labels()) ++train[static_cast<std::size_t>(l)];
  for (const label l : set.test.labels()) ++test[static_cast<std::size_t>(l)];
  CHECK(test == std::vector<std::size_t>(10, 36));
  for (std::size_t c = 0; c < 10; ++c) train[c] += test[c];
  CHECK(train == std::vector<std::size_t>{178, 182, 177, 183, 181, 182, 181, 179, 174, 180});
}

TEST_CASE("the digits' normalization is that of the training images") {
  const data::image_set set = data::digits().train;
  double sum = 0, squares = 0;
  std::vector<float> image(64);
  float most = 0;
  for (std::size_t i = 0; i < set.size(); ++i) {
    set.read(i, image);
    for (const float value : image) {
      sum += static_cast<double>(value);
      squares += static_cast<double>(value) * static_cast<double>(value);
      most = std::max(most, value);
    }
  }
  const double count = static_cast<double>(set.size()) * 64;
  const double mean = sum / count;
  CHECK(most == 1.0f);
  CHECK(set.normalization().mean[0] == doctest::Approx(mean).epsilon(1e-4));
  CHECK(set.normalization().deviation[0] == doctest::Approx(std::sqrt(squares / count - mean * mean)).epsilon(1e-4));
}
