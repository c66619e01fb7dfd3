// SPDX-License-Identifier: BSL-1.0
/// \file
/// Residual networks for small images, with PyTorch's tensor names. Each models Network.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/nn/batch_normalization.hpp"
#include "comdml/nn/convolution.hpp"
#include "comdml/nn/global_average_pool.hpp"
#include "comdml/nn/linear.hpp"
#include "comdml/nn/network.hpp"
#include "comdml/nn/relu.hpp"
#include "comdml/nn/repeat.hpp"
#include "comdml/nn/residual.hpp"
#include "comdml/nn/sequential.hpp"
#include "comdml/nn/shortcuts.hpp"

namespace comdml::nn {

/// First unit: 3x3 convolution to 16 channels, normalization, activation. Tensors: conv1, bn1.
template <class Convolution, class Normalization, class Activation>
using resnet_stem = sequential<Convolution, Normalization, Activation>;

/// Last unit: global average pooling and a linear layer. Tensors: fc.
using resnet_head = sequential<global_average_pool, linear>;

/// The type of a network does not depend on its depth, so that a program that offers them all compiles one.
template <class ShortcutPolicy = identity_padded, class Convolution = convolution,
          class Normalization = batch_normalization, class Activation = relu>
using resnet_body =
    sequential<resnet_stem<Convolution, Normalization, Activation>,
               repeat<basic_block<Convolution, Normalization, Activation, ShortcutPolicy>>,
               repeat<basic_block<Convolution, Normalization, Activation, ShortcutPolicy>>,
               repeat<basic_block<Convolution, Normalization, Activation, ShortcutPolicy>>, resnet_head>;

template <class ShortcutPolicy = projection, class Convolution = convolution, class Normalization = batch_normalization,
          class Activation = relu>
using bottleneck_resnet_body =
    sequential<resnet_stem<Convolution, Normalization, Activation>,
               repeat<bottleneck_block<Convolution, Normalization, Activation, ShortcutPolicy>>,
               repeat<bottleneck_block<Convolution, Normalization, Activation, ShortcutPolicy>>,
               repeat<bottleneck_block<Convolution, Normalization, Activation, ShortcutPolicy>>,
               repeat<bottleneck_block<Convolution, Normalization, Activation, ShortcutPolicy>>,
               repeat<bottleneck_block<Convolution, Normalization, Activation, ShortcutPolicy>>,
               repeat<bottleneck_block<Convolution, Normalization, Activation, ShortcutPolicy>>, resnet_head>;

namespace detail {

template <class Convolution, class Normalization, class Activation>
[[nodiscard]] auto make_stem() {
  return resnet_stem<Convolution, Normalization, Activation>{
      {"conv1", "bn1", "relu"}, Convolution{.channels = 16, .kernel = 3, .stride = 1}, Normalization{}, Activation{}};
}

[[nodiscard]] inline resnet_head make_head(std::size_t classes) {
  return resnet_head{{"avgpool", "fc"}, global_average_pool{}, linear{classes}};
}

/// `blocks` blocks of the same width, the first of which has the stride.
template <class Block>
[[nodiscard]] repeat<Block> make_stage(std::size_t blocks, std::size_t width, std::size_t stride) {
  std::vector<Block> layers{Block{width, stride}};
  layers.resize(blocks, Block{width});
  return repeat<Block>{std::move(layers)};
}

}  // namespace detail

/// He et al. 2016, section 4.2: three stages of (depth - 2) / 6 basic blocks with 16, 32 and 64 channels, strides 1, 2,
/// 2. Units: stem, blocks, head. Throws contract_error unless depth = 6 n + 2 with n >= 1.
template <class ShortcutPolicy = identity_padded, class Convolution = convolution,
          class Normalization = batch_normalization, class Activation = relu, Scalar T = float>
[[nodiscard]] auto make_resnet(std::size_t depth, image_shape input, std::size_t classes) {
  COMDML_REQUIRE(depth >= 8 && depth % 6 == 2, "depth ", depth, " is not 6 n + 2");
  using block = basic_block<Convolution, Normalization, Activation, ShortcutPolicy>;
  using body = resnet_body<ShortcutPolicy, Convolution, Normalization, Activation>;
  const std::size_t blocks = (depth - 2) / 6;
  return network<body, T>{body{{"", "layer1", "layer2", "layer3", ""},
                               detail::make_stem<Convolution, Normalization, Activation>(),
                               detail::make_stage<block>(blocks, 16, 1),
                               detail::make_stage<block>(blocks, 32, 2),
                               detail::make_stage<block>(blocks, 64, 2),
                               detail::make_head(classes)},
                          input};
}

/// The ComDML authors' "ResNet-56/110": six stages of (depth - 2) / 18 bottleneck blocks with 16, 16, 32, 32, 64, 64
/// planes, stride 2 at the third and the fifth; with projection shortcuts 591,322 and 1,147,738 parameters for 10
/// classes of 3 channels. Throws contract_error unless depth = 18 n + 2 with n >= 1.
template <class ShortcutPolicy = projection, class Convolution = convolution, class Normalization = batch_normalization,
          class Activation = relu, Scalar T = float>
[[nodiscard]] auto make_bottleneck_resnet(std::size_t depth, image_shape input, std::size_t classes) {
  COMDML_REQUIRE(depth >= 20 && depth % 18 == 2, "depth ", depth, " is not 18 n + 2");
  using block = bottleneck_block<Convolution, Normalization, Activation, ShortcutPolicy>;
  using body = bottleneck_resnet_body<ShortcutPolicy, Convolution, Normalization, Activation>;
  const std::size_t blocks = (depth - 2) / 18;
  return network<body, T>{body{{"", "layer1", "layer2", "layer3", "layer4", "layer5", "layer6", ""},
                               detail::make_stem<Convolution, Normalization, Activation>(),
                               detail::make_stage<block>(blocks, 16, 1),
                               detail::make_stage<block>(blocks, 16, 1),
                               detail::make_stage<block>(blocks, 32, 2),
                               detail::make_stage<block>(blocks, 32, 1),
                               detail::make_stage<block>(blocks, 64, 2),
                               detail::make_stage<block>(blocks, 64, 1),
                               detail::make_head(classes)},
                          input};
}

/// A residual network of basic blocks, its depth fixed by the type: 8, 14, 20, 32, 44, 56, 110, ...
template <std::size_t Depth, class ShortcutPolicy = identity_padded, class Convolution = convolution,
          class Normalization = batch_normalization, class Activation = relu, Scalar T = float>
class resnet : public network<resnet_body<ShortcutPolicy, Convolution, Normalization, Activation>, T> {
 public:
  static_assert(Depth >= 8 && Depth % 6 == 2, "the depth of a resnet is 6 n + 2");

  /// Any number of channels, and of pixels.
  resnet(image_shape input, std::size_t classes)
      : resnet::network{make_resnet<ShortcutPolicy, Convolution, Normalization, Activation, T>(Depth, input, classes)} {
  }
};

/// A residual network of bottleneck blocks: 56 or 110 (or any 18 n + 2).
template <std::size_t Depth, class ShortcutPolicy = projection, class Convolution = convolution,
          class Normalization = batch_normalization, class Activation = relu, Scalar T = float>
class bottleneck_resnet
    : public network<bottleneck_resnet_body<ShortcutPolicy, Convolution, Normalization, Activation>, T> {
 public:
  static_assert(Depth >= 20 && Depth % 18 == 2, "the depth of a bottleneck_resnet is 18 n + 2");

  bottleneck_resnet(image_shape input, std::size_t classes)
      : bottleneck_resnet::network{
            make_bottleneck_resnet<ShortcutPolicy, Convolution, Normalization, Activation, T>(Depth, input, classes)} {}
};

static_assert(Network<resnet<8>>);
static_assert(Network<bottleneck_resnet<56>>);

}  // namespace comdml::nn
