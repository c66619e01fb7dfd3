// SPDX-License-Identifier: BSL-1.0
/// \file
/// Local-loss split training where theory says how fast it converges: multinomial logistic regression, cut between two
/// linear units. The slow side's loss is that of its own outputs, so it is strongly convex in its weights, and so is
/// the fast side's, for activations that have settled (DTFL, arXiv 2312.05642, theorem 1: O(mu D^2 exp(-eta mu R / 2))
/// down to a floor that is proportional to the step eta).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "comdml/nn/linear.hpp"
#include "comdml/nn/loss.hpp"
#include "comdml/nn/network.hpp"
#include "comdml/nn/sequential.hpp"
#include "comdml/nn/sgd.hpp"
#include "comdml/split/sides.hpp"

namespace {

using namespace comdml;

/// A head without weights: the activations are the scores of the classes.
struct identity {
  [[nodiscard]] image_shape output_shape(image_shape in) const { return in; }
  void describe(image_shape, nn::description&) const {}
  [[nodiscard]] std::size_t memory_size(image_shape, std::size_t) const { return 0; }
  [[nodiscard]] double multiply_adds(image_shape) const { return 0; }
  template <class T>
  void forward(const nn::forward_pass<T>& pass) const {
    std::ranges::copy(pass.input, pass.output.begin());
  }
  template <class T>
  void backward(const nn::backward_pass<T>& pass) const {
    std::ranges::copy(pass.output_gradient, pass.input_gradient.begin());
  }
};
static_assert(Layer<identity>);

constexpr std::size_t features = 6;
constexpr std::size_t classes = 3;
constexpr std::size_t samples = 240;
constexpr std::size_t batch = 8;
constexpr image_shape input{1, 1, features};
constexpr split_point cut{1};

using regression = nn::network<nn::sequential<nn::linear, nn::linear>, double>;
using direct = nn::network<nn::sequential<identity>, double>;

struct data_points {
  std::vector<double> inputs;
  std::vector<label> labels;
};

/// Classes that overlap, so that a batch's gradient is noisy at the optimum, too.
const data_points& points() {
  static const data_points all = [] {
    data_points made;
    random_stream rng{1, purpose::testing};
    for (std::size_t i = 0; i < samples; ++i) {
      const std::size_t one = rng.below(classes);
      made.labels.push_back(static_cast<label>(one));
      for (std::size_t f = 0; f < features; ++f) made.inputs.push_back(rng.normal() + (f % classes == one ? 1.0 : 0.0));
    }
    return made;
  }();
  return all;
}

class two_sides {
 public:
  explicit two_sides(double step) : step_{step} {
    net_.initialize(state_.model, random_stream{3, purpose::testing});
    head_.initialize(head_state_.model, random_stream{3, purpose::testing});
    for (double& weight : state_.model.parameters) weight *= 4;  // far from the optimum
    state_.optimizer.reset(sgd_.slots(), state_.model.parameters.size());
    head_state_.optimizer.reset(sgd_.slots(), 0);
  }

  /// One update of both sides on these samples.
  void update(std::span<const double> inputs, std::span<const label> labels) {
    std::vector<double> z;
    slow_.step(split::part_of(net_, state_, split::kept_units(net_, cut)),
               split::part_of(head_, head_state_, {0, head_.units()}), inputs, labels, step_, memory_, execution{1},
               [&](std::span<const double> activations) { z.assign(activations.begin(), activations.end()); });
    fast_.step(split::part_of(net_, state_, split::handed_over_units(net_, cut)), z, labels, step_, memory_,
               execution{1});
  }
  void update_on_all() { update(points().inputs, points().labels); }
  /// Batches are drawn anew each time.
  void update_on_some(random_stream& rng) {
    std::vector<double> inputs;
    std::vector<label> labels;
    for (std::size_t i = 0; i < batch; ++i) {
      const std::size_t one = rng.below(samples);
      labels.push_back(points().labels[one]);
      inputs.insert(inputs.end(), points().inputs.begin() + static_cast<std::ptrdiff_t>(one * features),
                    points().inputs.begin() + static_cast<std::ptrdiff_t>((one + 1) * features));
    }
    update(inputs, labels);
  }

  /// Squared distances from other weights: of the slow side's and of the fast side's.
  [[nodiscard]] std::pair<double, double> distance(const two_sides& other) const {
    const std::size_t slow = net_.parameters(split::kept_units(net_, cut)).size();
    std::pair<double, double> sums{};
    for (std::size_t i = 0; i < state_.model.parameters.size(); ++i) {
      const double off = state_.model.parameters[i] - other.state_.model.parameters[i];
      (i < slow ? sums.first : sums.second) += off * off;
    }
    return sums;
  }

 private:
  double step_;
  nn::sgd sgd_{.momentum = 0, .nesterov = false, .weight_decay = .05};
  regression net_{nn::sequential{nn::linear{.outputs = classes}, nn::linear{.outputs = classes}}, input};
  direct head_{nn::sequential{identity{}}, {1, 1, classes}};
  split::slow_side<regression, direct, nn::softmax_cross_entropy, nn::sgd> slow_{net_, head_, cut, {}, sgd_};
  split::fast_side<regression, nn::softmax_cross_entropy, nn::sgd> fast_{net_, cut, {}, sgd_};
  split::training_state<double> state_;
  split::training_state<double> head_state_;
  split::workspace<regression, direct> memory_;
};

/// Where both sides end without noise.
const two_sides& optimum() {
  static const two_sides found = [] {
    two_sides training{.5};
    for (int k = 0; k < 1500; ++k) training.update_on_all();
    return training;
  }();
  return found;
}

}  // namespace

TEST_CASE("without noise, both sides' errors fall geometrically, the fast one's once the slow side has settled") {
  two_sides training{.5};
  std::vector<std::pair<double, double>> errors;
  for (int k = 0; k <= 600; ++k) {
    if (k % 100 == 0) errors.push_back(training.distance(optimum()));
    training.update_on_all();
  }
  for (std::size_t k = 1; k < errors.size(); ++k) {
    CAPTURE(k);
    if (errors[k - 1].first > 1e-20) CHECK(errors[k].first < .3 * errors[k - 1].first);
    if (k > 1 && errors[k - 1].second > 1e-20) CHECK(errors[k].second < .3 * errors[k - 1].second);
    MESSAGE("after ", 100 * k, " updates: slow ", errors[k].first, ", fast ", errors[k].second);
  }
}

TEST_CASE("with noise, both sides' errors fall to a floor that shrinks with the step") {
  double slow_before = std::numeric_limits<double>::infinity();
  double fast_before = slow_before;
  for (const double step : {.4, .2, .1}) {
    two_sides training{step};
    random_stream rng{7, purpose::testing};
    const auto start = training.distance(optimum());
    const int settled = static_cast<int>(200 / step);
    for (int k = 0; k < settled; ++k) training.update_on_some(rng);
    double slow = 0;
    double fast = 0;
    const int looked_at = 3 * settled;
    for (int k = 0; k < looked_at; ++k) {
      training.update_on_some(rng);
      const auto off = training.distance(optimum());
      slow += off.first / looked_at;
      fast += off.second / looked_at;
    }
    MESSAGE("step ", step, ": floor of the slow side ", slow, ", of the fast side ", fast);
    CHECK(slow < .1 * start.first);
    CHECK(fast < .1 * start.second);
    CHECK(slow < .65 * slow_before);  // about half with half the step
    CHECK(fast < .65 * fast_before);
    slow_before = slow;
    fast_before = fast;
  }
}
