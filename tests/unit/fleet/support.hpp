// SPDX-License-Identifier: BSL-1.0
/// \file
/// What several tests of fleets use.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "comdml/core/ids.hpp"

namespace support {

inline std::vector<comdml::agent_id> ids(std::initializer_list<std::uint32_t> values) {
  std::vector<comdml::agent_id> all;
  for (const std::uint32_t value : values) all.push_back(comdml::agent_id{value});
  return all;
}

}  // namespace support
