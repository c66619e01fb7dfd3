// SPDX-License-Identifier: BSL-1.0
/// \file
/// Figures computed with PyTorch, and the formula for the inputs that they were computed from: see make_golden.py.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/nn/layer.hpp"

namespace golden {

/// The formula of make_golden.py, written a second time.
struct formula {
  std::uint64_t seed = 0;

  [[nodiscard]] std::uint64_t draw(std::uint64_t number, std::uint64_t i) const {
    return mix(mix((seed << 32) + number) + (i + 1) * 0x9E3779B97F4A7C15u);
  }

  [[nodiscard]] double unit(std::uint64_t number, std::uint64_t i) const {
    return static_cast<double>(draw(number, i) >> 40) / 8388608.0 - 1;
  }

  /// Value i of a tensor, the `number`-th of the model.
  [[nodiscard]] float value(std::size_t number, const comdml::nn::tensor_info& tensor, std::size_t i) const {
    const double u = unit(number, i);
    const auto& shape = tensor.shape;
    if (shape.size() == 4)
      return static_cast<float>(u * std::sqrt(6.0 / static_cast<double>(shape[0] * shape[2] * shape[3])));
    if (shape.size() == 2) return static_cast<float>(u / std::sqrt(static_cast<double>(shape[1])));
    const bool near_one = tensor.name.ends_with("weight") || tensor.name.ends_with("running_var");
    return static_cast<float>(near_one ? 1 + u / 4 : u / 4);
  }

  [[nodiscard]] double pixel(std::size_t batch, std::size_t i) const { return 2 * unit(10000 + batch, i); }

  [[nodiscard]] comdml::label label(std::size_t batch, std::size_t image, std::size_t classes) const {
    return static_cast<comdml::label>(draw(20000 + batch, image) % classes);
  }

  /// The position of sample k of a tensor of `size` values.
  [[nodiscard]] std::size_t position(std::size_t number, std::size_t k, std::size_t size) const {
    return draw(30000 + number, k) % size;
  }

 private:
  static std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
  }
};

/// A file of lines `label: values`. Remembers which were asked for, so that a test can see that it left none out.
class file {
 public:
  explicit file(const std::string& name) {
    std::ifstream in{std::string{COMDML_TEST_SOURCE_DIR} + "/golden/" + name};
    for (std::string line; std::getline(in, line);) {
      const std::size_t colon = line.find(": ");
      if (colon == std::string::npos) throw std::runtime_error{name + ": not a line of figures: " + line};
      std::istringstream text{line.substr(colon + 2)};
      std::vector<double>& values = lines_[line.substr(0, colon)];
      for (double value = 0; text >> value;) values.push_back(value);
      if (!text.eof()) throw std::runtime_error{name + ": not a number: " + line};
    }
    if (lines_.empty()) throw std::runtime_error{name + " cannot be read"};
  }

  [[nodiscard]] const std::vector<double>& operator[](const std::string& label) {
    const auto found = lines_.find(label);
    if (found == lines_.end()) throw std::runtime_error{"no line " + label};
    used_.insert(label);
    return found->second;
  }

  /// A label that was not asked for, or nothing.
  [[nodiscard]] std::string unused() const {
    for (const auto& [label, values] : lines_)
      if (!used_.contains(label)) return label;
    return {};
  }

 private:
  std::map<std::string, std::vector<double>> lines_;
  std::set<std::string> used_;
};

/// The largest difference, relative to the golden value or to `typical`, whichever is larger: a value much smaller than
/// its neighbors carries the rounding errors of sums as large as they are. Infinite if a value is not finite or
/// missing.
template <class Values>
[[nodiscard]] double worst_difference(const Values& values, const std::vector<double>& expected, double typical) {
  if (values.size() != expected.size() || expected.empty()) return INFINITY;
  double worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference =
        std::abs(static_cast<double>(values[i]) - expected[i]) / std::max(std::abs(expected[i]), typical);
    if (!std::isfinite(difference)) return INFINITY;
    worst = std::max(worst, difference);
  }
  return worst;
}

}  // namespace golden
