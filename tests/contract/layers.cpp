// SPDX-License-Identifier: BSL-1.0
/// \file
/// Every layer keeps the contract of Layer, and the checker notices those that do not.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "comdml/nn/batch_normalization.hpp"
#include "comdml/nn/convolution.hpp"
#include "comdml/nn/convolution_gemm.hpp"
#include "comdml/nn/global_average_pool.hpp"
#include "comdml/nn/linear.hpp"
#include "comdml/nn/relu.hpp"
#include "comdml/nn/repeat.hpp"
#include "comdml/nn/residual.hpp"
#include "comdml/nn/sequential.hpp"
#include "comdml/nn/shortcuts.hpp"
#include "comdml/testing/check_layer.hpp"

namespace nn = comdml::nn;
using comdml::image_shape;
using comdml::testing::check_layer;

namespace {

template <class L>
void passes(const L& layer, const comdml::testing::layer_check& options = {}) {
  const auto report = check_layer(layer, options);
  CHECK_MESSAGE(report, report.message());
}

}  // namespace

TEST_CASE("convolutions of every kernel and stride") {
  for (const std::size_t kernel : std::array<std::size_t, 3>{1, 3, 5})
    for (const std::size_t stride : std::array<std::size_t, 3>{1, 2, 3})
      for (const bool bias : {false, true}) {
        CAPTURE(kernel);
        CAPTURE(stride);
        passes(nn::convolution_gemm{.channels = 3, .kernel = kernel, .stride = stride, .bias = bias},
               {.random_shapes = 3});
      }
}

// In double, their reference twin; in float, the same bits on every number of threads.
TEST_CASE_TEMPLATE("convolutions on kernels", L, nn::convolution, nn::convolution_direct, nn::convolution_winograd) {
  for (const std::size_t kernel : std::array<std::size_t, 3>{1, 3, 5})
    for (const std::size_t stride : std::array<std::size_t, 2>{1, 2}) {
      CAPTURE(kernel);
      CAPTURE(stride);
      passes(L{.channels = 3, .kernel = kernel, .stride = stride}, {.random_shapes = 3});
    }
  passes(L{.channels = 5}, {.shapes = {{4, 5, 16}, {1, 1, 32}}, .batches = {1, 17}, .random_shapes = 0});
}

TEST_CASE("simple layers") {
  passes(nn::batch_normalization{});
  passes(nn::batch_normalization{.momentum = 0.7, .epsilon = 0.1});
  passes(nn::relu{});
  passes(nn::linear{5});
  passes(nn::global_average_pool{});
  passes(nn::identity_padded{.channels = 9, .stride = 1});
  passes(nn::identity_padded{.channels = 8, .stride = 2});
}

TEST_CASE("layers made of layers") {
  passes(nn::sequential{nn::linear{4}});
  passes(nn::sequential{nn::convolution_gemm{.channels = 4}, nn::batch_normalization{}, nn::relu{},
                        nn::convolution_gemm{.channels = 3, .stride = 2, .bias = true}, nn::global_average_pool{},
                        nn::linear{2}});
  passes(nn::repeat<nn::linear>{{{.outputs = 4}, {.outputs = 7}, {.outputs = 3}}});
}

TEST_CASE("residual blocks, with and without a change of shape") {
  using projecting = nn::basic_block<nn::convolution_gemm, nn::batch_normalization, nn::relu, nn::projection>;
  using padded_bottleneck =
      nn::bottleneck_block<nn::convolution_gemm, nn::batch_normalization, nn::relu, nn::identity_padded>;
  const std::vector<image_shape> same{{3, 4, 4}}, narrow{{5, 4, 3}, {2, 3, 1}};
  const std::vector<std::size_t> batches{3, 17};
  passes(nn::basic_block<>{4}, {.shapes = same, .batches = batches});
  passes(nn::basic_block<>{6, 2}, {.shapes = narrow, .batches = batches});
  passes(projecting{4}, {.shapes = same, .batches = batches});
  passes(projecting{6, 2}, {.shapes = narrow, .batches = batches});
  passes(nn::bottleneck_block<>{1}, {.shapes = same, .batches = batches});
  passes(nn::bottleneck_block<>{2, 2}, {.shapes = narrow, .batches = batches});
  passes(padded_bottleneck{2, 2}, {.shapes = narrow, .batches = batches});
  passes(nn::repeat<nn::basic_block<>>{{nn::basic_block<>{6, 2}, nn::basic_block<>{6}}},
         {.shapes = narrow, .batches = batches});
}

