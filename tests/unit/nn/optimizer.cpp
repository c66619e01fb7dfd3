// SPDX-License-Identifier: BSL-1.0
/// \file
/// SGD and Adam: by hand, by their laws, and on runs of weights. Their agreement with PyTorch is tested with the
/// goldens.
#include "comdml/nn/optimizer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/random.hpp"
#include "comdml/nn/adam.hpp"
#include "comdml/nn/sgd.hpp"

namespace nn = comdml::nn;

namespace {

/// Weights and the optimizer's memory of them.
template <class T>
struct trained {
  std::vector<T> weights;
  nn::optimizer_state<T> memory;

  template <class Optimizer>
  trained(const Optimizer& optimizer, std::vector<T> start) : weights{std::move(start)} {
    memory.reset(optimizer.slots(), weights.size());
  }

  template <class Optimizer>
  void update(const Optimizer& optimizer, const std::vector<T>& gradient, double rate) {
    optimizer.update(std::span{weights}, std::span{gradient}, memory.view({0, weights.size()}, weights.size()), rate);
    ++memory.updates;
  }
};

std::vector<float> random_values(std::size_t count, std::uint64_t seed) {
  comdml::random_stream rng{seed, comdml::purpose::testing};
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(rng.normal());
  return values;
}

}  // namespace

TEST_CASE("sgd without momentum: needs no memory, and steps down the gradient") {
  const nn::sgd optimizer{.momentum = 0, .weight_decay = 0.5};
  CHECK(optimizer.slots() == 0);
  trained<double> run{optimizer, {1, -2}};
  run.update(optimizer, {4, 8}, 0.25);
  CHECK(run.weights == std::vector<double>{1 - 0.25 * 4.5, -2 - 0.25 * 7});
}

TEST_CASE("sgd with momentum, by hand; the first step is not damped") {
  const nn::sgd plain{.momentum = 0.5, .nesterov = false, .weight_decay = 0};
  const nn::sgd nesterov{.momentum = 0.5, .nesterov = true, .weight_decay = 0};
  CHECK(plain.slots() == 1);
  trained<double> first{plain, {0}}, second{nesterov, {0}};
  const std::vector<double> plain_path{-1, -2.5, -4.25}, nesterov_path{-1.5, -3.25, -5.125};  // v = 1, 1.5, 1.75
  for (std::size_t i = 0; i < 3; ++i) {
    first.update(plain, {1}, 1);
    second.update(nesterov, {1}, 1);
    CHECK(first.weights[0] == plain_path[i]);
    CHECK(second.weights[0] == nesterov_path[i]);
  }
}

TEST_CASE("sgd: weight decay is a gradient of its own") {
  const nn::sgd with{.momentum = 0.9, .weight_decay = 0.25}, without{.momentum = 0.9, .weight_decay = 0};
  trained<double> one{with, {2, -3}}, other{without, {2, -3}};
  for (int i = 0; i < 5; ++i) {
    const std::vector<double> gradient{0.5, 1};
    one.update(with, gradient, 0.125);
    other.update(without, {gradient[0] + 0.25 * other.weights[0], gradient[1] + 0.25 * other.weights[1]}, 0.125);
    CHECK(one.weights == other.weights);
  }
}

TEST_CASE("adam: the first step has the size of the rate and the gradient's opposite sign, whatever its size") {
  for (const bool amsgrad : {false, true}) {
    const nn::adam optimizer{.amsgrad = amsgrad};
    CHECK(optimizer.slots() == (amsgrad ? 3 : 2));
    trained<double> run{optimizer, {0, 0, 0, 5}};
    run.update(optimizer, {1e-3, -1, 1e3, 0}, 0.01);
    CHECK(run.weights[0] == doctest::Approx(-0.01).epsilon(2e-5));
    CHECK(run.weights[1] == doctest::Approx(0.01));
    CHECK(run.weights[2] == doctest::Approx(-0.01));
    CHECK(run.weights[3] == 5);
  }
}

TEST_CASE("adam, two steps by hand") {
  const nn::adam optimizer{.beta1 = 0.5, .beta2 = 0.75, .epsilon = 0, .amsgrad = false};
  trained<double> run{optimizer, {0}};
  run.update(optimizer, {2}, 1);  // m = 1, v = 1; freed of bias 2 and 4
  CHECK(run.weights[0] == doctest::Approx(-1));
  run.update(optimizer, {-4}, 1);  // m = -1.5, v = 4.75; freed of bias -1.5 / 0.75 and 4.75 / 0.4375
  CHECK(run.weights[0] == doctest::Approx(-1 + 2 / std::sqrt(4.75 / 0.4375)));
}

