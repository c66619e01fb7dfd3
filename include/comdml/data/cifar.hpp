// SPDX-License-Identifier: BSL-1.0
/// \file
/// Readers of CIFAR-10 and CIFAR-100 in their official binary versions.
/// A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
#pragma once

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

/// Which of CIFAR-100's two labels: 100 fine classes, or 20 coarse ones.
enum class cifar100_labels { coarse, fine };

namespace detail {

/// A record: some label bytes, then 32x32 red, green and blue bytes, row by row.
struct cifar_format {
  /// How many classes each label byte tells apart.
  std::vector<std::size_t> label_classes;
  /// Which of the label bytes is wanted.
  std::size_t label_byte = 0;

  [[nodiscard]] std::size_t record() const { return label_classes.size() + 3 * 1024; }
};

/// Appends the records of one file, at most `most` of them.
inline void append_cifar(const std::filesystem::path& file, const cifar_format& format, std::size_t most,
                         image_contents& contents) {
  const std::size_t record = format.record();
  const auto bytes = file_bytes(file, most * record + 1);
  if (bytes.size() > most * record)
    throw input_error{at_byte(file, most * record), text("more than the official ", most, " records"), fetch_again};
  if (bytes.empty() || bytes.size() % record != 0)
    throw input_error{at_byte(file, bytes.size()),
                      text(bytes.size(), " bytes are not one or more whole records of ", record), fetch_again};
  contents.pixels.reserve(contents.pixels.size() + bytes.size());
  for (std::size_t start = 0; start < bytes.size(); start += record) {
    for (std::size_t i = 0; i < format.label_classes.size(); ++i)
      if (bytes[start + i] >= format.label_classes[i])
        throw input_error{at_byte(file, start + i),
                          text("label ", int{bytes[start + i]}, " is outside 0..", format.label_classes[i] - 1),
                          fetch_again};
    contents.labels.push_back(bytes[start + format.label_byte]);
    const std::size_t red = start + format.label_classes.size();
    for (std::size_t pixel = 0; pixel < 1024; ++pixel)
      for (std::size_t channel = 0; channel < 3; ++channel)
        contents.pixels.push_back(bytes[red + channel * 1024 + pixel]);
  }
}

/// The names of the classes, one a line; none where there is no such file.
[[nodiscard]] inline std::vector<std::string> read_class_names(const std::filesystem::path& file, std::size_t classes) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return {};
  constexpr std::size_t most = 65536;
  std::vector<std::string> names;
  std::string name;
  for (const std::uint8_t byte : file_bytes(file, most)) {
    if (byte != '\n' && byte != '\r') {
      name += static_cast<char>(byte);
    } else if (!name.empty()) {
      names.push_back(std::exchange(name, {}));
    }
  }
  if (!name.empty()) names.push_back(std::move(name));
  if (names.size() != classes)
    throw input_error{at_byte(file, 0), text(names.size(), " class names, wanted ", classes),
                      "remove the file, or fetch it again"};
  return names;
}

}  // namespace detail

/// CIFAR-10: `directory` (or its cifar-10-batches-bin) holds test_batch.bin and at least one of data_batch_1.bin to
/// data_batch_5.bin, each up to 10000 records of 3073 bytes; batches.meta.txt names the classes where it is there.
/// Throws input_error, with file and byte offset.
[[nodiscard]] inline split cifar10(const std::filesystem::path& directory) {
  const char* const remedy =
      "give the directory that holds CIFAR-10's binary version: data_batch_1.bin to "
      "data_batch_5.bin and test_batch.bin";
  const auto folder = data_directory(directory, "cifar-10-batches-bin", remedy);
  const detail::cifar_format format{.label_classes = {10}};
  constexpr std::size_t most = 10000;
  image_contents train{.shape = {32, 32, 3},
                       .classes = 10,
                       .normalization = {.mean = {0.4914, 0.4822, 0.4465}, .deviation = {0.2470, 0.2435, 0.2616}},
                       .class_names = detail::read_class_names(folder / "batches.meta.txt", 10)};
  image_contents test = train;
  for (int i = 1; i <= 5; ++i) {
    const auto file = folder / text("data_batch_", i, ".bin");
    std::error_code ignored;
    if (std::filesystem::exists(file, ignored)) detail::append_cifar(file, format, most, train);
  }
  if (train.labels.empty())
    throw input_error{(folder / "data_batch_1.bin").string(), "there is no such file, nor data_batch_2 to 5", remedy};
  detail::append_cifar(folder / "test_batch.bin", format, most, test);
  return {.train = image_set{std::move(train)}, .test = image_set{std::move(test)}};
}

/// CIFAR-100: `directory` (or its cifar-100-binary) holds train.bin (up to 50000 records of 3074 bytes) and test.bin
/// (up to 10000); fine_label_names.txt or coarse_label_names.txt names the classes where it is there. Throws
/// input_error, with file and byte offset.
[[nodiscard]] inline split cifar100(const std::filesystem::path& directory,
                                    cifar100_labels which = cifar100_labels::fine) {
  const bool fine = which == cifar100_labels::fine;
  const auto folder =
      data_directory(directory, "cifar-100-binary",
                     "give the directory that holds CIFAR-100's binary version: train.bin and test.bin");
  const detail::cifar_format format{.label_classes = {20, 100}, .label_byte = fine ? 1u : 0u};
  const std::size_t classes = format.label_classes[format.label_byte];
  image_contents train{.shape = {32, 32, 3},
                       .classes = classes,
                       .normalization = {.mean = {0.5071, 0.4865, 0.4409}, .deviation = {0.2673, 0.2564, 0.2762}},
                       .class_names = detail::read_class_names(
                           folder / (fine ? "fine_label_names.txt" : "coarse_label_names.txt"), classes)};
  image_contents test = train;
  detail::append_cifar(folder / "train.bin", format, 50000, train);
  detail::append_cifar(folder / "test.bin", format, 10000, test);
  return {.train = image_set{std::move(train)}, .test = image_set{std::move(test)}};
}

}  // namespace comdml::data
