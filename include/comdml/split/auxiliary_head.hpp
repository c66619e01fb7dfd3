// SPDX-License-Identifier: BSL-1.0
/// \file
/// Auxiliary heads: the small network on a cut that gives the slow side its local loss. Models of AuxiliaryHead.
#pragma once

#include <cstddef>

#include "comdml/concepts.hpp"
#include "comdml/nn/batch_normalization.hpp"
#include "comdml/nn/convolution.hpp"
#include "comdml/nn/global_average_pool.hpp"
#include "comdml/nn/linear.hpp"
#include "comdml/nn/network.hpp"
#include "comdml/nn/relu.hpp"
#include "comdml/nn/sequential.hpp"

namespace comdml::split {

/// Global average pool and one linear layer, as in the authors' code.
struct pool_linear {
  template <Scalar T>
  using network = nn::network<nn::sequential<nn::global_average_pool, nn::linear>, T>;

  template <Scalar T>
  [[nodiscard]] network<T> make(image_shape shape, std::size_t classes) const {
    return {nn::sequential{nn::global_average_pool{}, nn::linear{.outputs = classes}}, shape};
  }
};

/// A 3x3 convolution that keeps the number of channels, batch normalization and ReLU, then pool_linear: a richer local
/// loss for cuts where pool_linear costs accuracy.
struct convolution_pool_linear {
  template <Scalar T>
  using network = nn::network<nn::sequential<nn::sequential<nn::convolution, nn::batch_normalization, nn::relu>,
                                             nn::global_average_pool, nn::linear>,
                              T>;

  template <Scalar T>
  [[nodiscard]] network<T> make(image_shape shape, std::size_t classes) const {
    return {nn::sequential{
                nn::sequential{nn::convolution{.channels = shape.channels}, nn::batch_normalization{}, nn::relu{}},
                nn::global_average_pool{}, nn::linear{.outputs = classes}},
            shape};
  }
};

static_assert(AuxiliaryHead<pool_linear> && AuxiliaryHead<convolution_pool_linear>);

}  // namespace comdml::split
