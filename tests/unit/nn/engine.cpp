// The engine (nn/detail/engine.hpp) against the same network computed layer by layer, in double, by convolution_gemm.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "comdml/comdml.hpp"

using namespace comdml;

namespace {

template <class T>
struct step_result {
  std::vector<T> outputs, gradient, input_gradient, inferred, statistics;
};

/// One training pass forward and backward over a run of units, and one inference pass, with inputs by a formula.
template <Network N>
step_result<typename N::scalar> step(const N& net, index_range run, std::size_t images, int threads,
                                     typename N::workspace& memory, std::uint64_t seed, bool wanted = true) {
  using T = typename N::scalar;
  nn::model_state<float> drawn;
  if constexpr (std::same_as<T, float>) {
    net.initialize(drawn, random_stream{7, purpose::initialization});
  } else {
    nn::model_state<double> wide;
    net.initialize(wide, random_stream{7, purpose::initialization});
    drawn.parameters.assign(wide.parameters.begin(), wide.parameters.end());
    drawn.statistics.assign(wide.statistics.begin(), wide.statistics.end());
  }
  const std::vector<T> parameters(drawn.parameters.begin(), drawn.parameters.end());
  step_result<T> result;
  result.statistics.assign(drawn.statistics.begin(), drawn.statistics.end());
  const index_range weights = net.parameters(run), kept = net.statistics(run);
  const auto part = std::span<const T>{parameters}.subspan(weights.begin, weights.size());
  const auto statistics = std::span<T>{result.statistics}.subspan(kept.begin, kept.size());

  const image_shape shape = run.begin == 0 ? net.input() : net.output_shape(run.begin - 1);
  random_stream rng{seed, purpose::initialization};
  std::vector<T> inputs(images * shape.size());
  for (T& value : inputs) value = static_cast<T>(static_cast<float>(rng.normal()));
  const execution exec{threads};
  const auto outputs = net.forward(run, part, statistics, inputs, images, nn::mode::train, memory, exec);
  result.outputs.assign(outputs.begin(), outputs.end());
  std::vector<T> output_gradient(outputs.size());
  for (std::size_t i = 0; i < output_gradient.size(); ++i)
    output_gradient[i] = static_cast<T>(std::sin(0.37 * static_cast<double>(i)) / 100);
  result.gradient.assign(weights.size(), T{1e30F});
  if (wanted) result.input_gradient.assign(inputs.size(), T{1e30F});
  net.backward(run, part, output_gradient, result.gradient, result.input_gradient, memory, exec);
  const auto inferred = net.forward(run, part, statistics, inputs, images, nn::mode::infer, memory, exec);
  result.inferred.assign(inferred.begin(), inferred.end());
  return result;
}

/// |a - b| / |b|, Euclidean.
double distance(std::span<const float> a, std::span<const double> b) {
  REQUIRE(a.size() == b.size());
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
    size += b[i] * b[i];
  }
  return difference == 0 ? 0 : std::sqrt(difference / size);
}

/// \param bound  of every gradient tensor's distance; a rectifier that flips between float and double costs up to 2e-2
/// \param seed   of the inputs; where the bound is small, one with which no rectifier flips
template <Network F, Network D>
void compare(const std::string& name, const F& fast, const D& reference, index_range run, std::size_t images,
             double bound, std::uint64_t seed = 3) {
  CAPTURE(name);
  CAPTURE(kernels::active_set().name);
  typename F::workspace memory;
  typename D::workspace reference_memory;
  const auto a = step(fast, run, images, 1, memory, seed);
  const auto b = step(reference, run, images, 2, reference_memory, seed);
  CHECK(distance(a.outputs, b.outputs) < 5e-6);
  CHECK(distance(a.inferred, b.inferred) < 5e-6);
  CHECK(distance(a.statistics, b.statistics) < 1e-6);
  CHECK(distance(a.input_gradient, b.input_gradient) < bound);
  const std::size_t begin = fast.parameters(run).begin;
  for (const nn::tensor_info& tensor : fast.tensors()) {
    if (tensor.kind != nn::tensor_kind::parameter || tensor.unit < run.begin || tensor.unit >= run.end) continue;
    CAPTURE(tensor.name);
    CHECK(distance(std::span{a.gradient}.subspan(tensor.offset - begin, tensor.size),
                   std::span{b.gradient}.subspan(tensor.offset - begin, tensor.size)) < bound);
  }
  // The same bits for any number of threads, on memory used before, and whether or not the input's gradient is wanted.
  for (const int threads : {2, 3, 5}) {
    const auto again = step(fast, run, images, threads, memory, seed, threads != 3);
    CHECK(again.outputs == a.outputs);
    CHECK(again.inferred == a.inferred);
    CHECK(again.statistics == a.statistics);
    CHECK(again.gradient == a.gradient);
    if (threads != 3) CHECK(again.input_gradient == a.input_gradient);
  }
}