namespace {

/// What a broken layer of the tests does wrong.
enum class fault {
  none,
  adds,
  forgets,
  wrong_factor,
  thread_sum,
  overrun,
  couples_images,
  keeps_statistics,
  reads_memory
};

/// y = w x per channel, with a statistic, and one fault.
struct scaling {
  fault wrong = fault::none;

  image_shape output_shape(image_shape in) const { return in; }
  void describe(image_shape in, nn::description& list) const {
    list.add("weight", {in.channels}, nn::tensor_kind::parameter, nn::initializer::ones());
    list.add("seen", {1}, nn::tensor_kind::statistic, nn::initializer::zeros());
  }
  std::size_t memory_size(image_shape, std::size_t) const { return 1; }
  double multiply_adds(image_shape in) const { return static_cast<double>(in.size()); }

  template <class T>
  void forward(const nn::forward_pass<T>& pass) const {
    const bool training = pass.mode == nn::mode::train;
    const std::size_t channels = pass.in.channels;
    for (std::size_t i = 0; i < pass.input.size(); ++i) {
      if (wrong == fault::forgets && i == 1) continue;
      pass.output[i] = pass.input[i] * pass.parameters[i % channels];
      if (wrong == fault::couples_images && pass.images > 1) pass.output[i] += pass.input[0];
      if (wrong == fault::thread_sum && pass.exec.threads > 1) pass.output[i] *= T(1.0000001);
    }
    if (training || wrong == fault::keeps_statistics) pass.statistics[0] += static_cast<T>(pass.images);
    if (training) pass.memory.data()[wrong == fault::overrun ? 1 : 0] = T{2};
  }

  template <class T>
  void backward(const nn::backward_pass<T>& pass) const {
    const std::size_t channels = pass.in.channels;
    if (wrong != fault::adds) std::fill(pass.parameter_gradient.begin(), pass.parameter_gradient.end(), T{0});
    for (std::size_t i = 0; i < pass.input.size(); ++i)
      pass.parameter_gradient[i % channels] += pass.input[i] * pass.output_gradient[i];
    const T factor = wrong == fault::wrong_factor ? T(1.001) : wrong == fault::reads_memory ? pass.memory[0] / 2 : T{1};
    for (std::size_t i = 0; i < pass.input_gradient.size(); ++i)
      pass.input_gradient[i] = pass.output_gradient[i] * pass.parameters[i % channels] * factor;
  }
};
static_assert(comdml::Layer<scaling>);

/// Forgets to write its memory, which its backward pass reads.
struct forgetful : scaling {
  template <class T>
  void forward(const nn::forward_pass<T>& pass) const {
    const T held = pass.memory.empty() ? T{0} : pass.memory[0];
    scaling::forward(pass);
    if (!pass.memory.empty()) pass.memory[0] = held;
  }
};

/// Reads its input in backward, and says that it does not.
struct denier : scaling {
  static constexpr bool backward_reads_input = false;
};

}  // namespace

TEST_CASE("the checker notices each fault") {
  passes(scaling{});
  passes(scaling{fault::reads_memory});  // no fault as long as forward writes it
  for (const fault wrong : {fault::adds, fault::forgets, fault::wrong_factor, fault::thread_sum, fault::overrun,
                            fault::couples_images, fault::keeps_statistics}) {
    CAPTURE(static_cast<int>(wrong));
    CHECK_FALSE(check_layer(scaling{wrong}));
  }
  CHECK_FALSE(check_layer(forgetful{{fault::reads_memory}}));
}

TEST_CASE("the checker notices a layer that reads an activation after saying that it does not") {
  CHECK_FALSE(check_layer(denier{}));
}

TEST_CASE("a check that compares nothing is no success") {
  CHECK_FALSE(check_layer(nn::identity_padded{.channels = 1, .stride = 0}));
}
