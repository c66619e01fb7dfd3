// SPDX-License-Identifier: BSL-1.0
/// \file
/// Readers of the IDX format, plain and .gz: MNIST and Fashion-MNIST.
/// Format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/data/file_bytes.hpp"
#include "comdml/data/image_set.hpp"
#include "comdml/data/normalization.hpp"

namespace comdml::data {

/// What an IDX file does not say about itself.
struct idx_settings {
  std::size_t classes = 10;
  /// Byte value of a pixel of 1.
  int scale = 255;
  data::normalization normalization = data::normalization::identity(1);
  /// Empty, or one name per class.
  std::vector<std::string> class_names{};
};

namespace detail {

struct idx_array {
  std::vector<std::size_t> extents;
  std::vector<std::uint8_t> values;
};

/// No data set of this kind comes near; it keeps a hostile header or a gzip bomb from filling the memory.
inline constexpr std::size_t idx_size_limit = std::size_t{1} << 31;

[[nodiscard]] inline std::uint32_t big_endian(const std::uint8_t* four) {
  return std::uint32_t{four[0]} << 24 | std::uint32_t{four[1]} << 16 | std::uint32_t{four[2]} << 8 | four[3];
}

/// Reads an IDX file of unsigned bytes with `rank` extents. The header is read and judged before anything else.
[[nodiscard]] inline idx_array read_idx_array(const std::filesystem::path& file, std::size_t rank) {
  const std::size_t header = 4 + 4 * rank;
  const auto head = file_bytes(file, header);
  if (head.size() < header)
    throw input_error{at_unpacked_byte(file, head.size()),
                      text("the file ends within its header of ", header, " bytes"), fetch_again};
  const std::uint32_t magic = 0x0800u + static_cast<std::uint32_t>(rank);
  if (const std::uint32_t found = big_endian(head.data()); found != magic)
    throw input_error{at_unpacked_byte(file, 0), text("IDX magic number ", found, ", wanted ", magic),
                      text("give an IDX ", rank == 1 ? "label" : "image", " file of unsigned bytes")};
  idx_array array;
  std::size_t expected = 1;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::size_t offset = 4 + 4 * axis;
    const std::size_t extent = big_endian(head.data() + offset);
    if (extent == 0 || extent > idx_size_limit / expected)
      throw input_error{at_unpacked_byte(file, offset), text("an extent of ", extent, " is not plausible"),
                        fetch_again};
    expected *= extent;
    array.extents.push_back(extent);
  }
  array.values = file_bytes(file, header + expected + 1);
  if (array.values.size() != header + expected)
    throw input_error{at_unpacked_byte(file, std::min(array.values.size(), header + expected)),
                      text("the content ", array.values.size() < header + expected ? "ends before" : "goes on after",
                           " the ", header + expected, " bytes that the header announces"),
                      fetch_again};
  array.values.erase(array.values.begin(), array.values.begin() + static_cast<std::ptrdiff_t>(header));
  return array;
}

/// The file of that name, with its usual variants: a dot before "idx", and .gz.
[[nodiscard]] inline std::filesystem::path find_idx(const std::filesystem::path& directory, const std::string& stem,
                                                    const std::string& suffix, const std::string& remedy) {
  for (const char* const separator : {"-", "."})
    for (const char* const extension : {"", ".gz"}) {
      const auto file = directory / (stem + separator + suffix + extension);
      std::error_code ignored;
      if (std::filesystem::exists(file, ignored)) return file;
    }
  throw input_error{(directory / (stem + "-" + suffix)).string(), "there is no such file, nor one with .gz", remedy};
}

}  // namespace detail

/// Reads images (N x height x width) and their labels (N). Throws input_error, with file and byte offset, when a file
/// is missing, damaged, or does not fit the other or the settings.
[[nodiscard]] inline image_set read_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                                        idx_settings settings = {}) {
  auto pixels = detail::read_idx_array(images, 3);
  const auto classes = detail::read_idx_array(labels, 1);
  if (classes.extents[0] != pixels.extents[0])
    throw input_error{at_unpacked_byte(labels, 4),
                      text(classes.extents[0], " labels for the ", pixels.extents[0], " images of ", images.string()),
                      "give the two files of the same set"};
  for (std::size_t i = 0; i < classes.values.size(); ++i)
    if (classes.values[i] >= settings.classes)
      throw input_error{at_unpacked_byte(labels, 8 + i),
                        text("label ", int{classes.values[i]}, " is outside 0..", settings.classes - 1),
                        detail::fetch_again};
  return image_set{{.shape = {pixels.extents[1], pixels.extents[2], 1},
                    .classes = settings.classes,
                    .scale = settings.scale,
                    .pixels = std::move(pixels.values),
                    .labels = {classes.values.begin(), classes.values.end()},
                    .normalization = std::move(settings.normalization),
                    .class_names = std::move(settings.class_names)}};
}

namespace detail {

[[nodiscard]] inline split read_mnist_layout(const std::filesystem::path& directory, const idx_settings& settings,
                                             const std::string& remedy) {
  const auto part = [&](const std::string& stem) {
    const auto images = find_idx(directory, stem + "-images", "idx3-ubyte", remedy);
    image_set set = read_idx(images, find_idx(directory, stem + "-labels", "idx1-ubyte", remedy), settings);
    if (set.shape() != image_shape{28, 28, 1})
      throw input_error{at_unpacked_byte(images, 8), text("images of ", set.shape(), " (CxHxW), wanted 1x28x28"),
                        remedy};
    return set;
  };
  return {.train = part("train"), .test = part("t10k")};
}

}  // namespace detail

/// MNIST: 60000 + 10000 images of 28x28. `directory` holds train-images-idx3-ubyte, train-labels-idx1-ubyte,
/// t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, each plain or .gz, or has them in MNIST/raw. Throws input_error.
[[nodiscard]] inline split mnist(const std::filesystem::path& directory) {
  const char* const remedy =
      "give the directory that holds MNIST's train-images-idx3-ubyte, train-labels-idx1-ubyte, "
      "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, plain or .gz";
  return detail::read_mnist_layout(data_directory(directory, "MNIST/raw", remedy),
                                   {.normalization = {.mean = {0.1307}, .deviation = {0.3081}}}, remedy);
}

/// Where Debian's package dataset-fashion-mnist puts its files.
inline constexpr const char* debian_fashion_mnist = "/usr/share/datasets/fashion-mnist";

/// Fashion-MNIST (H. Xiao, K. Rasul, R. Vollgraf, 2017): 60000 + 10000 images of 28x28, files named as MNIST's, or in
/// FashionMNIST/raw. Without a directory it is read from Debian's package. Throws input_error.
[[nodiscard]] inline split fashion_mnist(const std::filesystem::path& directory = {}) {
  const char* const remedy =
      "apt-get install dataset-fashion-mnist and give no directory, or give the directory that "
      "holds the four files train-images-idx3-ubyte ... t10k-labels-idx1-ubyte, plain or .gz";
  return detail::read_mnist_layout(
      data_directory(directory.empty() ? debian_fashion_mnist : directory, "FashionMNIST/raw", remedy),
      {.normalization = {.mean = {0.2860}, .deviation = {0.3530}},
       .class_names = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
                       "Ankle boot"}},
      remedy);
}

}  // namespace comdml::data
