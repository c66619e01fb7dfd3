// SPDX-License-Identifier: BSL-1.0
#include "comdml/nn/schedule.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace nn = comdml::nn;

TEST_CASE("constant: the base rate, whatever happens") {
  nn::constant schedule;
  for (int round = 0; round < 3; ++round) {
    CHECK(schedule.rate(0.1) == 0.1);
    schedule.next_round();
    schedule.observe(0);
  }
}

TEST_CASE("step: the rate falls after every `every` rounds") {
  nn::step schedule{.every = 2, .factor = 0.5};
  std::vector<double> rates;
  for (int round = 0; round < 6; ++round) {
    rates.push_back(schedule.rate(8));
    schedule.observe(0.1);
    schedule.next_round();
  }
  CHECK(rates == std::vector<double>{8, 8, 4, 4, 2, 2});
}

TEST_CASE("step: every 0 never falls") {
  nn::step schedule{.every = 0, .factor = 0.5};
  for (int round = 0; round < 5; ++round) schedule.next_round();
  CHECK(schedule.rate(3) == 3);
}

TEST_CASE("plateau: cuts after more than `patience` evaluations without a better accuracy, then counts anew") {
  nn::plateau schedule{.patience = 2, .factor = 0.5};
  const std::vector<double> accuracies{0.5, 0.5, 0.4, 0.5, 0.1, 0.1, 0.1, 0.6, 0.1, 0.1, 0.61, 0.1, 0.1, 0.1};
  const std::vector<double> wanted{1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.125};
  for (std::size_t i = 0; i < accuracies.size(); ++i) {
    CAPTURE(i);
    schedule.observe(accuracies[i]);
    schedule.next_round();
    CHECK(schedule.rate(1) == wanted[i]);
  }
}

TEST_CASE("plateau: an accuracy of zero is a first best, and rounds without an evaluation do not count") {
  nn::plateau schedule{.patience = 0, .factor = 0.5};
  schedule.observe(0);
  for (int round = 0; round < 5; ++round) schedule.next_round();
  CHECK(schedule.rate(1) == 1);
  schedule.observe(0);
  CHECK(schedule.rate(1) == 0.5);
}

TEST_CASE("plateau: the authors' setting is times 0.3 at the eleventh evaluation without progress") {
  nn::plateau schedule;
  schedule.observe(0.9);
  for (int i = 0; i < 10; ++i) schedule.observe(0.9);
  CHECK(schedule.rate(1) == 1);
  schedule.observe(0.9);
  CHECK(schedule.rate(1) == doctest::Approx(0.3));
}
