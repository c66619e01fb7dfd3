// SPDX-License-Identifier: BSL-1.0
/// \file
/// What single layers compute, against plain loops and written numbers.
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/random.hpp"
#include "comdml/nn/batch_normalization.hpp"
#include "comdml/nn/convolution.hpp"
#include "comdml/nn/convolution_gemm.hpp"
#include "comdml/nn/global_average_pool.hpp"
#include "comdml/nn/linear.hpp"
#include "comdml/nn/relu.hpp"
#include "comdml/nn/residual.hpp"
#include "comdml/nn/shortcuts.hpp"
#include "comdml/tensor/blas_threads.hpp"

namespace nn = comdml::nn;
using comdml::image_shape;

namespace {

std::vector<double> random_values(std::size_t count, std::uint64_t seed) {
  comdml::random_stream rng{seed, comdml::purpose::testing};
  std::vector<double> values(count);
  for (double& value : values) value = rng.normal();
  return values;
}

template <class L>
std::vector<double> forward(const L& layer, image_shape in, std::size_t images, const std::vector<double>& input,
                            const std::vector<double>& parameters, std::vector<double>& statistics, nn::mode how) {
  std::vector<double> output(layer.output_shape(in).size() * images), memory(layer.memory_size(in, images));
  comdml::arena scratch;
  layer.forward(nn::forward_pass<double>{in,
                                         images,
                                         input,
                                         output,
                                         parameters,
                                         statistics,
                                         how == nn::mode::train ? std::span{memory} : std::span<double>{},
                                         scratch,
                                         how,
                                         {2}});
  return output;
}

template <class L>
std::vector<double> forward(const L& layer, image_shape in, std::size_t images, const std::vector<double>& input,
                            const std::vector<double>& parameters = {}) {
  std::vector<double> none;
  return forward(layer, in, images, input, parameters, none, nn::mode::train);
}

}  // namespace

TEST_CASE("a convolution is the plain sum over channels and kernel, weights lying O x I x H x W") {
  for (const std::size_t kernel : std::vector<std::size_t>{1, 3, 5})
    for (const std::size_t stride : std::vector<std::size_t>{1, 2, 3})
      for (const image_shape in :
           {image_shape{6, 5, 3}, image_shape{1, 1, 2}, image_shape{2, 7, 1}, image_shape{32, 32, 8}}) {
        const nn::convolution_gemm layer{.channels = 4, .kernel = kernel, .stride = stride, .bias = true};
        const std::size_t images = 5, taps = kernel * kernel;
        const auto input = random_values(in.size() * images, 1);
        const auto weights = random_values(4 * in.channels * taps + 4, 2);
        const image_shape out = layer.output_shape(in);
        const auto output = forward(layer, in, images, input, weights);
        double largest = 0;
        for (std::size_t n = 0; n < images; ++n)
          for (std::size_t y = 0; y < out.height; ++y)
            for (std::size_t x = 0; x < out.width; ++x)
              for (std::size_t o = 0; o < 4; ++o) {
                double sum = weights[4 * in.channels * taps + o];
                for (std::size_t c = 0; c < in.channels; ++c)
                  for (std::size_t i = 0; i < kernel; ++i)
                    for (std::size_t j = 0; j < kernel; ++j) {
                      const std::size_t row = y * stride + i, column = x * stride + j, padding = kernel / 2;
                      if (row < padding || column < padding || row - padding >= in.height ||
                          column - padding >= in.width)
                        continue;
                      sum += weights[((o * in.channels + c) * kernel + i) * kernel + j] *
                             input[((n * in.height + row - padding) * in.width + column - padding) * in.channels + c];
                    }
                largest = std::max(largest, std::abs(sum - output[((n * out.height + y) * out.width + x) * 4 + o]));
              }
        CHECK(largest < 1e-12);
      }
}

