// SPDX-License-Identifier: BSL-1.0
/// \file
/// Units of convolution, batch normalization and rectifier, as a graph that the engine (engine.hpp) runs in fused
/// passes.
///
/// Between two convolutions nothing is written but the raw output y of the first: the activation
/// relu(y scale + shift + residual) is pending, and the pass of the next convolution makes it while it reads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/kernels/kernels.hpp"
#include "comdml/nn/batch_normalization.hpp"
#include "comdml/nn/convolution.hpp"
#include "comdml/nn/layer.hpp"
#include "comdml/nn/relu.hpp"
#include "comdml/nn/residual.hpp"
#include "comdml/nn/sequential.hpp"
#include "comdml/nn/shortcuts.hpp"

namespace comdml::nn::detail {

// ---------------------------------------------------------------------------------------------- which types are fused

template <class L>
inline constexpr bool is_kernel_convolution = false;
template <class Algorithm>
inline constexpr bool is_kernel_convolution<basic_convolution<Algorithm>> = true;

/// Rows of convolution, normalization and rectifier; the last rectifier may be missing.
template <class... Layers>
struct normalized_row : std::false_type {};
template <class C>
struct normalized_row<C, batch_normalization> : std::bool_constant<is_kernel_convolution<C>> {};
template <class C>
struct normalized_row<C, batch_normalization, relu> : std::bool_constant<is_kernel_convolution<C>> {};
template <class C, class Next, class... Rest>
struct normalized_row<C, batch_normalization, relu, Next, Rest...>
    : std::bool_constant<is_kernel_convolution<C> && normalized_row<Next, Rest...>::value> {};

template <class L>
inline constexpr bool ends_rectified = false;
template <class... Layers>
inline constexpr bool ends_rectified<sequential<Layers...>> =
    std::same_as<std::tuple_element_t<sizeof...(Layers) - 1, std::tuple<Layers...>>, relu>;

template <class L>
inline constexpr bool is_normalized_row = false;
template <class... Layers>
inline constexpr bool is_normalized_row<sequential<Layers...>> = normalized_row<Layers...>::value;

template <class Shortcut>
inline constexpr bool is_fusible_shortcut = std::same_as<Shortcut, identity_padded>;
template <class C>
inline constexpr bool is_fusible_shortcut<projection_shortcut<C, batch_normalization>> = is_kernel_convolution<C>;

template <class Main, class Side>
constexpr bool is_fusible_block(const residual<Main, Side, relu>*) {
  return is_normalized_row<Main> && !ends_rectified<Main> && is_fusible_shortcut<Side>;
}
constexpr bool is_fusible_block(const void*) { return false; }

/// Whether a unit of type L can be a part of a fused graph.
template <class L>
inline constexpr bool is_fusible = (is_normalized_row<L> && ends_rectified<L>) ||
                                   is_fusible_block(static_cast<const L*>(nullptr));

// ---------------------------------------------------------------------------------------------------------- the graph

/// A normalized convolution: y, and where its values lie in the run's parameters and statistics.
struct fused_convolution {
  std::size_t from = 0;  ///< the activation it reads
  std::size_t into = 0;  ///< the activation that its output becomes a part of
  kernels::convolution_shape shape;
  std::size_t weights = 0;
  std::size_t normalization = 0;  ///< weight, then bias
  std::size_t statistics = 0;     ///< mean, then variance
  double momentum = 0;
  double epsilon = 0;
};

struct fused_activation {
  enum class residual { none, same, strided, projected };

  image_shape shape;
  std::size_t pitch = 0;
  std::optional<std::size_t> producer{};  ///< the convolution behind it; none: the run's input
  residual kind = residual::none;
  std::size_t other = 0;   ///< the activation, or for a projection the convolution, that is added
  std::size_t stride = 1;  ///< of a strided residual
  std::size_t before = 0;  ///< channels of zeros before a strided residual's
  /// Convolutions that read it, ascending. The first makes it, and in the backward pass completes its gradient.
  std::vector<std::size_t> readers{};
  /// The activation that adds it as its residual, if any.
  std::optional<std::size_t> residual_of{};
  /// Whether its values are written when they are first made; if not, each pass that needs them makes them anew.
  bool kept = false;
};

/// Steps lie in the order in which they are computed. The first activation is the input, the last the output.
class fused_graph {
 public:
  std::vector<fused_convolution> convolutions;
  std::vector<fused_activation> activations;

