// SPDX-License-Identifier: BSL-1.0
// On the real files: the directory named by COMDML_TEST_DATA holds mnist/, fashion-mnist/, cifar10-lossless/, digits/.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "comdml/data/cifar.hpp"
#include "comdml/data/digits.hpp"
#include "comdml/data/idx.hpp"

using namespace comdml;

namespace {

std::optional<std::filesystem::path> real_data() {
  if (const char* const directory = std::getenv("COMDML_TEST_DATA")) return directory;
  MESSAGE("skipped: COMDML_TEST_DATA does not name a directory of real data sets");
  return std::nullopt;
}

std::vector<std::size_t> class_counts(const data::image_set& set) {
  std::vector<std::size_t> counts(set.classes());
  for (const label l : set.labels()) ++counts[static_cast<std::size_t>(l)];
  return counts;
}

/// Mean and deviation per channel of pixels 0..1, measured.
data::normalization measured(const data::image_set& set) {
  const std::size_t channels = set.shape().channels;
  std::vector<double> sum(channels), squares(channels);
  std::vector<float> image(set.shape().size());
  for (std::size_t i = 0; i < set.size(); ++i) {
    set.read(i, image);
    for (std::size_t k = 0; k < image.size(); ++k) {
      sum[k % channels] += static_cast<double>(image[k]);
      squares[k % channels] += static_cast<double>(image[k]) * static_cast<double>(image[k]);
    }
  }
  const double count = static_cast<double>(set.size() * image.size() / channels);
  data::normalization found = data::normalization::identity(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    found.mean[c] = sum[c] / count;
    found.deviation[c] = std::sqrt(squares[c] / count - found.mean[c] * found.mean[c]);
  }
  return found;
}

void check_close(const data::normalization& found, const data::normalization& wanted, double tolerance) {
  REQUIRE(found.mean.size() == wanted.mean.size());
  for (std::size_t c = 0; c < found.mean.size(); ++c) {
    CHECK(std::abs(found.mean[c] - wanted.mean[c]) < tolerance);
    CHECK(std::abs(found.deviation[c] - wanted.deviation[c]) < tolerance);
  }
}

}  // namespace

TEST_CASE("MNIST is read whole") {
  const auto directory = real_data();
  if (!directory) return;
  const data::split set = data::mnist(*directory / "mnist");
  CHECK(class_counts(set.train) ==
        std::vector<std::size_t>{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949});
  CHECK(class_counts(set.test) == std::vector<std::size_t>{980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009});
  check_close(measured(set.train), set.train.normalization(), 1e-4);
}

TEST_CASE("Fashion-MNIST's test set is read") {
  const auto directory = real_data();
  if (!directory) return;
  const auto folder = *directory / "fashion-mnist";
  const data::image_set set = data::read_idx(folder / "t10k-images-idx3-ubyte", folder / "t10k-labels-idx1-ubyte");
  CHECK(class_counts(set) == std::vector<std::size_t>(10, 1000));
}

TEST_CASE("Debian's Fashion-MNIST is found by itself") {
  if (!std::filesystem::exists(data::debian_fashion_mnist)) {
    MESSAGE("skipped: the package dataset-fashion-mnist is not installed");
    return;
  }
  const data::split set = data::fashion_mnist();
  CHECK(class_counts(set.train) == std::vector<std::size_t>(10, 6000));
  CHECK(class_counts(set.test) == std::vector<std::size_t>(10, 1000));
  check_close(measured(set.train), set.train.normalization(), 1e-4);
}

TEST_CASE("CIFAR-10's official bytes are read") {
  const auto directory = real_data();
  if (!directory) return;
  const data::split set = data::cifar10(*directory / "cifar10-lossless");
  CHECK(class_counts(set.train) == std::vector<std::size_t>{396, 366, 420, 384, 422, 393, 414, 385, 407, 413});
  CHECK(class_counts(set.test) == std::vector<std::size_t>{103, 89, 100, 103, 90, 86, 112, 102, 106, 109});
  check_close(measured(set.train), {.mean = {.4916, .4818, .4447}, .deviation = {.2471, .2440, .2625}}, 6e-5);
  check_close(measured(set.test), {.mean = {.4967, .4867, .4510}, .deviation = {.2466, .2427, .2617}}, 6e-5);
  CHECK(set.train.class_name(0) == "airplane");
  CHECK(set.train.class_name(9) == "truck");
}

TEST_CASE("the embedded digits are the original's, image by image") {
  const auto directory = real_data();
  if (!directory) return;
  const auto folder = *directory / "digits";
  const data::image_set original =
      data::read_idx(folder / "digits-images-idx3-ubyte", folder / "digits-labels-idx1-ubyte", {.scale = 16});
  const data::split embedded = data::digits();
  REQUIRE(original.size() == embedded.train.size() + embedded.test.size());
  std::size_t train = 0, test = 0;
  for (std::size_t i = 0; i < original.size(); ++i) {
    const auto is = [&](const data::image_set& set, std::size_t at) {
      return at < set.size() && set.label(at) == original.label(i) &&
             std::equal(set.pixels(at).begin(), set.pixels(at).end(), original.pixels(i).begin());
    };
    if (is(embedded.train, train)) {
      ++train;
    } else {
      REQUIRE(is(embedded.test, test));
      ++test;
    }
  }
  CHECK(train == 1437);
  CHECK(test == 360);
}
