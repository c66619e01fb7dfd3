// SPDX-License-Identifier: BSL-1.0
#include "comdml/tensor/shape.hpp"

#include <doctest/doctest.h>

#include <sstream>

using namespace comdml;

static_assert(image_shape{.height = 4, .width = 5, .channels = 3}.size() == 60);
static_assert(image_shape{.channels = 10}.size() == 10);
static_assert(image_shape{}.size() == 1);
static_assert(index_range{3, 7}.size() == 4);
static_assert(index_range{3, 3}.size() == 0);

TEST_CASE("shapes print as channels x height x width") {
  std::ostringstream out;
  out << image_shape{.height = 4, .width = 5, .channels = 3};
  CHECK(out.str() == "3x4x5");
  CHECK(image_shape{4, 5, 3} != image_shape{5, 4, 3});
}
