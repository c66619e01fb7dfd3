// SPDX-License-Identifier: BSL-1.0
/// \file
/// Data sets by name.
#include "data_sets.hpp"

#include "comdml/core/errors.hpp"
#include "comdml/data/cifar.hpp"
#include "comdml/data/digits.hpp"
#include "comdml/data/idx.hpp"

namespace program {

const std::vector<std::string>& data_set_names() {
  static const std::vector<std::string> names{"digits", "mnist", "fashion-mnist", "cifar10", "cifar100"};
  return names;
}

image_kind images_of(const std::string& name) {
  if (name == "digits") return {{8, 8, 1}, 10};
  if (name == "mnist" || name == "fashion-mnist") return {{28, 28, 1}, 10};
  return {{32, 32, 3}, name == "cifar100" ? std::size_t{100} : std::size_t{10}};
}

namespace {

comdml::data::split load(const std::string& name, const std::string& directory) {
  namespace data = comdml::data;
  if (name == "digits") return data::digits();
  if (name == "fashion-mnist") return data::fashion_mnist(directory);
  if (directory.empty())
    throw comdml::input_error{"--data-dir", "none was given", "give the directory that holds the files of " + name};
  if (name == "mnist") return data::mnist(directory);
  return name == "cifar10" ? data::cifar10(directory) : data::cifar100(directory);
}

}  // namespace

comdml::data::split load_data_set(const std::string& name, const std::string& directory, std::uint64_t train_limit,
                                  std::uint64_t test_limit) {
  comdml::data::split images = load(name, directory);
  if (train_limit > 0) images.train.limit(train_limit);
  if (test_limit > 0) images.test.limit(test_limit);
  return images;
}

}  // namespace program
