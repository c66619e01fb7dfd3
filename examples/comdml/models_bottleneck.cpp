// SPDX-License-Identifier: BSL-1.0
/// \file
/// Residual networks of bottleneck blocks (the ComDML authors').
#include "comdml/nn/resnet.hpp"
#include "models.hpp"

namespace program {

any_network make_bottleneck(const std::string& shortcut, std::size_t depth, image_shape input, std::size_t classes) {
  using namespace comdml::nn;
  return shortcut == "projection" ? any_network{make_bottleneck_resnet<projection>(depth, input, classes)}
                                  : any_network{make_bottleneck_resnet<identity_padded>(depth, input, classes)};
}

}  // namespace program
