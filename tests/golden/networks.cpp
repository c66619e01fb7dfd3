// SPDX-License-Identifier: BSL-1.0
/// \file
/// The residual networks, the loss and the optimizers compute what PyTorch computes: outputs, gradients, running
/// statistics, and ten steps of training.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "comdml/nn/adam.hpp"
#include "comdml/nn/loss.hpp"
#include "comdml/nn/optimizer.hpp"
#include "comdml/nn/resnet.hpp"
#include "comdml/nn/sgd.hpp"
#include "golden.hpp"

namespace nn = comdml::nn;
using comdml::image_shape;
using comdml::index_range;

namespace {

/// The activation, which also notes how near to zero its inputs come.
struct watching_relu : nn::relu {
  static inline double nearest = INFINITY;

  template <class T>
  void forward(const nn::forward_pass<T>& pass) const {
    for (const T value : pass.input) nearest = std::min(nearest, std::abs(static_cast<double>(value)));
    nn::relu::forward(pass);
  }
};
static_assert(comdml::Layer<watching_relu>);

template <comdml::Scalar T>
using resnet20 = nn::resnet<20, nn::identity_padded, nn::convolution_gemm, nn::batch_normalization, watching_relu, T>;
template <comdml::Scalar T>
using bottleneck56 =
    nn::bottleneck_resnet<56, nn::projection, nn::convolution_gemm, nn::batch_normalization, nn::relu, T>;

/// One network beside one golden file.
template <comdml::Network N>
class comparison {
 public:
  using scalar = typename N::scalar;

  comparison(const std::string& file_name, double tolerance)
      : file_{file_name},
        shape_{at(3), at(4), at(5)},
        net_{shape_, at(6)},
        formula_{at(1)},
        images_{at(2)},
        samples_{at(7)},
        tolerance_{tolerance} {}

  /// Learning rate of the golden steps: 0 SGD, 1 Adam.
  [[nodiscard]] double rate(std::size_t i) { return file_["rates"].at(i); }

  void gradients() {
    fill_state();
    const double loss = forward_backward(0);
    check_row("logits", outputs_);
    check_row("loss", std::vector{loss});
    for_each_tensor([&](const std::string& name, std::size_t number, std::span<const scalar> values,
                        index_range place) {
      if (net_.tensors()[number].kind == nn::tensor_kind::parameter)
        check_tensor("gradient " + name, number, std::span<const scalar>{gradient_}.subspan(place.begin, place.size()));
      else
        check_tensor("forward " + name, number, values);
    });
    check_tensor("gradient pixels", net_.tensors().size(), input_gradient_);
  }

  template <class O>
  void steps(const std::string& label, const O& optimizer) {
    fill_state();
    const std::size_t weights = state_.parameters.size();
    nn::optimizer_state<scalar> memory;
    memory.reset(optimizer.slots(), weights);
    std::vector<double> losses;
    for (std::size_t step = 0; step < 10; ++step) {
      losses.push_back(forward_backward(step));
      optimizer.update(std::span{state_.parameters}, std::span<const scalar>{gradient_},
                       memory.view({0, weights}, weights), optimizer.learning_rate);
      memory.updates += 1;
    }
    check_row(label + " losses", losses);
    for_each_tensor([&](const std::string& name, std::size_t number, std::span<const scalar> values, index_range) {
      check_tensor(label + " " + name, number, values);
    });
    forward(0, nn::mode::infer);
    check_row(label + " inferred", outputs_);
  }

  void all_lines_were_compared() const { CHECK(file_.unused() == ""); }

 private:
  [[nodiscard]] std::size_t at(std::size_t i) { return static_cast<std::size_t>(file_["case"].at(i - 1)); }
  [[nodiscard]] index_range all() const { return {0, net_.units()}; }

  template <class Function>
  void for_each_tensor(Function&& f) {
    for (std::size_t number = 0; number < net_.tensors().size(); ++number) {
      const auto& tensor = net_.tensors()[number];
      auto& values = tensor.kind == nn::tensor_kind::parameter ? state_.parameters : state_.statistics;
      f(tensor.name, number, std::span{values}.subspan(tensor.offset, tensor.size),
        index_range{tensor.offset, tensor.offset + tensor.size});
    }
  }

