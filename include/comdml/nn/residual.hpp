// SPDX-License-Identifier: BSL-1.0
/// \file
/// Residual blocks (He et al. 2016): activation(main(x) + shortcut(x)). Each models Layer.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "comdml/core/errors.hpp"
#include "comdml/nn/batch_normalization.hpp"
#include "comdml/nn/convolution.hpp"
#include "comdml/nn/detail/chain.hpp"
#include "comdml/nn/layer.hpp"
#include "comdml/nn/relu.hpp"
#include "comdml/nn/sequential.hpp"
#include "comdml/nn/shortcuts.hpp"

namespace comdml::nn {

/// Any main path, with a shortcut that arrives at the same shape. Tensors: the main path's, then the shortcut's.
/// Memory: the three layers' own, and of the main path's output, the shortcut's and their sum what backward reads.
/// A shortcut that is the identity for an input has no tensors for it, and is not called.
template <Layer Main, Shortcut Side, Layer Activation>
class residual {
 public:
  static constexpr bool backward_reads_input = reads_input<Main> || reads_input<Side>;
  static constexpr bool backward_reads_output = reads_output<Activation>;

  residual(Main main, Side side, Activation activation)
      : main_{std::move(main)}, side_{std::move(side)}, activation_{std::move(activation)} {}

  [[nodiscard]] const Main& main() const noexcept { return main_; }
  [[nodiscard]] const Side& side() const noexcept { return side_; }

  [[nodiscard]] image_shape output_shape(image_shape in) const {
    const image_shape sum = main_.output_shape(in), other = side_.output_shape(in);
    COMDML_REQUIRE(sum == other, "the main path puts out ", sum, ", the shortcut ", other);
    return activation_.output_shape(sum);
  }

  void describe(image_shape in, description& list) const {
    main_.describe(in, list);
    side_.describe(in, list);
    activation_.describe(main_.output_shape(in), list);
  }

  [[nodiscard]] std::size_t memory_size(image_shape in, std::size_t images) const {
    const image_shape sum = main_.output_shape(in);
    return main_.memory_size(in, images) + side_.memory_size(in, images) + activation_.memory_size(sum, images) +
           kept_outputs(in) * sum.size() * images;
  }

  [[nodiscard]] double multiply_adds(image_shape in) const {
    return main_.multiply_adds(in) + side_.multiply_adds(in) + activation_.multiply_adds(main_.output_shape(in));
  }

  template <class T>
  void forward(const forward_pass<T>& pass) const {
    const arena::scope release{pass.scratch};
    const std::size_t size = main_.output_shape(pass.in).size() * pass.images;
    const layout<T> at{*this, pass.in, pass.images, pass.memory, pass.scratch.template take<T>(3 * size)};
    forward_pass<T> rest = pass;
    const auto run = [&](const auto& layer, image_shape in, std::span<const T> input, std::span<T> output,
                         std::span<T> memory) {
      const value_counts counts = count_values(layer, in);
      forward_pass<T> step = pass;
      step.in = in;
      step.input = input;
      step.output = output;
      step.parameters = detail::cut(rest.parameters, counts.parameters);
      step.statistics = detail::cut(rest.statistics, counts.statistics);
      step.memory = memory;
      layer.forward(step);
    };
    run(main_, pass.in, pass.input, at.main, at.main_memory);
    if (!at.identity) run(side_, pass.in, pass.input, at.side, at.side_memory);
    add<T>(at.main, at.identity ? pass.input : std::span<const T>{at.side}, at.sum, pass.exec);
    run(activation_, at.inner, at.sum, pass.output, at.activation_memory);
  }

  template <class T>
  void backward(const backward_pass<T>& pass) const {
    const arena::scope release{pass.scratch};
    const layout<const T> at{*this, pass.in, pass.images, pass.memory, {}};
    const bool wanted = !pass.input_gradient.empty();
    const std::span<T> sum_gradient = pass.scratch.template take<T>(at.inner.size() * pass.images);
    const std::span<T> side_gradient =
        pass.scratch.template take<T>(wanted && !at.identity ? pass.in.size() * pass.images : 0);
    const std::size_t side_begin = parameter_count(main_, pass.in);
    const std::size_t activation_begin = side_begin + parameter_count(side_, pass.in);

    const auto run = [&](const auto& layer, image_shape in, index_range values, std::span<const T> input,
                         std::span<const T> output, std::span<const T> memory, std::span<const T> output_gradient,
                         std::span<T> input_gradient) {
      layer.backward(backward_pass<T>{
          in, pass.images, input, output, output_gradient, pass.parameters.subspan(values.begin, values.size()), memory,
          input_gradient, pass.parameter_gradient.subspan(values.begin, values.size()), pass.scratch, pass.exec});
    };
    run(activation_, at.inner, {activation_begin, pass.parameters.size()}, at.sum, pass.output, at.activation_memory,
        pass.output_gradient, sum_gradient);
    run(main_, pass.in, {0, side_begin}, pass.input, at.main, at.main_memory, sum_gradient, pass.input_gradient);
    if (!at.identity)
      run(side_, pass.in, {side_begin, activation_begin}, pass.input, at.side, at.side_memory, sum_gradient,
          side_gradient);
    if (wanted) add<T>(pass.input_gradient, at.identity ? sum_gradient : side_gradient, pass.input_gradient, pass.exec);
  }

