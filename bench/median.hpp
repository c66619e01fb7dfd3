// SPDX-License-Identifier: BSL-1.0
/// \file
/// What every timing is summed up by.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace bench {

/// The middle value, or the mean of the two in the middle. Requires at least one.
inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace bench