using nn::batch_normalization;
using nn::convolution_gemm;
using nn::relu;

template <class Shortcut = nn::identity_padded>
auto reference_resnet(std::size_t depth, image_shape input) {
  return nn::make_resnet<Shortcut, convolution_gemm, batch_normalization, relu, double>(depth, input, 10);
}

/// A body of widths that fill no block of channels.
template <class Convolution, Scalar T>
auto odd_network() {
  using row = nn::sequential<Convolution, batch_normalization, relu>;
  using block = nn::basic_block<Convolution>;
  return nn::network<nn::sequential<row, block, block, nn::linear>, T>{
      nn::sequential{row{Convolution{.channels = 5, .kernel = 5}, batch_normalization{}, relu{}}, block{20, 2},
                     block{20}, nn::linear{3}},
      {9, 7, 3}};
}

}  // namespace

TEST_CASE("engine: outputs and gradients are those of the reference in double") {
  SUBCASE("digits") {
    compare("resnet8, 8x8x1", nn::make_resnet<>(8, {8, 8, 1}, 10), reference_resnet(8, {8, 8, 1}), {0, 5}, 33, 1e-5);
  }
  // Sixteen blocks of five and six images, of which the kernels take four at once, then what is left.
  SUBCASE("small images in groups") {
    compare("resnet8, 8x8x1, grouped", nn::make_resnet<>(8, {8, 8, 1}, 10), reference_resnet(8, {8, 8, 1}), {0, 5}, 90,
            2e-2);
  }
  SUBCASE("MNIST") {
    compare("resnet8, 28x28x1", nn::make_resnet<>(8, {28, 28, 1}, 10), reference_resnet(8, {28, 28, 1}), {0, 5}, 3,
            1e-5, 4);
  }
  SUBCASE("CIFAR-10") {
    compare("resnet20, 32x32x3", nn::make_resnet<>(20, {32, 32, 3}, 10), reference_resnet(20, {32, 32, 3}), {0, 11}, 2,
            1e-5);
  }
  SUBCASE("a run between two cuts") {
    compare("resnet20, units 2 to 7", nn::make_resnet<>(20, {32, 32, 3}, 10), reference_resnet(20, {32, 32, 3}), {2, 7},
            3, 1e-5);
  }
  SUBCASE("every cut") {
    for (std::size_t unit = 1; unit < 5; ++unit) {
      compare("the first units", nn::make_resnet<>(8, {8, 8, 1}, 10), reference_resnet(8, {8, 8, 1}), {0, unit}, 5,
              2e-2);
      compare("the last units", nn::make_resnet<>(8, {8, 8, 1}, 10), reference_resnet(8, {8, 8, 1}), {unit, 5}, 5,
              2e-2);
    }
  }
  SUBCASE("each algorithm") {
    const auto reference = reference_resnet(14, {12, 12, 3});
    const auto with = []<class C>(C) { return nn::make_resnet<nn::identity_padded, C>(14, {12, 12, 3}, 10); };
    compare("direct", with(nn::convolution_direct{}), reference, {0, reference.units()}, 6, 2e-2);
    compare("winograd", with(nn::convolution_winograd{}), reference, {0, reference.units()}, 6, 2e-2);
    compare("default", with(nn::convolution{}), reference, {0, reference.units()}, 6, 2e-2);
  }
  SUBCASE("projections and bottlenecks") {
    compare("projection", nn::make_resnet<nn::projection>(8, {16, 16, 3}, 10),
            reference_resnet<nn::projection>(8, {16, 16, 3}), {0, 5}, 6, 2e-2);
    compare("bottleneck", nn::make_bottleneck_resnet<>(20, {16, 16, 3}, 10),
            nn::make_bottleneck_resnet<nn::projection, convolution_gemm, batch_normalization, relu, double>(
                20, {16, 16, 3}, 10),
            {0, 8}, 6, 2e-2);
  }
  SUBCASE("channels that fill no block") {
    const auto fast = odd_network<nn::convolution, float>();
    const auto reference = odd_network<convolution_gemm, double>();
    for (std::size_t begin = 0; begin < 4; ++begin)
      for (std::size_t end = begin + 1; end <= 4; ++end)
        compare("units " + std::to_string(begin) + " to " + std::to_string(end), fast, reference, {begin, end}, 17,
                2e-2);
  }
}