namespace {

/// Output, weight gradient and input gradient of a convolution, one behind the other.
template <class T, class L>
std::vector<std::vector<double>> passes_in(const L& layer, image_shape in, std::size_t images,
                                           const std::vector<double>& input, const std::vector<double>& weights,
                                           const std::vector<double>& output_gradient) {
  const comdml::blas_single_thread guard;
  const std::vector<T> x(input.begin(), input.end()), w(weights.begin(), weights.end());
  const std::vector<T> dy(output_gradient.begin(), output_gradient.end());
  std::vector<T> y(dy.size(), T{-7}), dw(w.size(), T{-7}), dx(x.size(), T{-7}), alone(w.size(), T{-7});
  comdml::arena scratch;
  layer.forward(nn::forward_pass<T>{in, images, x, y, w, {}, {}, scratch, nn::mode::train, {2}});
  layer.backward(nn::backward_pass<T>{in, images, x, y, dy, w, {}, dx, dw, scratch, {2}});
  layer.backward(nn::backward_pass<T>{in, images, x, y, dy, w, {}, {}, alone, scratch, {3}});
  CHECK(alone == dw);
  return {{y.begin(), y.end()}, {dw.begin(), dw.end()}, {dx.begin(), dx.end()}};
}

/// Norm of the difference, relative to the norm.
double distance(const std::vector<double>& values, const std::vector<double>& expected) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference += (values[i] - expected[i]) * (values[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(difference / norm);
}

}  // namespace

TEST_CASE("convolutions on kernels are in float what their reference is in double") {
  for (const std::size_t kernel : std::vector<std::size_t>{1, 3, 5})
    for (const std::size_t stride : std::vector<std::size_t>{1, 2})
      for (const std::size_t channels : std::vector<std::size_t>{5, 16, 35})
        for (const image_shape in : {image_shape{6, 5, 3}, image_shape{1, 1, 16}, image_shape{2, 7, 32},
                                     image_shape{9, 10, 17}, image_shape{16, 16, 16}}) {
          CAPTURE(kernel);
          CAPTURE(stride);
          CAPTURE(channels);
          CAPTURE(in.channels);
          CAPTURE(in.height);
          const nn::convolution_gemm reference{.channels = channels, .kernel = kernel, .stride = stride};
          const std::size_t images = in.height < 9 ? 19 : 2;
          const auto input = random_values(in.size() * images, 1);
          const auto weights = random_values(channels * in.channels * kernel * kernel, 2);
          const auto gradient = random_values(reference.output_shape(in).size() * images, 3);
          const auto expected = passes_in<double>(reference, in, images, input, weights, gradient);
          const auto check = [&](const auto& layer) {
            const auto found = passes_in<float>(layer, in, images, input, weights, gradient);
            for (std::size_t i = 0; i < expected.size(); ++i) CHECK(distance(found[i], expected[i]) <= 2e-6);
          };
          check(nn::convolution{.channels = channels, .kernel = kernel, .stride = stride});
          check(nn::convolution_direct{.channels = channels, .kernel = kernel, .stride = stride});
          check(nn::convolution_winograd{.channels = channels, .kernel = kernel, .stride = stride});
        }
}

TEST_CASE("a convolution on kernels has a widest kernel, and names its reference for wider ones") {
  CHECK(nn::convolution{.channels = 7, .kernel = 11, .stride = 2}.output_shape({28, 27, 1}) == image_shape{14, 14, 7});
  CHECK_THROWS_WITH_AS((void)(nn::convolution{.kernel = 13}.output_shape({4, 4, 1})),
                       doctest::Contains("convolution_gemm"), comdml::contract_error);
  CHECK_THROWS_AS((void)(nn::convolution{.kernel = 2}.output_shape({4, 4, 1})), comdml::contract_error);
}

TEST_CASE("a convolution says which shapes it takes") {
  CHECK(nn::convolution_gemm{.channels = 7, .stride = 2}.output_shape({28, 27, 1}) == image_shape{14, 14, 7});
  CHECK_THROWS_AS((void)(nn::convolution_gemm{.kernel = 2}.output_shape({4, 4, 1})), comdml::contract_error);
  CHECK_THROWS_AS((void)(nn::convolution_gemm{.stride = 0}.output_shape({4, 4, 1})), comdml::contract_error);
  CHECK_THROWS_AS((void)(nn::convolution_gemm{}.output_shape({0, 4, 1})), comdml::contract_error);
}

TEST_CASE("a linear layer is W x + b, weights lying outputs x inputs") {
  CHECK(forward(nn::linear{2}, {1, 1, 3}, 2, {1, 2, 3, 4, 5, 6}, {1, 10, 100, -1, 0, 1, 0.5, -0.5}) ==
        std::vector<double>{321.5, 1.5, 654.5, 1.5});
  CHECK(nn::linear{2}.output_shape({2, 2, 3}) == image_shape{1, 1, 2});
  CHECK(nn::parameter_count(nn::linear{2}, {2, 2, 3}) == 26);
}

TEST_CASE("global average pooling is the mean of each channel") {
  CHECK(forward(nn::global_average_pool{}, {2, 1, 2}, 2, {1, 2, 3, 4, 5, 6, 7, 8}) == std::vector<double>{2, 3, 6, 7});
}

TEST_CASE("ReLU keeps what is not a number, so that divergence shows") {
  const auto output = forward(nn::relu{}, {1, 1, 3}, 1, {-1, 2, std::numeric_limits<double>::quiet_NaN()});
  CHECK(output[0] == 0);
  CHECK(output[1] == 2);
  CHECK(std::isnan(output[2]));
}

TEST_CASE("batch normalization: the batch's moments in training, the running ones in inference") {
  const nn::batch_normalization layer{.momentum = 0.25, .epsilon = 1e-3};
  const image_shape in{2, 1, 2};  // channel 0: 1, 3, 5, 7; channel 1: 2, 2, 2, 6
  const std::vector<double> input{1, 2, 3, 2, 5, 2, 7, 6}, parameters{2, 1, 0.5, -1};
  std::vector<double> statistics{8, 0, 1, 3};
  const auto trained = forward(layer, in, 2, input, parameters, statistics, nn::mode::train);
  const auto normal = [](double x, double mean, double variance) { return (x - mean) / std::sqrt(variance + 1e-3); };
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(trained[2 * i] == doctest::Approx(2 * normal(input[2 * i], 4, 5) + 0.5).epsilon(1e-12));
    CHECK(trained[2 * i + 1] == doctest::Approx(normal(input[2 * i + 1], 3, 3) - 1).epsilon(1e-12));
  }
  CHECK(statistics[0] == doctest::Approx(0.75 * 8 + 0.25 * 4));
  CHECK(statistics[1] == doctest::Approx(0.25 * 3));
  CHECK(statistics[2] == doctest::Approx(0.75 * 1 + 0.25 * 20.0 / 3));  // unbiased
  CHECK(statistics[3] == doctest::Approx(0.75 * 3 + 0.25 * 4));
  const auto before = statistics;
  const auto inferred = forward(layer, in, 2, input, parameters, statistics, nn::mode::infer);
  CHECK(statistics == before);
  CHECK(inferred[4] == doctest::Approx(2 * normal(5, before[0], before[2]) + 0.5).epsilon(1e-12));
}

