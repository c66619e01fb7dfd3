// SPDX-License-Identifier: BSL-1.0
/// \file
/// Short ways to write down links, messages and runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

#include "comdml/comm/in_process.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/core/links.hpp"

namespace comm_test {

using namespace comdml;

using virtual_network = comm::in_process<comm::virtual_time>;
using wall_network = comm::in_process<comm::wall_time>;
using virtual_endpoint = virtual_network::endpoint;

inline constexpr seconds never = seconds::infinity();
inline constexpr comm::tag plain{};
inline constexpr directed_link instant{bits_per_second::infinity(), {}};

inline agent_id id(std::size_t value) { return agent_id{static_cast<std::uint32_t>(value)}; }

inline std::vector<agent_id> ids(std::size_t count) {
  std::vector<agent_id> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(id(i));
  return all;
}

/// Links in both directions between the given pairs.
inline link_matrix linked(std::size_t agents, std::initializer_list<std::pair<std::size_t, std::size_t>> pairs,
                          directed_link each = instant) {
  link_matrix links{agents};
  for (const auto& [a, b] : pairs) links.set_both(id(a), id(b), each);
  return links;
}

inline link_matrix all_linked(std::size_t agents, directed_link each = instant) {
  link_matrix links{agents};
  for (std::size_t i = 0; i < agents; ++i)
    for (std::size_t j = 0; j < i; ++j) links.set_both(id(i), id(j), each);
  return links;
}

inline link_matrix line(std::size_t agents, directed_link each = instant) {
  link_matrix links{agents};
  for (std::size_t i = 1; i < agents; ++i) links.set_both(id(i - 1), id(i), each);
  return links;
}

inline link_matrix star(std::size_t agents, directed_link each = instant) {
  link_matrix links{agents};
  for (std::size_t i = 1; i < agents; ++i) links.set_both(id(0), id(i), each);
  return links;
}

inline std::vector<std::byte> sized(std::size_t size, unsigned char value = 0) {
  return std::vector<std::byte>(size, std::byte{value});
}

inline void idle() {}

}  // namespace comm_test