  void fill_state() {
    state_.parameters.resize(net_.parameters(all()).size());
    state_.statistics.resize(net_.statistics(all()).size());
    for_each_tensor([&](const std::string&, std::size_t number, std::span<scalar> values, index_range) {
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = formula_.value(number, net_.tensors()[number], i);
    });
  }

  void forward(std::size_t batch, nn::mode how) {
    pixels_.resize(images_ * shape_.size());
    for (std::size_t i = 0; i < pixels_.size(); ++i) pixels_[i] = static_cast<scalar>(formula_.pixel(batch, i));
    const auto out = net_.forward(all(), state_.parameters, state_.statistics, pixels_, images_, how, work_, {});
    outputs_.assign(out.begin(), out.end());
  }

  /// The mean loss of the batch; leaves its outputs and gradients.
  double forward_backward(std::size_t batch) {
    forward(batch, nn::mode::train);
    std::vector<comdml::label> labels(images_);
    for (std::size_t i = 0; i < images_; ++i) labels[i] = formula_.label(batch, i, net_.classes());
    std::vector<scalar> output_gradient(outputs_.size());
    const auto result =
        nn::softmax_cross_entropy{}(std::span<const scalar>{outputs_}, labels, std::span{output_gradient});
    gradient_.assign(state_.parameters.size(), scalar{-7});
    input_gradient_.assign(pixels_.size(), scalar{-7});
    net_.backward(all(), state_.parameters, output_gradient, gradient_, input_gradient_, work_, {});
    return result.sum / static_cast<double>(images_);
  }

  template <class Values>
  void check_row(const std::string& label, const Values& values) {
    const std::vector<double>& expected = file_[label];
    double squares = 0;
    for (const double value : expected) squares += value * value;
    CHECK_MESSAGE(golden::worst_difference(values, expected,
                                           std::sqrt(squares / static_cast<double>(expected.size()))) <= tolerance_,
                  label);
  }

  void check_tensor(const std::string& label, std::size_t number, std::span<const scalar> values) {
    double squares = 0;
    for (const scalar value : values) squares += static_cast<double>(value) * static_cast<double>(value);
    std::vector<double> sampled{std::sqrt(squares)};
    for (std::size_t k = 0; k < samples_; ++k)
      sampled.push_back(static_cast<double>(values[formula_.position(number, k, values.size())]));
    const std::vector<double>& expected = file_[label];
    const double typical = expected.front() / std::sqrt(static_cast<double>(values.size()));
    CHECK_MESSAGE(golden::worst_difference(sampled, expected, typical) <= tolerance_, label);
  }

  golden::file file_;
  image_shape shape_;
  N net_;
  golden::formula formula_;
  std::size_t images_;
  std::size_t samples_;
  double tolerance_;
  nn::model_state<scalar> state_;
  typename N::workspace work_;
  std::vector<scalar> pixels_, outputs_, gradient_, input_gradient_;
};

template <comdml::Network N>
void same_training(const std::string& file_name) {
  comparison<N> against{file_name, 1e-9};
  against.gradients();
  against.steps("sgd",
                nn::sgd{.learning_rate = against.rate(0), .momentum = 0.9, .nesterov = true, .weight_decay = 5e-4});
  against.steps("adam", nn::adam{.learning_rate = against.rate(1), .weight_decay = 5e-4, .amsgrad = true});
  against.all_lines_were_compared();
}

}  // namespace

TEST_CASE("ResNet-20 in double trains as in PyTorch") { same_training<resnet20<double>>("resnet20.txt"); }

TEST_CASE("bottleneck ResNet-56 in double trains as in PyTorch, on odd sizes") {
  same_training<bottleneck56<double>>("bottleneck56.txt");
}

// The golden figures are those in double: float may err, but not by more than this. No value comes nearer to zero than
// 1e-4 before an activation; one that did could turn a gradient on or off.
TEST_CASE_TEMPLATE("ResNet-20 of one channel: outputs and gradients", T, float, double) {
  watching_relu::nearest = INFINITY;
  comparison<resnet20<T>> against{"resnet20_small.txt", std::is_same_v<T, float> ? 1e-4 : 1e-9};
  against.gradients();
  against.all_lines_were_compared();
  CHECK(watching_relu::nearest >= 1e-4);
}
