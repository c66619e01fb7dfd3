// SPDX-License-Identifier: BSL-1.0
/// \file
/// Batch normalization (Ioffe and Szegedy 2015) per channel, with PyTorch's running statistics. Models Layer.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>

#include "comdml/core/errors.hpp"
#include "comdml/nn/layer.hpp"

namespace comdml::nn {

/// y = (x - mean) / sqrt(variance + epsilon) * weight + bias, over images, height and width. Training takes the
/// batch's mean and biased variance, and moves running_mean and running_var (unbiased) by `momentum` towards them;
/// inference takes the running ones. Training requires at least two values per channel.
/// Tensors: weight, bias; statistics running_mean, running_var; each of C values. Memory: mean, 1 / deviation.
struct batch_normalization {
  static constexpr bool backward_reads_output = false;

  double momentum = 0.1;
  double epsilon = 1e-5;

  [[nodiscard]] image_shape output_shape(image_shape in) const { return in; }

  void describe(image_shape in, description& list) const {
    list.add("weight", {in.channels}, tensor_kind::parameter, initializer::ones());
    list.add("bias", {in.channels}, tensor_kind::parameter, initializer::zeros());
    list.add("running_mean", {in.channels}, tensor_kind::statistic, initializer::zeros());
    list.add("running_var", {in.channels}, tensor_kind::statistic, initializer::ones());
  }

  [[nodiscard]] std::size_t memory_size(image_shape in, std::size_t) const { return 2 * in.channels; }
  [[nodiscard]] double multiply_adds(image_shape) const { return 0; }

  template <class T>
  void forward(const forward_pass<T>& pass) const {
    const arena::scope release{pass.scratch};
    const std::size_t channels = pass.in.channels, rows = pass.images * pass.in.height * pass.in.width;
    const std::span<T> mean = pass.scratch.template take<T>(channels);
    const std::span<T> scale = pass.scratch.template take<T>(channels);
    if (pass.mode == mode::train) {
      measure(pass, rows);
      for (std::size_t c = 0; c < channels; ++c) {
        mean[c] = pass.memory[c];
        scale[c] = pass.memory[channels + c] * pass.parameters[c];
      }
    } else {
      for (std::size_t c = 0; c < channels; ++c) {
        mean[c] = pass.statistics[c];
        scale[c] = inverse_deviation<T>(static_cast<double>(pass.statistics[channels + c])) * pass.parameters[c];
      }
    }
    const std::span<const T> shift = pass.parameters.subspan(channels);
    parallel_blocks(pass.exec, rows, [&](std::size_t, std::size_t begin, std::size_t end) {
      for (std::size_t row = begin; row < end; ++row)
        for (std::size_t c = 0, i = row * channels; c < channels; ++c, ++i)
          pass.output[i] = (pass.input[i] - mean[c]) * scale[c] + shift[c];
    });
  }