TEST_CASE("engine: a convolution by itself is the reference's") {
  struct shape {
    image_shape in;
    std::size_t channels, kernel, stride;
  };
  const shape shapes[] = {{{7, 5, 3}, 5, 3, 2},   {{9, 9, 20}, 24, 3, 1},  {{6, 6, 16}, 8, 1, 2},
                          {{4, 4, 32}, 16, 5, 1}, {{1, 1, 7}, 3, 3, 1},    {{13, 2, 16}, 16, 3, 1},
                          {{5, 8, 48}, 33, 1, 1}, {{11, 3, 32}, 17, 3, 3}, {{40, 40, 16}, 16, 3, 1}};
  for (const shape& s : shapes) {
    const nn::network<nn::sequential<convolution_gemm>, double> reference{
        nn::sequential{convolution_gemm{.channels = s.channels, .kernel = s.kernel, .stride = s.stride}}, s.in};
    const auto check = [&]<class C>(C) {
      const nn::network<nn::sequential<C>> fast{
          nn::sequential{C{.channels = s.channels, .kernel = s.kernel, .stride = s.stride}}, s.in};
      compare(std::to_string(s.channels) + " channels", fast, reference, {0, 1}, 19, 5e-6);
    };
    check(nn::convolution_direct{});
    check(nn::convolution_winograd{});
    check(nn::convolution{});
  }
}

TEST_CASE("engine: inference needs little memory, and gives an image the same values in any batch") {
  const auto net = nn::make_resnet<>(8, {32, 32, 3}, 10);
  nn::model_state<float> state;
  net.initialize(state, random_stream{7, purpose::initialization});
  constexpr std::size_t images_in_all = 40;  // more than are taken at once
  std::vector<float> inputs(images_in_all * net.input().size());
  random_stream rng{5, purpose::initialization};
  for (float& value : inputs) value = static_cast<float>(rng.normal());
  const auto infer = [&](std::size_t first, std::size_t images, auto& memory, nn::mode how = nn::mode::infer) {
    const auto out =
        net.forward({0, net.units()}, state.parameters, state.statistics,
                    std::span<const float>{inputs}.subspan(first * net.input().size(), images * net.input().size()),
                    images, how, memory, {2});
    return std::vector<float>(out.begin(), out.end());
  };
  std::remove_cvref_t<decltype(net)>::workspace one, training;
  const std::vector<float> all = infer(0, images_in_all, one);
  for (std::size_t i = 0; i < 10; ++i) {
    const std::vector<float> alone = infer(i, 1, one);
    for (std::size_t k = 0; k < 10; ++k)
      CHECK(alone[k] == doctest::Approx(static_cast<double>(all[i * 10 + k])).epsilon(1e-4));
  }
  std::ignore = infer(0, images_in_all, training, nn::mode::train);
  CHECK(3 * one.capacity() < training.capacity());
}

TEST_CASE("engine: what is not a number comes out, and is not rectified away") {
  const auto net = nn::make_resnet<>(8, {8, 8, 1}, 10);
  nn::model_state<float> state;
  net.initialize(state, random_stream{7, purpose::initialization});
  state.parameters.front() = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> inputs(2 * net.input().size(), 0.5F);
  std::remove_cvref_t<decltype(net)>::workspace memory;
  for (const nn::mode how : {nn::mode::infer, nn::mode::train}) {
    const auto out =
        net.forward({0, net.units()}, state.parameters, state.statistics, inputs, 2, how, memory, execution{1});
    CHECK(std::ranges::any_of(out, [](float value) { return std::isnan(value); }));
  }
}
