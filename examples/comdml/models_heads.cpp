// SPDX-License-Identifier: BSL-1.0
/// \file
/// Auxiliary heads.
#include "comdml/split/auxiliary_head.hpp"
#include "models.hpp"

namespace program {

any_network make_pool_linear(image_shape input, std::size_t classes) {
  return any_network{comdml::split::pool_linear{}.make<float>(input, classes)};
}

any_network make_convolution_pool_linear(image_shape input, std::size_t classes) {
  return any_network{comdml::split::convolution_pool_linear{}.make<float>(input, classes)};
}

}  // namespace program
