// SPDX-License-Identifier: BSL-1.0
/// \file
/// Checks that a type keeps the contract of Layer: on random shapes and batches, against central differences, in memory
/// full of junk. For use in any test framework.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/random.hpp"
#include "comdml/nn/layer.hpp"
#include "comdml/tensor/blas_threads.hpp"

namespace comdml::testing {

/// What check_layer tries.
struct layer_check {
  std::uint64_t seed = 1;
  /// Shapes of the input to try; if none are given, random ones that the layer accepts.
  std::vector<image_shape> shapes{};
  /// Number of images to try on each shape. One alone is not among them: batch normalization may refuse it.
  std::vector<std::size_t> batches{2, 3, 19};
  /// Number of random shapes.
  std::size_t random_shapes = 6;
  /// Values of the input, and of the parameters, whose derivatives are taken by differences, per shape and batch.
  std::size_t samples = 24;
  /// Largest difference between a gradient in double and its central difference, relative to 1 + its size.
  double tolerance = 1e-5;
  /// Largest difference between float and double, in norm, relative to the norm.
  double float_tolerance = 1e-3;
};

/// What was found. True if nothing is wrong and derivatives were compared.
struct layer_report {
  /// Each with the shape and the number of images it was seen on.
  std::vector<std::string> failures;
  /// Derivatives compared, and those left out because the layer bends between the two points.
  std::size_t compared = 0;
  std::size_t skipped = 0;
  double largest_difference = 0;

  explicit operator bool() const noexcept { return failures.empty() && compared > 0; }

  [[nodiscard]] std::string message() const {
    std::string all =
        text(compared, " derivatives compared, ", skipped, " skipped, largest difference ", largest_difference);
    for (const auto& failure : failures) all += "\n  " + failure;
    return all;
  }
};

namespace detail {

/// A vector with guard zones on both sides, full of junk at first.
template <class T>
class guarded {
 public:
  guarded(std::size_t size, T junk) : values_(size + 2 * zone, guard()) {
    const auto inner = span();
    std::fill(inner.begin(), inner.end(), junk);
  }

  [[nodiscard]] std::span<T> span() { return std::span{values_}.subspan(zone, values_.size() - 2 * zone); }
  [[nodiscard]] std::vector<T> copy() { return {span().begin(), span().end()}; }

  [[nodiscard]] bool intact() const {
    const auto same = [](T value) { return value == guard(); };
    return std::all_of(values_.begin(), values_.begin() + zone, same) &&
           std::all_of(values_.end() - zone, values_.end(), same);
  }

 private:
  static constexpr std::ptrdiff_t zone = 64;
  static constexpr T guard() { return static_cast<T>(-12345.0); }
  std::vector<T> values_;
};

/// All that a layer is given: inputs, parameters, statistics, and the weights of the sum of outputs that is derived.
template <class T>
struct layer_values {
  std::vector<T> input, parameters, statistics, output_weights;

  template <class Other>
  [[nodiscard]] layer_values<Other> as() const {
    const auto convert = [](const std::vector<T>& from) {
      std::vector<Other> to(from.size());
      std::transform(from.begin(), from.end(), to.begin(), [](T value) { return static_cast<Other>(value); });
      return to;
    };
    return {convert(input), convert(parameters), convert(statistics), convert(output_weights)};
  }
};

/// All that a layer gives back.
template <class T>
struct layer_results {
  std::vector<T> output, statistics, input_gradient, parameter_gradient;
  bool in_bounds = true;

  friend bool operator==(const layer_results&, const layer_results&) = default;
};

template <Layer L>
class layer_checker {
 public:
  layer_checker(const L& layer, const layer_check& options, layer_report& report)
      : layer_{layer}, options_{options}, report_{report}, rng_{options.seed, purpose::testing} {}

  void run() {
    const blas_single_thread guard;
    std::vector<image_shape> shapes = options_.shapes;
    if (shapes.empty()) shapes = accepted_shapes();
    if (shapes.empty()) report_.failures.push_back("the layer accepts none of many random input shapes: give it some");
    for (const image_shape shape : shapes)
      for (const std::size_t images : options_.batches) check(shape, images);
    if (report_.skipped > (report_.compared + report_.skipped) / 5)
      report_.failures.push_back(
          text("the layer bends at ", report_.skipped, " of ", report_.compared + report_.skipped, " places"));
  }

 private:
  static constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

  void fail(image_shape in, std::size_t images, const std::string& what) {
    report_.failures.push_back(text(images, " images of ", in, ": ", what));
  }

