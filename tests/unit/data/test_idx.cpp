// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <algorithm>

#include "comdml/data/idx.hpp"
#include "../temporary_directory.hpp"

using namespace comdml;

namespace {

void append(byte_list& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

byte_list images(std::uint32_t count, std::uint32_t height, std::uint32_t width) {
  byte_list out;
  for (const std::uint32_t value : {0x803u, count, height, width}) append(out, value);
  for (std::uint32_t i = 0; i < count * height * width; ++i) out.push_back(static_cast<std::uint8_t>(i * 7));
  return out;
}

byte_list labels(std::uint32_t count) {
  byte_list out;
  for (const std::uint32_t value : {0x801u, count}) append(out, value);
  for (std::uint32_t i = 0; i < count; ++i) out.push_back(static_cast<std::uint8_t>(i % 10));
  return out;
}

byte_list shortened(byte_list content, std::size_t size) {
  content.resize(size);
  return content;
}

byte_list changed(byte_list content, std::size_t offset, std::uint8_t value) {
  content.at(offset) = value;
  return content;
}

/// The message when these two files are read; it must begin with the file at fault and the offset.
std::string failure(const byte_list& image_bytes, const byte_list& label_bytes) {
  const temporary_directory directory;
  const auto image_file = directory.write("images", image_bytes);
  const auto label_file = directory.write("labels", label_bytes);
  std::string message = input_error_of([&] { (void)data::read_idx(image_file, label_file); });
  CHECK(contains(message, "remedy: "));
  if (message.starts_with(directory.path().string() + "/")) message.erase(0, directory.path().string().size() + 1);
  return message;
}

}  // namespace

TEST_CASE("IDX files are read, plain or compressed") {
  const temporary_directory directory;
  const auto label_file = directory.write("labels", labels(12));
  const data::image_set plain = data::read_idx(directory.write("images", images(12, 3, 5)), label_file);
  CHECK(plain.size() == 12);
  CHECK(plain.shape() == image_shape{3, 5, 1});
  CHECK(plain.label(11) == 1);
  CHECK(plain.pixels(1)[0] == 15 * 7);
  const data::image_set packed =
      data::read_idx(directory.write_gzip("images.gz", images(12, 3, 5)), directory.write_gzip("l.gz", labels(12)));
  CHECK(packed.size() == 12);
  for (std::size_t i = 0; i < 12; ++i) {
    CHECK(packed.label(i) == plain.label(i));
    CHECK(std::equal(packed.pixels(i).begin(), packed.pixels(i).end(), plain.pixels(i).begin()));
  }
}

TEST_CASE("a damaged IDX file is refused with file, offset and remedy") {
  const byte_list good_images = images(12, 3, 5);
  const byte_list good_labels = labels(12);
  CHECK(failure(shortened(good_images, 7), good_labels).starts_with("images, byte 7: the file ends within its header"));
  CHECK(failure({}, good_labels).starts_with("images, byte 0: the file ends within its header"));
  CHECK(failure(changed(good_images, 3, 1), good_labels)
            .starts_with("images, byte 0: IDX magic number 2049, wanted 2051"));
  CHECK(failure(good_images, good_images).starts_with("labels, byte 0: IDX magic number 2051, wanted 2049"));
  CHECK(failure(changed(good_images, 2, 0x0d), good_labels).starts_with("images, byte 0: IDX magic"));
  CHECK(failure(shortened(good_images, 100), good_labels).starts_with("images, byte 100: the content ends before"));
  CHECK(failure(shortened(good_images, 197), good_labels).starts_with("images, byte 196: the content goes on"));
  CHECK(failure(changed(good_images, 11, 0), good_labels).starts_with("images, byte 8: an extent of 0"));
  CHECK(failure(good_images, labels(11)).starts_with("labels, byte 4: 11 labels for the 12 images"));
  CHECK(failure(good_images, changed(good_labels, 8 + 5, 10)).starts_with("labels, byte 13: label 10 is outside 0..9"));
  CHECK(failure(good_images, shortened(good_labels, 19)).starts_with("labels, byte 19: the content ends before"));
}

TEST_CASE("a header that announces too much is refused before memory is taken") {
  byte_list huge;
  for (const std::uint32_t value : {0x803u, 0xffffffffu, 0xffffffffu, 0xffffffffu}) append(huge, value);
  CHECK(failure(huge, labels(1)).starts_with("images, byte 4: an extent of 4294967295"));
  byte_list product;
  for (const std::uint32_t value : {0x803u, 70000u, 28u, 2800u}) append(product, value);
  CHECK(failure(product, labels(1)).starts_with("images, byte 12: an extent of 2800"));
  byte_list hollow;
  for (const std::uint32_t value : {0x803u, 2000000u, 28u, 28u}) append(hollow, value);
  CHECK(failure(hollow, labels(1)).starts_with("images, byte 16: the content ends before"));
}

TEST_CASE("damaged gzip data is refused with the offset in the compressed file") {
  const temporary_directory directory;
  const byte_list content = images(200, 28, 28);
  const auto label_file = directory.write("labels", labels(200));
  const auto file = directory.write_gzip("images.gz", content);
  const byte_list packed = directory.read("images.gz");
  const auto message = [&](const byte_list& bytes) {
    directory.write("images.gz", bytes);
    return input_error_of([&] { (void)data::read_idx(file, label_file); });
  };
  CHECK(message(packed).empty());
  const std::string name = file.string() + ", byte ";
  CHECK(message(shortened(packed, packed.size() / 2))
            .starts_with(name + std::to_string(packed.size() / 2) + ": the gzip data ends too early"));
  CHECK(message(shortened(packed, packed.size() - 1))
            .starts_with(name + std::to_string(packed.size() - 1) + ": the gzip data ends too early"));
  CHECK(message({}).starts_with(name + "0: the gzip data ends too early"));
  CHECK(contains(message(changed(packed, packed.size() - 8, packed[packed.size() - 8] ^ 1)), "incorrect data check"));
  CHECK(contains(message(changed(packed, packed.size() - 1, packed.back() ^ 1)), "incorrect length check"));
  CHECK(message(content).starts_with(name + "2: not valid gzip data"));
  byte_list noise = packed;
  for (std::size_t i = noise.size() / 2; i < noise.size(); ++i) noise[i] = static_cast<std::uint8_t>(i * 151);
  CHECK(message(noise).starts_with(name));
}

TEST_CASE("a gzip bomb is not unpacked beyond what its header announces") {
  const temporary_directory directory;
  byte_list bomb = images(1, 28, 28);
  bomb.resize(std::size_t{64} << 20);
  const auto file = directory.write_gzip("images.gz", bomb);
  CHECK(std::filesystem::file_size(file) < 100000);
  CHECK(data::file_bytes(file, 1000).size() == 1000);
  CHECK(data::file_bytes(file, 1000).capacity() < 1000000);
  const std::string message = input_error_of([&] { (void)data::read_idx(file, directory.write("labels", labels(1))); });
  CHECK(
      message.starts_with(file.string() + ", byte 800 of the unpacked data: the content goes on after the 800 bytes"));
}

TEST_CASE("MNIST's layout is found under its usual names, and only with its shape") {
  const temporary_directory directory;
  const auto message = [&] { return input_error_of([&] { (void)data::mnist(directory.path()); }); };
  CHECK(message().starts_with((directory.path() / "train-images-idx3-ubyte").string() + ": there is no such file"));
  CHECK(contains(message(), "remedy: give the directory that holds MNIST's"));
  directory.write_gzip("train-images-idx3-ubyte.gz", images(20, 28, 28));
  directory.write("train-labels.idx1-ubyte", labels(20));
  directory.write("t10k-images-idx3-ubyte", images(10, 28, 28));
  CHECK(contains(message(), "t10k-labels-idx1-ubyte: there is no such file"));
  directory.write("t10k-labels-idx1-ubyte", labels(10));
  const data::split set = data::mnist(directory.path());
  CHECK(set.train.size() == 20);
  CHECK(set.test.size() == 10);
  CHECK(set.train.shape() == image_shape{28, 28, 1});
  CHECK(set.train.normalization().mean == std::vector{0.1307});
  CHECK(set.train.class_name(7) == "7");
  CHECK(data::fashion_mnist(directory.path()).test.class_name(9) == "Ankle boot");
  directory.write("t10k-images-idx3-ubyte", images(10, 14, 56));
  CHECK(message().starts_with((directory.path() / "t10k-images-idx3-ubyte").string() + ", byte 8: images of 1x14x56"));

  for (const std::string name : {"train-images-idx3-ubyte", "t10k-images-idx3-ubyte"})
    directory.write("FashionMNIST/raw/" + name, images(10, 28, 28));
  for (const std::string name : {"train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"})
    directory.write("FashionMNIST/raw/" + name, labels(10));
  CHECK(data::fashion_mnist(directory.path()).train.size() == 10);
}

TEST_CASE("a directory that is missing, empty or a file is refused") {
  const temporary_directory directory;
  const auto nowhere = directory.path() / "nowhere";
  CHECK(input_error_of([&] {
          (void)data::mnist(nowhere);
        }).starts_with(nowhere.string() + ": there is no such directory"));
  CHECK(input_error_of([&] { (void)data::mnist(""); }).starts_with("data directory: none was given"));
  const auto file = directory.write("file", labels(1));
  CHECK(contains(input_error_of([&] { (void)data::mnist(file); }), "there is no such directory"));
  std::filesystem::create_directory(directory.path() / "train-images-idx3-ubyte");
  directory.write("train-labels-idx1-ubyte", labels(1));
  CHECK(contains(input_error_of([&] { (void)data::mnist(directory.path()); }), "cannot be opened as a file"));
}
