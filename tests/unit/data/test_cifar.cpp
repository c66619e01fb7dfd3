// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <algorithm>

#include "comdml/data/cifar.hpp"
#include "../temporary_directory.hpp"

using namespace comdml;

namespace {

/// Made-up records: pixel p of channel c of record i is (i + 3 p + 50 c) mod 256.
byte_list records(std::size_t count, std::vector<std::size_t> label_classes) {
  byte_list out;
  for (std::size_t i = 0; i < count; ++i) {
    for (const std::size_t classes : label_classes) out.push_back(static_cast<std::uint8_t>((i * 7) % classes));
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t p = 0; p < 1024; ++p) out.push_back(static_cast<std::uint8_t>(i + 3 * p + 50 * c));
  }
  return out;
}

const std::string ten_names = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";

}  // namespace

TEST_CASE("CIFAR-10 records become NHWC images") {
  const temporary_directory directory;
  directory.write("data_batch_2.bin", records(5, {10}));
  directory.write("data_batch_4.bin", records(2, {10}));
  directory.write("test_batch.bin", records(3, {10}));
  const data::split set = data::cifar10(directory.path());
  CHECK(set.train.size() == 7);
  CHECK(set.test.size() == 3);
  CHECK(set.train.shape() == image_shape{32, 32, 3});
  CHECK(set.train.classes() == 10);
  CHECK(set.train.label(4) == 8);
  CHECK(set.train.label(5) == 0);
  CHECK(set.train.class_name(8) == "8");
  for (const std::size_t p : {std::size_t{0}, std::size_t{33}, std::size_t{1023}})
    for (std::size_t c = 0; c < 3; ++c)
      CHECK(set.train.pixels(2)[p * 3 + c] == static_cast<std::uint8_t>(2 + 3 * p + 50 * c));
}

TEST_CASE("CIFAR-10 is found in its usual sub-directory, with names where they are there") {
  const temporary_directory directory;
  directory.write("cifar-10-batches-bin/data_batch_1.bin", records(1, {10}));
  directory.write("cifar-10-batches-bin/test_batch.bin", records(1, {10}));
  directory.write("cifar-10-batches-bin/batches.meta.txt", ten_names);
  const data::split set = data::cifar10(directory.path());
  CHECK(set.train.class_name(0) == "airplane");
  CHECK(set.test.class_name(9) == "truck");
  directory.write("cifar-10-batches-bin/batches.meta.txt", std::string{"cat\r\ndog\r\n"});
  CHECK(contains(input_error_of([&] { (void)data::cifar10(directory.path()); }),
                 "batches.meta.txt, byte 0: 2 class names, wanted 10"));
}

TEST_CASE("a damaged CIFAR-10 is refused with file, offset and remedy") {
  const temporary_directory directory;
  const auto failure = [&] { return input_error_of([&] { (void)data::cifar10(directory.path()); }); };
  const auto train = (directory.path() / "data_batch_1.bin").string();
  CHECK(failure().starts_with(train + ": there is no such file"));
  CHECK(contains(failure(), "remedy: give the directory that holds CIFAR-10"));
  directory.write("data_batch_1.bin", records(4, {10}));
  CHECK(failure().starts_with((directory.path() / "test_batch.bin").string() + ", byte 0: there is no such file"));
  directory.write("test_batch.bin", records(4, {10}));
  CHECK(failure().empty());

  auto bytes = records(4, {10});
  bytes.resize(2 * 3073 + 100);
  directory.write("data_batch_1.bin", bytes);
  CHECK(failure().starts_with(train + ", byte 6246: 6246 bytes are not one or more whole records of 3073"));
  directory.write("data_batch_1.bin", byte_list{});
  CHECK(failure().starts_with(train + ", byte 0: 0 bytes are not one or more whole records"));
  bytes = records(4, {10});
  bytes[3 * 3073] = 10;
  directory.write("data_batch_1.bin", bytes);
  CHECK(failure().starts_with(train + ", byte 9219: label 10 is outside 0..9"));
  directory.write("data_batch_1.bin", byte_list(10001 * 3073));
  CHECK(failure().starts_with(train + ", byte 30730000: more than the official 10000 records"));
  CHECK(contains(failure(), "remedy: "));
}

TEST_CASE("CIFAR-100 has a coarse and a fine label") {
  const temporary_directory directory;
  directory.write("train.bin", records(60, {20, 100}));
  directory.write("test.bin", records(30, {20, 100}));
  const data::split fine = data::cifar100(directory.path());
  const data::split coarse = data::cifar100(directory.path(), data::cifar100_labels::coarse);
  CHECK(fine.train.size() == 60);
  CHECK(fine.test.size() == 30);
  CHECK(fine.train.classes() == 100);
  CHECK(coarse.train.classes() == 20);
  for (std::size_t i = 0; i < 60; ++i) {
    CHECK(fine.train.label(i) == static_cast<label>(i * 7 % 100));
    CHECK(coarse.train.label(i) == static_cast<label>(i * 7 % 20));
  }
  CHECK(fine.train.pixels(3)[1] == 53);
}

TEST_CASE("a damaged CIFAR-100 is refused, whichever label is wanted") {
  const temporary_directory directory;
  const auto train = (directory.path() / "cifar-100-binary" / "train.bin").string();
  std::filesystem::create_directory(directory.path() / "cifar-100-binary");
  const auto failure = [&](data::cifar100_labels which) {
    return input_error_of([&] { (void)data::cifar100(directory.path(), which); });
  };
  for (const auto which : {data::cifar100_labels::coarse, data::cifar100_labels::fine}) {
    CHECK(failure(which).starts_with(train + ", byte 0: there is no such file"));
    auto bytes = records(3, {20, 100});
    directory.write("cifar-100-binary/test.bin", bytes);
    bytes[3074] = 20;
    directory.write("cifar-100-binary/train.bin", bytes);
    CHECK(failure(which).starts_with(train + ", byte 3074: label 20 is outside 0..19"));
    bytes[3074] = 0;
    bytes[3075] = 100;
    directory.write("cifar-100-binary/train.bin", bytes);
    CHECK(failure(which).starts_with(train + ", byte 3075: label 100 is outside 0..99"));
    directory.write("cifar-100-binary/train.bin", records(3, {10}));
    CHECK(failure(which).starts_with(train + ", byte 9219: 9219 bytes are not one or more whole records of 3074"));
    std::filesystem::remove(train);
  }
}