  std::vector<image_shape> accepted_shapes() {
    std::vector<image_shape> accepted;
    for (std::size_t i = 0; i < 100 * options_.random_shapes && accepted.size() < options_.random_shapes; ++i) {
      const image_shape shape{1 + rng_.below(7), 1 + rng_.below(7), 1 + rng_.below(6)};
      try {
        (void)layer_.output_shape(shape);
        accepted.push_back(shape);
      } catch (const contract_error&) {  // the layer's right
      }
    }
    return accepted;
  }

  void check(image_shape in, std::size_t images) {
    const image_shape out = layer_.output_shape(in);
    const nn::value_counts counts = nn::count_values(layer_, in);
    check_names(in, images);

    layer_values<double> values;
    const auto draw = [&](std::size_t count, auto&& law) {
      std::vector<double> drawn(count);
      for (double& value : drawn) value = static_cast<double>(static_cast<float>(law()));  // exact in both scalars
      return drawn;
    };
    values.input = draw(in.size() * images, [&] { return rng_.normal(); });
    values.parameters = draw(counts.parameters, [&] { return rng_.normal(); });
    values.statistics = draw(counts.statistics, [&] { return rng_.uniform(0.5, 1.5); });  // may be variances
    values.output_weights = draw(out.size() * images, [&] { return rng_.normal(); });

    const auto first = pass(in, images, values, not_a_number, 1, true);
    if (!first.in_bounds) return fail(in, images, "wrote beyond the end of a span");
    for (const auto* result : {&first.output, &first.statistics, &first.input_gradient, &first.parameter_gradient})
      if (!std::all_of(result->begin(), result->end(), [](double value) { return std::isfinite(value); }))
        return fail(in, images, "a result is not finite: something was read before it was written, or never written");
    if (first != pass(in, images, values, 1e30, 1, true))
      fail(in, images, "results depend on what the memory held before: added to, or read before it was written");
    for (const int threads : {2, 4})
      if (first != pass(in, images, values, not_a_number, threads, true))
        fail(in, images, text("other bits on ", threads, " threads"));
    if (first.parameter_gradient != pass(in, images, values, not_a_number, 1, false).parameter_gradient)
      fail(in, images, "other parameter gradients when the input gradient is not wanted");

    compare(in, images, "input", values, values.input, first.input_gradient);
    compare(in, images, "parameter", values, values.parameters, first.parameter_gradient);
    check_inference(in, images, values);
    check_float(in, images, values, first);
  }

  void check_names(image_shape in, std::size_t images) {
    nn::description list;
    layer_.describe(in, list);
    std::set<std::pair<nn::tensor_kind, std::string>> names;
    for (const auto& tensor : list.tensors)
      if (!names.emplace(tensor.kind, tensor.name).second) fail(in, images, "two tensors are named " + tensor.name);
  }

  /// Forward and backward in memory full of junk.
  template <class T>
  layer_results<T> pass(image_shape in, std::size_t images, const layer_values<T>& values, T junk, int threads,
                        bool input_gradient_wanted) {
    guarded<T> output{layer_.output_shape(in).size() * images, junk}, memory{layer_.memory_size(in, images), junk},
        input_gradient{input_gradient_wanted ? values.input.size() : 0, junk},
        parameter_gradient{values.parameters.size(), junk}, statistics{values.statistics.size(), junk};
    std::copy(values.statistics.begin(), values.statistics.end(), statistics.span().begin());
    arena scratch = spoiled<T>(junk);
    layer_.forward(nn::forward_pass<T>{in,
                                       images,
                                       values.input,
                                       output.span(),
                                       values.parameters,
                                       statistics.span(),
                                       memory.span(),
                                       scratch,
                                       nn::mode::train,
                                       {threads}});
    const auto results = output.copy();
    std::vector<T> input = values.input;
    if (!nn::reads_input<L>) std::fill(input.begin(), input.end(), junk);
    if (!nn::reads_output<L>) std::fill(output.span().begin(), output.span().end(), junk);
    layer_.backward(nn::backward_pass<T>{in,
                                         images,
                                         input,
                                         output.span(),
                                         values.output_weights,
                                         values.parameters,
                                         memory.span(),
                                         input_gradient.span(),
                                         parameter_gradient.span(),
                                         scratch,
                                         {threads}});
    return {results, statistics.copy(), input_gradient.copy(), parameter_gradient.copy(),
            output.intact() && memory.intact() && input_gradient.intact() && parameter_gradient.intact() &&
                statistics.intact()};
  }

  template <class T>
  static arena spoiled(T junk) {
    arena scratch;
    const auto all = scratch.take<T>(std::size_t{1} << 16);
    std::fill(all.begin(), all.end(), junk);
    scratch.reset();
    return scratch;
  }

  std::vector<double> outputs(image_shape in, std::size_t images, std::span<const double> input,
                              const layer_values<double>& values, std::vector<double>& statistics, nn::mode how) {
    std::vector<double> output(layer_.output_shape(in).size() * images, not_a_number);
    std::vector<double> memory(how == nn::mode::train ? layer_.memory_size(in, images) : 0);
    arena scratch;
    layer_.forward(
        nn::forward_pass<double>{in, images, input, output, values.parameters, statistics, memory, scratch, how, {1}});
    return output;
  }

