// SPDX-License-Identifier: BSL-1.0
/// \file
/// Networks: units, runs and cuts, states, threads, and what is refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/random.hpp"
#include "comdml/nn/linear.hpp"
#include "comdml/nn/network.hpp"
#include "comdml/nn/relu.hpp"
#include "comdml/nn/resnet.hpp"

namespace nn = comdml::nn;
using comdml::image_shape;
using comdml::index_range;

namespace {

struct small_model : nn::network<nn::sequential<nn::linear, nn::relu, nn::linear>> {
  small_model(image_shape input, std::size_t classes)
      : network{nn::sequential{nn::linear{32}, nn::relu{}, nn::linear{classes}}, input} {}
};
static_assert(comdml::Network<small_model>);

std::vector<float> random_values(std::size_t count, std::uint64_t seed) {
  comdml::random_stream rng{seed, comdml::purpose::testing};
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(rng.normal());
  return values;
}

struct results {
  std::vector<float> output, statistics, parameter_gradient, input_gradient;
  friend bool operator==(const results&, const results&) = default;
};

/// Forward and backward through a run, from the state and the run's input.
template <class N>
results step(const N& net, index_range run, const nn::model_state<float>& state, const std::vector<float>& input,
             std::size_t images, const std::vector<float>& output_gradient, typename N::workspace& work,
             int threads = 1) {
  const auto [first, last] = net.parameters(run);
  const auto [first_statistic, last_statistic] = net.statistics(run);
  const auto parameters = std::span{state.parameters}.subspan(first, last - first);
  results r;
  const auto statistics = std::span{state.statistics}.subspan(first_statistic, last_statistic - first_statistic);
  r.statistics.assign(statistics.begin(), statistics.end());
  const auto out = net.forward(run, parameters, r.statistics, input, images, nn::mode::train, work, {threads});
  r.output.assign(out.begin(), out.end());
  r.parameter_gradient.assign(parameters.size(), -7.f);
  r.input_gradient.assign(input.size(), -7.f);
  net.backward(run, parameters, std::span{output_gradient}.first(out.size()), r.parameter_gradient, r.input_gradient,
               work, {threads});
  return r;
}

std::vector<std::string> names(const std::vector<nn::tensor_info>& tensors) {
  std::vector<std::string> list;
  for (const auto& tensor : tensors) list.push_back(tensor.name);
  return list;
}

}  // namespace

TEST_CASE("a small network for flat inputs: units, names, places") {
  const small_model net{{8, 8, 1}, 10};
  CHECK(net.units() == 3);
  CHECK(net.classes() == 10);
  CHECK(net.input() == image_shape{8, 8, 1});
  CHECK(net.output_shape(0) == image_shape{1, 1, 32});
  CHECK(net.stage_ends() == std::vector<std::size_t>{1, 2});
  CHECK(names(net.tensors()) == std::vector<std::string>{"0.weight", "0.bias", "2.weight", "2.bias"});
  CHECK(net.parameters({0, 1}) == index_range{0, 64 * 32 + 32});
  CHECK(net.parameters({2, 3}) == index_range{64 * 32 + 32, 64 * 32 + 32 + 32 * 10 + 10});
  CHECK(net.parameters({1, 1}).size() == 0);
  CHECK(net.statistics({0, 3}).size() == 0);
  CHECK(net.multiply_adds(0) == 64 * 32);
  CHECK(net.tensors()[2].unit == 2);
  CHECK(net.tensors()[3].offset == 64 * 32 + 32 + 32 * 10);
}

TEST_CASE("a run cut in two gives the bits of the whole: outputs, statistics, and gradients on both sides") {
  const nn::resnet<8> net{{9, 8, 3}, 5};
  nn::model_state<float> state;
  net.initialize(state, {3, comdml::purpose::initialization});
  const std::size_t images = 7, units = net.units();
  const auto input = random_values(net.input().size() * images, 1);
  const auto output_gradient = random_values(net.classes() * images, 2);
  nn::resnet<8>::workspace work, other;
  const auto whole = step(net, {0, units}, state, input, images, output_gradient, work);
  for (std::size_t cut = 1; cut < units; ++cut) {
    CAPTURE(cut);
    // The head's gradient is what the front needs; the front's output is what the head needs.
    const auto front_forward =
        step(net, {0, cut}, state, input, images, std::vector<float>(net.output_shape(cut - 1).size() * images), other);
    const auto back = step(net, {cut, units}, state, front_forward.output, images, output_gradient, work);
    const auto front = step(net, {0, cut}, state, input, images, back.input_gradient, other);
    CHECK(back.output == whole.output);
    auto joined = front.parameter_gradient;
    joined.insert(joined.end(), back.parameter_gradient.begin(), back.parameter_gradient.end());
    CHECK(joined == whole.parameter_gradient);
    auto statistics = front.statistics;
    statistics.insert(statistics.end(), back.statistics.begin(), back.statistics.end());
    CHECK(statistics == whole.statistics);
    CHECK(front.input_gradient == whole.input_gradient);
  }
}

TEST_CASE("the same bits on 1, 2 and 4 threads, and on a workspace that served other runs and batches") {
  const nn::resnet<8, nn::projection> net{{12, 12, 1}, 4};
  nn::model_state<float> state;
  net.initialize(state, {4, comdml::purpose::initialization});
  const std::size_t images = 33;
  const auto input = random_values(net.input().size() * images, 3);
  const auto output_gradient = random_values(net.output_shape(0).size() * images, 4);
  const index_range all{0, net.units()};
  nn::resnet<8, nn::projection>::workspace work;
  const auto one = step(net, all, state, input, images, output_gradient, work);
  for (const int threads : {2, 4}) CHECK(step(net, all, state, input, images, output_gradient, work, threads) == one);
  const std::vector<float> few(input.begin(), input.begin() + 2 * static_cast<std::ptrdiff_t>(net.input().size()));
  (void)step(net, {0, 1}, state, few, 2, output_gradient, work);
  CHECK(step(net, all, state, input, images, output_gradient, work) == one);
}