 private:
  /// Of the three outputs inside the block, those that are read in a backward pass.
  [[nodiscard]] std::size_t kept_outputs(image_shape in) const {
    return std::size_t{reads_output<Main>} + std::size_t{reads_output<Side> && !side_.is_identity(in)} +
           std::size_t{reads_input<Activation>};
  }

  /// Where a block's values lie: in memory what is read in a backward pass, in scratch what is not. Inference has no
  /// memory and puts all outputs into scratch; the backward pass has no scratch, and for it those outputs are empty.
  template <class T>
  struct layout {
    layout(const residual& block, image_shape in, std::size_t images, std::span<T> memory, std::span<T> scratch)
        : inner{block.main_.output_shape(in)}, identity{block.side_.is_identity(in)} {
      const bool training = !memory.empty();
      if (training) {
        main_memory = detail::cut(memory, block.main_.memory_size(in, images));
        side_memory = detail::cut(memory, block.side_.memory_size(in, images));
        activation_memory = detail::cut(memory, block.activation_.memory_size(inner, images));
      }
      const auto place = [&](bool kept) {
        if (training && kept) return detail::cut(memory, inner.size() * images);
        return scratch.empty() ? scratch : detail::cut(scratch, inner.size() * images);
      };
      main = place(reads_output<Main>);
      if (!identity) side = place(reads_output<Side>);
      sum = place(reads_input<Activation>);
    }

    image_shape inner;
    bool identity;
    std::span<T> main_memory;
    std::span<T> side_memory;
    std::span<T> activation_memory;
    std::span<T> main;
    std::span<T> side;
    std::span<T> sum;
  };

  template <class T>
  static void add(std::span<const T> a, std::span<const T> b, std::span<T> sum, execution exec) {
    parallel_blocks(exec, sum.size(), [&](std::size_t, std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) sum[i] = a[i] + b[i];
    });
  }

 private:
  Main main_;
  Side side_;
  Activation activation_;
};

/// Two 3x3 convolutions; the first has the stride. Tensors: conv1, bn1, conv2, bn2, and the shortcut's.
/// A convolution is made from {.channels, .kernel, .stride}, a normalization and an activation from {}.
template <class Convolution = convolution, class Normalization = batch_normalization, class Activation = relu,
          class ShortcutPolicy = identity_padded>
struct basic_block : residual<sequential<Convolution, Normalization, Activation, Convolution, Normalization>,
                              typename ShortcutPolicy::template layer<Convolution, Normalization>, Activation> {
  explicit basic_block(std::size_t channels, std::size_t stride = 1)
      : basic_block::residual{{{"conv1", "bn1", "relu", "conv2", "bn2"},
                               Convolution{.channels = channels, .kernel = 3, .stride = stride},
                               Normalization{},
                               Activation{},
                               Convolution{.channels = channels, .kernel = 3, .stride = 1},
                               Normalization{}},
                              {channels, stride},
                              Activation{}} {}
};

/// 1x1 to `planes` channels, 3x3 with the stride, 1x1 to planes x expansion. Tensors: conv1, bn1, conv2, bn2, conv3,
/// bn3, and the shortcut's.
template <class Convolution = convolution, class Normalization = batch_normalization, class Activation = relu,
          class ShortcutPolicy = projection>
struct bottleneck_block : residual<sequential<Convolution, Normalization, Activation, Convolution, Normalization,
                                              Activation, Convolution, Normalization>,
                                   typename ShortcutPolicy::template layer<Convolution, Normalization>, Activation> {
  static constexpr std::size_t expansion = 4;

  explicit bottleneck_block(std::size_t planes, std::size_t stride = 1)
      : bottleneck_block::residual{{{"conv1", "bn1", "relu1", "conv2", "bn2", "relu2", "conv3", "bn3"},
                                    Convolution{.channels = planes, .kernel = 1, .stride = 1},
                                    Normalization{},
                                    Activation{},
                                    Convolution{.channels = planes, .kernel = 3, .stride = stride},
                                    Normalization{},
                                    Activation{},
                                    Convolution{.channels = planes * expansion, .kernel = 1, .stride = 1},
                                    Normalization{}},
                                   {planes * expansion, stride},
                                   Activation{}} {}
};

static_assert(Layer<basic_block<>>);
static_assert(Layer<bottleneck_block<>>);

}  // namespace comdml::nn