  /// The weighted sum of outputs in training.
  double sum(image_shape in, std::size_t images, const layer_values<double>& values) {
    std::vector<double> statistics = values.statistics;
    const auto output = outputs(in, images, values.input, values, statistics, nn::mode::train);
    double total = 0;
    for (std::size_t i = 0; i < output.size(); ++i) total += output[i] * values.output_weights[i];
    return total;
  }

  /// `moved` is the member of `values` that the gradient belongs to.
  void compare(image_shape in, std::size_t images, const char* what, const layer_values<double>& values,
               std::vector<double>& moved, const std::vector<double>& gradient) {
    if (moved.empty()) return;
    for (std::size_t sample = 0; sample < options_.samples; ++sample) {
      const std::size_t i = rng_.below(moved.size());
      const double at = moved[i];
      const auto difference = [&](double step) {
        moved[i] = at + step;
        const double above = sum(in, images, values);
        moved[i] = at - step;
        const double below = sum(in, images, values);
        moved[i] = at;
        return (above - below) / (2 * step);
      };
      const double wide = difference(1e-5), narrow = difference(2.5e-6);
      const double scale = options_.tolerance * (1 + std::abs(gradient[i]));
      if (std::abs(wide - narrow) > scale / 2) {  // a bend (of a ReLU, say) lies within the step
        ++report_.skipped;
        continue;
      }
      ++report_.compared;
      const double off = std::abs(wide - gradient[i]);
      report_.largest_difference = std::max(report_.largest_difference, off);
      if (!(off <= scale))
        return fail(in, images, text("gradient of ", what, " ", i, " is ", gradient[i], ", by differences ", wide));
    }
  }

  /// Inference changes no statistics, and treats each image as if it were alone.
  void check_inference(image_shape in, std::size_t images, const layer_values<double>& values) {
    std::vector<double> statistics = values.statistics;
    const auto together = outputs(in, images, values.input, values, statistics, nn::mode::infer);
    const std::size_t size = together.size() / images;
    for (std::size_t image = 0; image < images; ++image) {
      const auto alone = outputs(in, 1, std::span{values.input}.subspan(image * in.size(), in.size()), values,
                                 statistics, nn::mode::infer);
      for (std::size_t i = 0; i < size; ++i)
        if (!(std::abs(alone[i] - together[image * size + i]) <= 1e-9 * (1 + std::abs(alone[i]))))
          return fail(in, images, text("in inference, image ", image, " depends on the others in the batch"));
    }
    if (statistics != values.statistics) fail(in, images, "inference changed the statistics");
  }

  void check_float(image_shape in, std::size_t images, const layer_values<double>& values,
                   const layer_results<double>& exact) {
    const auto rounded =
        pass(in, images, values.template as<float>(), std::numeric_limits<float>::quiet_NaN(), 1, true);
    const auto near = [&](const char* what, const std::vector<float>& result, const std::vector<double>& expected) {
      double norm = 0, off = 0;
      for (std::size_t i = 0; i < result.size(); ++i) {
        norm += expected[i] * expected[i];
        off += (static_cast<double>(result[i]) - expected[i]) * (static_cast<double>(result[i]) - expected[i]);
      }
      if (!(std::sqrt(off) <= options_.float_tolerance * (1 + std::sqrt(norm))))
        fail(in, images, text(what, " in float: off by ", std::sqrt(off), " of ", std::sqrt(norm)));
    };
    near("outputs", rounded.output, exact.output);
    near("statistics", rounded.statistics, exact.statistics);
    near("input gradient", rounded.input_gradient, exact.input_gradient);
    near("parameter gradient", rounded.parameter_gradient, exact.parameter_gradient);
  }

  const L& layer_;
  const layer_check& options_;
  layer_report& report_;
  random_stream rng_;
};

}  // namespace detail

/// Checks, for each shape and batch: every result is written, nothing beyond it, and none depends on what memory,
/// gradients and scratch held before; gradients of a random weighted sum of the outputs agree with central differences
/// in double; the bits are the same on 1, 2 and 4 threads, and parameter gradients with or without an input gradient;
/// inference leaves the statistics alone and images apart; float agrees with double; names are unique.
///
///     const auto report = comdml::testing::check_layer(my_layer{});
///     CHECK_MESSAGE(report, report.message());
template <Layer L>
[[nodiscard]] layer_report check_layer(const L& layer, const layer_check& options = {}) {
  layer_report report;
  detail::layer_checker<L>{layer, options, report}.run();
  return report;
}

}  // namespace comdml::testing
