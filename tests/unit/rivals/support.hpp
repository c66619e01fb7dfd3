// SPDX-License-Identifier: BSL-1.0
/// \file
/// Jobs of the rivals: the digits, and a model of two linear layers that trains in no time.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../learn/support.hpp"
#include "comdml/nn/linear.hpp"
#include "comdml/nn/relu.hpp"
#include "comdml/nn/sequential.hpp"

namespace support {

struct small_model : nn::network<nn::sequential<nn::linear, nn::relu, nn::linear>> {
  small_model(image_shape input, std::size_t classes)
      : network{nn::sequential{nn::linear{12}, nn::relu{}, nn::linear{classes}}, input} {}
};

template <class Algorithm, class Base = job>
struct rival : Base {
  using algorithm = Algorithm;
};
struct small_job : job {
  using model = small_model;
};

enum class shape { complete, ring, star, line };

/// Agents of speeds 4, 1, .4, ... whose links, both ways, have the given shape.
inline fleet::description shaped(std::size_t agents, shape how, double megabits = 100) {
  fleet::description fleet = unlike(agents, megabits);
  if (how == shape::complete) return fleet;
  link_matrix links{agents};
  const auto id = [](std::size_t i) { return agent_id{static_cast<std::uint32_t>(i)}; };
  for (std::size_t i = 1; i < agents; ++i)
    links.set_both(id(how == shape::star ? 0 : i - 1), id(i), {.rate = megabits_per_second(megabits), .latency = {}});
  if (how == shape::ring && agents > 2)
    links.set_both(id(agents - 1), id(0), {.rate = megabits_per_second(megabits), .latency = {}});
  fleet.links = links;
  return fleet;
}

inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    most = std::max(most, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return most;
}

}  // namespace support