TEST_CASE("inference: statistics unchanged, an image's outputs independent of its batch, no gradient afterward") {
  const nn::resnet<8> net{{8, 8, 1}, 3};
  nn::model_state<float> state;
  net.initialize(state, {5, comdml::purpose::initialization});
  for (float& value : state.statistics) value += 0.25f;
  const auto kept = state;
  const index_range all{0, net.units()};
  const auto input = random_values(64 * 6, 6);
  nn::resnet<8>::workspace work;
  const auto run = [&](std::size_t first, std::size_t count) {
    const auto out = net.forward(all, state.parameters, state.statistics,
                                 std::span{input}.subspan(64 * first, 64 * count), count, nn::mode::infer, work, {2});
    return std::vector<float>(out.begin(), out.end());
  };
  const auto together = run(0, 6);
  const auto alone = run(4, 1);
  for (std::size_t c = 0; c < 3; ++c) CHECK(alone[c] == doctest::Approx(together[4 * 3 + c]).epsilon(1e-5));
  CHECK(state == kept);
  std::vector<float> gradient(state.parameters.size());
  CHECK_THROWS_AS(net.backward(all, state.parameters, alone, gradient, {}, work, {}), comdml::contract_error);
}

TEST_CASE("a workspace for inference is far smaller than one for training") {
  const nn::resnet<20> net{{16, 16, 3}, 10};
  nn::model_state<float> state;
  net.initialize(state, {6, comdml::purpose::initialization});
  const std::size_t images = 50;
  const auto input = random_values(net.input().size() * images, 7);
  const auto bytes_after = [&](nn::mode how) {
    nn::resnet<20>::workspace work;
    for (int i = 0; i < 2; ++i)
      (void)net.forward({0, net.units()}, state.parameters, state.statistics, input, images, how, work, {1});
    return work.capacity();
  };
  CHECK(bytes_after(nn::mode::infer) * 3 < bytes_after(nn::mode::train));
}

TEST_CASE("initial values follow their laws, and the seed alone") {
  const nn::resnet<8> net{{8, 8, 3}, 10};
  nn::model_state<float> state, again, other;
  net.initialize(state, {7, comdml::purpose::initialization});
  net.initialize(again, {7, comdml::purpose::initialization});
  net.initialize(other, {8, comdml::purpose::initialization});
  CHECK(state == again);
  CHECK(state.parameters != other.parameters);
  for (const auto& tensor : net.tensors()) {
    CAPTURE(tensor.name);
    const auto& all = tensor.kind == nn::tensor_kind::parameter ? state.parameters : state.statistics;
    const std::vector<float> values(all.begin() + static_cast<std::ptrdiff_t>(tensor.offset),
                                    all.begin() + static_cast<std::ptrdiff_t>(tensor.offset + tensor.size));
    const auto every = [&](auto&& holds) { CHECK(std::all_of(values.begin(), values.end(), holds)); };
    if (tensor.shape.size() == 4) {  // normal, variance 2 / fan_out
      double squares = 0;
      for (const float value : values) squares += static_cast<double>(value) * static_cast<double>(value);
      const double ratio = squares / static_cast<double>(values.size()) * static_cast<double>(tensor.shape[0]) * 9 / 2;
      CHECK(std::abs(ratio - 1) < 5 * std::sqrt(2 / static_cast<double>(values.size())));
    } else if (tensor.name.starts_with("fc")) {  // uniform within 1 / sqrt(fan_in) = 1 / 8
      every([](float value) { return std::abs(value) <= 0.125f; });
      CHECK(*std::max_element(values.begin(), values.end()) > 0.05f);
    } else if (tensor.name.ends_with("weight") || tensor.name.ends_with("running_var")) {
      every([](float value) { return value == 1; });
    } else {
      every([](float value) { return value == 0; });
    }
  }
}

TEST_CASE("what does not fit is refused, with the sizes in the message") {
  const small_model net{{2, 2, 1}, 3};
  nn::model_state<float> state;
  net.initialize(state, {9, comdml::purpose::initialization});
  small_model::workspace work;
  const auto input = random_values(4 * 2, 8);
  const auto forward = [&](index_range run, std::size_t parameters, std::size_t images) {
    (void)net.forward(run, std::span{state.parameters}.first(parameters), {}, input, images, nn::mode::train, work, {});
  };
  const std::size_t all = state.parameters.size();
  CHECK_NOTHROW(forward({0, 3}, all, 2));
  CHECK_THROWS_WITH_AS(forward({0, 3}, all - 1, 2), doctest::Contains(std::to_string(all).c_str()),
                       comdml::contract_error);
  CHECK_THROWS_AS(forward({0, 3}, all, 3), comdml::contract_error);
  CHECK_THROWS_AS(forward({0, 4}, all, 2), comdml::contract_error);
  CHECK_THROWS_AS(forward({1, 1}, 0, 2), comdml::contract_error);
  CHECK_THROWS_AS((void)net.output_shape(3), comdml::contract_error);
  CHECK_THROWS_AS((small_model{{0, 2, 1}, 3}), comdml::contract_error);
  CHECK_THROWS_AS((small_model{{2, 2, 1}, 0}), comdml::contract_error);
}