TEST_CASE("batch normalization does not cancel where the mean is far larger than the deviation") {
  const nn::batch_normalization layer{.momentum = 1, .epsilon = 0};
  const std::size_t images = 1000;
  auto input = random_values(images, 3);
  std::vector<double> statistics{0, 1};
  const auto expected = forward(layer, {1, 1, 1}, images, input, {1, 0}, statistics, nn::mode::train);
  for (double& value : input) value += 1e8;
  const auto shifted = forward(layer, {1, 1, 1}, images, input, {1, 0}, statistics, nn::mode::train);
  double largest = 0;
  for (std::size_t i = 0; i < images; ++i) largest = std::max(largest, std::abs(shifted[i] - expected[i]));
  CHECK(largest < 1e-6);
}

TEST_CASE("batch normalization of one value is a broken contract in training, and well in inference") {
  std::vector<double> statistics{0, 1};
  CHECK_THROWS_AS(forward(nn::batch_normalization{}, {1, 1, 1}, 1, {5}, {1, 0}, statistics, nn::mode::train),
                  comdml::contract_error);
  CHECK(forward(nn::batch_normalization{.epsilon = 0}, {1, 1, 1}, 1, {5}, {1, 0}, statistics, nn::mode::infer)[0] == 5);
}

TEST_CASE("the padded shortcut takes every second pixel and puts half of the zero channels on each side") {
  const nn::identity_padded shortcut{.channels = 5, .stride = 2};
  const image_shape in{3, 3, 2};
  std::vector<double> input(in.size());
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<double>(i + 1);
  CHECK(shortcut.output_shape(in) == image_shape{2, 2, 5});
  CHECK(forward(shortcut, in, 1, input) ==
        std::vector<double>{0, 1, 2, 0, 0, 0, 5, 6, 0, 0, 0, 13, 14, 0, 0, 0, 17, 18, 0, 0});
  CHECK_FALSE(shortcut.is_identity(in));
  CHECK(nn::identity_padded{.channels = 2, .stride = 1}.is_identity(in));
  CHECK_THROWS_AS((void)(nn::identity_padded{.channels = 1, .stride = 1}.output_shape(in)), comdml::contract_error);
}

TEST_CASE("a residual block whose main path puts out zero is the activation of its shortcut") {
  const nn::basic_block<> block{3};
  const image_shape in{2, 2, 3};
  const auto input = random_values(in.size() * 2, 4);
  // Second normalization with weight 0 and bias 0: the main path ends in zero.
  std::vector<double> parameters = random_values(nn::parameter_count(block, in), 5);
  std::fill(parameters.end() - 6, parameters.end(), 0.0);
  std::vector<double> statistics(nn::statistic_count(block, in), 1);
  const auto output = forward(block, in, 2, input, parameters, statistics, nn::mode::train);
  for (std::size_t i = 0; i < output.size(); ++i) CHECK(output[i] == std::max(input[i], 0.0));
}

TEST_CASE("a residual block refuses paths of different shapes") {
  const nn::residual block{nn::sequential{nn::convolution_gemm{.channels = 4}}, nn::identity_padded{5, 1}, nn::relu{}};
  CHECK_THROWS_AS((void)block.output_shape({4, 4, 2}), comdml::contract_error);
}
