// SPDX-License-Identifier: BSL-1.0
/// \file
/// Residual networks of basic blocks (He et al.).
#include "comdml/nn/resnet.hpp"
#include "models.hpp"

namespace program {

any_network make_basic(const std::string& shortcut, std::size_t depth, image_shape input, std::size_t classes) {
  using namespace comdml::nn;
  return shortcut == "projection" ? any_network{make_resnet<projection>(depth, input, classes)}
                                  : any_network{make_resnet<identity_padded>(depth, input, classes)};
}

}  // namespace program