  fused_graph() = default;
  explicit fused_graph(image_shape input) { activations.push_back({.shape = input, .pitch = input.channels}); }

  /// Appends a unit.
  template <class L>
  void add(const L& layer) {
    if constexpr (is_normalized_row<L>) {
      std::ignore = add_row(layer, activations.size() - 1);
    } else if constexpr (is_fusible<L>) {
      const std::size_t input = activations.size() - 1;
      const std::size_t last = add_row(layer.main(), input);
      add_sum(layer.side(), input, last);
    } else {
      COMDML_REQUIRE(false, "a unit that cannot be fused");
    }
  }

  /// Decides what is kept, once all units are there: what is read more than once. Of a chain of sums z' = relu(y + z)
  /// only every second one: the others are made of their y and the kept z before them at the price of one more reading,
  /// and a sixth of a batch's memory is saved.
  void choose_kept() {
    using kind = fused_activation::residual;
    for (std::size_t i = 0; i < activations.size(); ++i) {
      fused_activation& a = activations[i];
      const bool read_again = a.kind != kind::none || a.residual_of || a.readers.size() != 1;
      const bool made_anew = a.kind == kind::same && a.readers.size() == 1 && a.residual_of &&
                             activations[*a.residual_of].kind == kind::same &&
                             (activations[a.other].kept || !activations[a.other].producer);
      a.kept = a.producer && read_again && !made_anew;
    }
  }

 private:
  std::size_t convolve(const auto& layer, std::size_t from) {
    const fused_activation in = activations[from];
    const std::size_t index = convolutions.size();
    convolutions.push_back({.from = from, .shape = layer.shape(in.shape, in.pitch), .weights = parameters_});
    parameters_ += layer.channels * in.shape.channels * layer.kernel * layer.kernel;
    activations[from].readers.push_back(index);
    return index;
  }

  void normalize(std::size_t index, const batch_normalization& layer) {
    fused_convolution& c = convolutions[index];
    c.normalization = parameters_;
    c.statistics = statistics_;
    c.momentum = layer.momentum;
    c.epsilon = layer.epsilon;
    parameters_ += 2 * c.shape.outputs;
    statistics_ += 2 * c.shape.outputs;
  }

  std::size_t rectify(std::size_t index) {
    const kernels::convolution_shape& s = convolutions[index].shape;
    convolutions[index].into = activations.size();
    activations.push_back(
        {.shape = {s.output_height(), s.output_width(), s.outputs}, .pitch = s.output_pitch(), .producer = index});
    return activations.size() - 1;
  }

  /// \returns the last convolution, whose rectifier is left to the caller if the row has none
  template <class Row>
  std::size_t add_row(const Row& row, std::size_t from) {
    std::size_t last = 0;
    for (std::size_t i = 0; i < row.size(); ++i)
      row.visit(i, [&]<class L>(const L& layer) {
        if constexpr (is_kernel_convolution<L>) last = convolve(layer, from);
        if constexpr (std::same_as<L, batch_normalization>) normalize(last, layer);
        if constexpr (std::same_as<L, relu>) from = rectify(last);
      });
    return last;
  }

  template <class Side>
  void add_sum(const Side& side, std::size_t input, std::size_t last) {
    using kind = fused_activation::residual;
    const image_shape in = activations[input].shape;
    if (side.is_identity(in)) {
      fused_activation& sum = activations[rectify(last)];
      sum.kind = kind::same;
      sum.other = input;
      // Values that enter with gaps between the pixels' channels have no twin of the same pitch.
      if (activations[input].pitch != sum.pitch) {
        sum.kind = kind::strided;
      }
      activations[input].residual_of = activations.size() - 1;
    } else if constexpr (std::same_as<Side, identity_padded>) {
      fused_activation& sum = activations[rectify(last)];
      sum.kind = kind::strided;
      sum.other = input;
      sum.stride = side.stride;
      sum.before = (side.channels - in.channels) / 2;
      activations[input].residual_of = activations.size() - 1;
    } else {
      const std::size_t projection = add_row(side.layers(), input);
      fused_activation& sum = activations[rectify(last)];
      sum.kind = kind::projected;
      sum.other = projection;
      convolutions[projection].into = activations.size() - 1;
    }
  }

  std::size_t parameters_ = 0;
  std::size_t statistics_ = 0;
};

}  // namespace comdml::nn::detail
