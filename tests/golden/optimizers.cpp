// SPDX-License-Identifier: BSL-1.0
/// \file
/// SGD and Adam in every mode take the same ten steps as PyTorch's.
#include <doctest/doctest.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "comdml/nn/adam.hpp"
#include "comdml/nn/optimizer.hpp"
#include "comdml/nn/sgd.hpp"
#include "golden.hpp"

namespace nn = comdml::nn;

namespace {

template <class O>
void same_steps(const O& optimizer, const std::vector<double>& expected) {
  const golden::formula formula{1};
  std::vector<double> weights(expected.size()), gradient(expected.size());
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = formula.unit(0, i);
  nn::optimizer_state<double> memory;
  memory.reset(optimizer.slots(), weights.size());
  for (std::size_t step = 0; step < 10; ++step) {
    for (std::size_t i = 0; i < gradient.size(); ++i)
      gradient[i] = formula.unit(1 + step, i) / static_cast<double>(1 + step);
    optimizer.update(std::span{weights}, std::span<const double>{gradient},
                     memory.view({0, weights.size()}, weights.size()), optimizer.learning_rate);
    memory.updates += 1;
  }
  CHECK(golden::worst_difference(weights, expected, 0) <= 1e-12);
}

}  // namespace

TEST_CASE("optimizers in every mode") {
  golden::file file{"optimizers.txt"};
  for (const std::string decay : {"0", "0.01"}) {
    CAPTURE(decay);
    const double weight_decay = std::stod(decay);
    same_steps(nn::sgd{.learning_rate = 0.1, .momentum = 0, .nesterov = false, .weight_decay = weight_decay},
               file["sgd 0 0 " + decay]);
    same_steps(nn::sgd{.learning_rate = 0.1, .momentum = 0.9, .nesterov = false, .weight_decay = weight_decay},
               file["sgd 0.9 0 " + decay]);
    same_steps(nn::sgd{.learning_rate = 0.1, .momentum = 0.9, .nesterov = true, .weight_decay = weight_decay},
               file["sgd 0.9 1 " + decay]);
    same_steps(nn::adam{.learning_rate = 0.01, .weight_decay = weight_decay, .amsgrad = false},
               file["adam 0 " + decay]);
    same_steps(nn::adam{.learning_rate = 0.01, .weight_decay = weight_decay, .amsgrad = true}, file["adam 1 " + decay]);
  }
  CHECK(file.unused() == "");
}