  /// With h = (x - mean) / deviation and sums over the batch's N values: d bias = sum dy, d weight = sum dy h,
  /// dx = weight / deviation (dy - d bias / N - h d weight / N).
  template <class T>
  void backward(const backward_pass<T>& pass) const {
    const arena::scope release{pass.scratch};
    const std::size_t channels = pass.in.channels, rows = pass.images * pass.in.height * pass.in.width;
    const std::span<const T> mean = pass.memory.first(channels), inverse = pass.memory.subspan(channels, channels);

    const std::span<double> partial = pass.scratch.template take<double>(reduction_blocks * 2 * channels);
    const std::size_t blocks =
        parallel_blocks(pass.exec, rows, [&](std::size_t block, std::size_t begin, std::size_t end) {
          const std::span<double> sum = partial.subspan(block * 2 * channels, 2 * channels);
          for (double& value : sum) value = 0;
          for (std::size_t row = begin; row < end; ++row)
            for (std::size_t c = 0, i = row * channels; c < channels; ++c, ++i) {
              const double gradient = static_cast<double>(pass.output_gradient[i]);
              sum[c] += gradient * static_cast<double>((pass.input[i] - mean[c]) * inverse[c]);
              sum[channels + c] += gradient;
            }
        });
    for (std::size_t c = 0; c < 2 * channels; ++c) {
      double total = 0;
      for (std::size_t block = 0; block < blocks; ++block) total += partial[block * 2 * channels + c];
      pass.parameter_gradient[c] = static_cast<T>(total);
    }
    if (pass.input_gradient.empty()) return;

    const auto count = static_cast<T>(rows);
    const std::span<T> scale = pass.scratch.template take<T>(channels);
    const std::span<T> slope = pass.scratch.template take<T>(channels);
    const std::span<T> middle = pass.scratch.template take<T>(channels);
    for (std::size_t c = 0; c < channels; ++c) {
      scale[c] = pass.parameters[c] * inverse[c];
      slope[c] = pass.parameter_gradient[c] / count * inverse[c];
      middle[c] = pass.parameter_gradient[channels + c] / count;
    }
    parallel_blocks(pass.exec, rows, [&](std::size_t, std::size_t begin, std::size_t end) {
      for (std::size_t row = begin; row < end; ++row)
        for (std::size_t c = 0, i = row * channels; c < channels; ++c, ++i)
          pass.input_gradient[i] =
              scale[c] * (pass.output_gradient[i] - middle[c] - (pass.input[i] - mean[c]) * slope[c]);
    });
  }

 private:
  template <class T>
  [[nodiscard]] T inverse_deviation(double variance) const {
    return static_cast<T>(1.0 / std::sqrt(variance + epsilon));
  }

  /// Puts the batch's mean and 1 / deviation into pass.memory, and moves the running statistics.
  /// Each block takes its mean first and the squares of the differences from it then; the blocks' moments are joined
  /// in their order (Chan, Golub, LeVeque 1979). E[x^2] - mean^2 would cancel.
  template <class T>
  void measure(const forward_pass<T>& pass, std::size_t rows) const {
    COMDML_REQUIRE(rows > 1, "batch normalization of ", pass.images, " image of ", pass.in, " in training");
    const std::size_t channels = pass.in.channels;
    const std::span<double> partial = pass.scratch.template take<double>(reduction_blocks * 2 * channels);
    const std::size_t blocks =
        parallel_blocks(pass.exec, rows, [&](std::size_t block, std::size_t begin, std::size_t end) {
          const std::span<double> mean = partial.subspan(block * 2 * channels, channels);
          const std::span<double> squares = partial.subspan((block * 2 + 1) * channels, channels);
          for (std::size_t c = 0; c < channels; ++c) mean[c] = squares[c] = 0;
          for (std::size_t row = begin; row < end; ++row)
            for (std::size_t c = 0; c < channels; ++c) mean[c] += static_cast<double>(pass.input[row * channels + c]);
          for (double& value : mean) value /= static_cast<double>(end - begin);
          for (std::size_t row = begin; row < end; ++row)
            for (std::size_t c = 0; c < channels; ++c) {
              const double difference = static_cast<double>(pass.input[row * channels + c]) - mean[c];
              squares[c] += difference * difference;
            }
        });
    for (std::size_t c = 0; c < channels; ++c) {
      double count = 0, mean = 0, squares = 0;
      for (std::size_t block = 0; block < blocks; ++block) {
        const auto added = static_cast<double>(rows * (block + 1) / blocks - rows * block / blocks);
        const double difference = partial[block * 2 * channels + c] - mean;
        squares += partial[(block * 2 + 1) * channels + c] + difference * difference * count * added / (count + added);
        mean += difference * added / (count + added);
        count += added;
      }
      pass.memory[c] = static_cast<T>(mean);
      pass.memory[channels + c] = inverse_deviation<T>(squares / count);
      const auto move = [&](T& running, double value) {
        running = static_cast<T>((1 - momentum) * static_cast<double>(running) + momentum * value);
      };
      move(pass.statistics[c], mean);
      move(pass.statistics[channels + c], squares / (count - 1));
    }
  }
};

static_assert(Layer<batch_normalization>);

}  // namespace comdml::nn
