// SPDX-License-Identifier: BSL-1.0
#include "comdml/nn/loss.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/random.hpp"

namespace nn = comdml::nn;
using comdml::label;

namespace {

nn::loss_result loss_of(const std::vector<double>& outputs, const std::vector<label>& labels,
                        std::span<double> gradient = {}) {
  return nn::softmax_cross_entropy{}(std::span<const double>{outputs}, std::span<const label>{labels}, gradient);
}

}  // namespace

TEST_CASE("cross-entropy: values known by hand") {
  CHECK(loss_of({0, 0, 0, 0}, {2}).sum == doctest::Approx(std::log(4)));
  CHECK(loss_of({std::log(2.0), 0}, {0}).sum == doctest::Approx(std::log(1.5)));
  CHECK(loss_of({std::log(2.0), 0, std::log(2.0), 0}, {0, 1}).sum == doctest::Approx(std::log(1.5) + std::log(3)));
  std::vector<double> gradient(4);
  (void)loss_of({std::log(2.0), 0, std::log(2.0), 0}, {0, 1}, gradient);
  const std::vector<double> by_hand{-1.0 / 6, 1.0 / 6, 1.0 / 3, -1.0 / 3};  // (probability - target) / 2 images
  for (std::size_t i = 0; i < 4; ++i) CHECK(gradient[i] == doctest::Approx(by_hand[i]));
}

TEST_CASE("cross-entropy: the gradient is that of the mean, by central differences, and sums to zero") {
  const std::size_t images = 5, classes = 7;
  comdml::random_stream rng{1, comdml::purpose::testing};
  std::vector<double> outputs(images * classes), gradient(outputs.size(), -7);
  for (double& value : outputs) value = 3 * rng.normal();
  std::vector<label> labels;
  for (std::size_t i = 0; i < images; ++i) labels.push_back(static_cast<label>(rng.below(classes)));
  (void)loss_of(outputs, labels, gradient);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const double h = 1e-5;
    auto more = outputs, less = outputs;
    more[i] += h;
    less[i] -= h;
    const double difference = (loss_of(more, labels).sum - loss_of(less, labels).sum) / (2 * h * double{images});
    CHECK(gradient[i] == doctest::Approx(difference).epsilon(1e-6));
  }
  for (std::size_t i = 0; i < images; ++i) {
    const auto row = std::span{gradient}.subspan(i * classes, classes);
    CHECK(std::abs(std::accumulate(row.begin(), row.end(), 0.0)) < 1e-15);
  }
}

TEST_CASE("cross-entropy: outputs of any size give no overflow, and only differences count") {
  CHECK(loss_of({10000, 9999, -10000}, {0}).sum == doctest::Approx(loss_of({1, 0, -20000}, {0}).sum));
  CHECK(loss_of({10000, -10000}, {1}).sum == doctest::Approx(20000));
  CHECK(loss_of({800, 0}, {0}).sum == 0);
  const std::vector<float> outputs{3e38f, -3e38f};
  const std::vector<label> labels{0};
  std::vector<float> gradient(2);
  const auto result = nn::softmax_cross_entropy{}(std::span<const float>{outputs}, std::span<const label>{labels},
                                                  std::span<float>{gradient});
  CHECK(result.sum == 0);
  CHECK(gradient == std::vector<float>{0, 0});
}

TEST_CASE("cross-entropy: right answers; a tie goes to the lowest class") {
  CHECK(loss_of({1, 3, 2, 5, 4, 3}, {1, 0}).right == 2);
  CHECK(loss_of({1, 3, 2, 5, 4, 3}, {1, 2}).right == 1);
  CHECK(loss_of({2, 2, 2}, {0}).right == 1);
  CHECK(loss_of({2, 2, 2}, {1}).right == 0);
  CHECK(loss_of({1, 2, 2}, {2}).right == 0);
}

TEST_CASE("cross-entropy: an output that is not finite shows in the sum, wherever it stands") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {infinity, -infinity, std::numeric_limits<double>::quiet_NaN()})
    for (std::size_t at = 0; at < 6; ++at)
      for (const label answer : {0, 1, 2}) {
        std::vector<double> outputs(6, 0.5), gradient(6);
        outputs[at] = bad;
        CAPTURE(bad);
        CAPTURE(at);
        CHECK_FALSE(std::isfinite(loss_of(outputs, {answer, 1}, gradient).sum));
      }
}

TEST_CASE("cross-entropy: what does not fit is refused") {
  std::vector<double> gradient(3);
  CHECK_THROWS_AS((void)loss_of({}, {}), comdml::contract_error);
  CHECK_THROWS_AS((void)loss_of({}, {0}), comdml::contract_error);
  CHECK_THROWS_AS((void)loss_of({1, 2, 3}, {0, 0}), comdml::contract_error);
  CHECK_THROWS_AS((void)loss_of({1, 2}, {2}), comdml::contract_error);
  CHECK_THROWS_AS((void)loss_of({1, 2}, {-1}), comdml::contract_error);
  CHECK_THROWS_AS((void)loss_of({1, 2}, {0}, gradient), comdml::contract_error);
}