TEST_CASE("AMSGrad remembers the largest second moment: after a spike its steps stay small") {
  const nn::adam with{.beta2 = 0.5, .amsgrad = true}, without{.beta2 = 0.5, .amsgrad = false};
  trained<double> one{with, {0}}, other{without, {0}};
  for (int i = 0; i < 100; ++i) {
    const std::vector<double> gradient{i == 0 ? 1000.0 : 1.0};
    one.update(with, gradient, 0.01);
    other.update(without, gradient, 0.01);
  }
  const double before_one = one.weights[0], before_other = other.weights[0];
  one.update(with, {1}, 0.01);
  other.update(without, {1}, 0.01);
  CHECK(before_other - other.weights[0] == doctest::Approx(0.01).epsilon(0.05));
  CHECK(before_one - one.weights[0] < 0.0001);
}

TEST_CASE("adam: the number of updates need not be whole") {
  const nn::adam optimizer;
  std::vector<double> steps;
  for (const double updates : {1.0, 1.5, 2.0}) {
    trained<double> run{optimizer, {0}};
    run.memory.values = {0.1, 0.01, 0.01};
    run.memory.updates = updates;
    run.update(optimizer, {1}, 0.01);
    steps.push_back(-run.weights[0]);
    CHECK(std::isfinite(run.weights[0]));
  }
  CHECK(std::min(steps[0], steps[2]) < steps[1]);
  CHECK(steps[1] < std::max(steps[0], steps[2]));
}

TEST_CASE_TEMPLATE("updating the two sides of a cut gives the bits of updating the whole", Optimizer, nn::sgd,
                   nn::adam) {
  const Optimizer optimizer{.weight_decay = 0.01};
  const std::size_t size = 37;
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{20}, size}) {
    trained<float> whole{optimizer, random_values(size, 1)}, sides = whole;
    for (std::uint64_t i = 0; i < 4; ++i) {
      const auto gradient = random_values(size, 10 + i);
      whole.update(optimizer, gradient, 0.1);
      for (const auto& [begin, end] : {comdml::index_range{cut, size}, comdml::index_range{0, cut}})
        optimizer.update(std::span{sides.weights}.subspan(begin, end - begin),
                         std::span{gradient}.subspan(begin, end - begin), sides.memory.view({begin, end}, size), 0.1);
      ++sides.memory.updates;
    }
    CHECK(sides.weights == whole.weights);
    CHECK(sides.memory == whole.memory);
  }
}

TEST_CASE_TEMPLATE("it finds the minimum of a badly scaled bowl, in float and in double", T, float, double) {
  const auto distance = [](const auto& optimizer, double rate) {
    trained<T> run{optimizer, {1, 1, 1}};
    for (int i = 0; i < 2000; ++i)
      run.update(optimizer, {run.weights[0], T{10} * run.weights[1], T{40} * run.weights[2]}, rate);
    return std::abs(run.weights[0]) + std::abs(run.weights[1]) + std::abs(run.weights[2]);
  };
  CHECK(distance(nn::sgd{.weight_decay = 0}, 0.01) < 1e-3);
  CHECK(distance(nn::adam{}, 0.01) < 1e-3);
}

TEST_CASE("a view is a run in every slot; what does not fit is refused") {
  nn::optimizer_state<float> memory;
  memory.reset(2, 5);
  CHECK(memory.values.size() == 10);
  const auto view = memory.view({1, 4}, 5);
  view.slot(0)[0] = 1;
  view.slot(1)[2] = 2;
  CHECK(memory.values == std::vector<float>{0, 1, 0, 0, 0, 0, 0, 0, 2, 0});
  memory.updates = 3;
  CHECK(memory.view({0, 5}, 5).updates == 3);
  CHECK_THROWS_AS((void)memory.view({0, 6}, 5), comdml::contract_error);
  CHECK_THROWS_AS((void)memory.view({3, 2}, 5), comdml::contract_error);
  CHECK_THROWS_AS((void)memory.view({0, 4}, 4), comdml::contract_error);
  memory.reset(1, 2);
  CHECK(memory == nn::optimizer_state<float>{.values = {0, 0}});

  std::vector<float> weights(2);
  const std::vector<float> few(1), fit(2);
  const auto update = [&](const auto& optimizer, const std::vector<float>& gradient, comdml::index_range run) {
    nn::optimizer_state<float> slots;
    slots.reset(optimizer.slots(), 2);
    optimizer.update(std::span{weights}, std::span{gradient}, slots.view(run, 2), 0.1);
  };
  CHECK_THROWS_AS(update(nn::sgd{}, few, {0, 2}), comdml::contract_error);
  CHECK_THROWS_AS(update(nn::sgd{.momentum = 0}, few, {0, 2}), comdml::contract_error);
  CHECK_THROWS_AS(update(nn::sgd{}, fit, {0, 1}), comdml::contract_error);
  CHECK_THROWS_AS(update(nn::adam{}, few, {0, 2}), comdml::contract_error);
  CHECK_THROWS_AS(update(nn::adam{}, fit, {0, 1}), comdml::contract_error);
  CHECK_NOTHROW(update(nn::adam{}, fit, {0, 2}));
}
