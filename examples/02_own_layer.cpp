// expects: swish passes the layer check.*test accuracy (9[0-9]|100)
// One new idea: a layer of your own. It needs six functions; the compiler names what is missing (concept Layer), and
// testing::check_layer compares its gradients with central differences.
#include <cmath>
#include <cstdio>

#include "comdml/comdml.hpp"
#include "comdml/data/digits.hpp"
#include "comdml/testing/check_layer.hpp"

/// x * sigmoid(x), elementwise. It has no tensors, and needs nothing but its input for the way back.
struct swish {
  comdml::image_shape output_shape(comdml::image_shape in) const { return in; }
  void describe(comdml::image_shape, comdml::nn::description&) const {}
  std::size_t memory_size(comdml::image_shape, std::size_t) const { return 0; }
  double multiply_adds(comdml::image_shape) const { return 0; }

  template <class T>
  void forward(const comdml::nn::forward_pass<T>& pass) const {
    for (std::size_t i = 0; i < pass.input.size(); ++i) pass.output[i] = pass.input[i] * sigmoid(pass.input[i]);
  }

  template <class T>
  void backward(const comdml::nn::backward_pass<T>& pass) const {
    for (std::size_t i = 0; i < pass.input_gradient.size(); ++i) {
      const T s = sigmoid(pass.input[i]);
      pass.input_gradient[i] = pass.output_gradient[i] * (s + pass.input[i] * s * (1 - s));
    }
  }

 private:
  template <class T>
  static T sigmoid(T x) {
    return 1 / (1 + std::exp(-x));
  }
};
static_assert(comdml::Layer<swish>);

struct my_job : comdml::learn::default_policies {
  using model = comdml::nn::resnet<8, comdml::nn::identity_padded, comdml::nn::convolution_gemm,
                                   comdml::nn::batch_normalization, swish>;
};

int main() {
  if (const auto report = comdml::testing::check_layer(swish{}); !report) {
    std::printf("%s\n", report.message().c_str());
    return 1;
  }
  std::printf("swish passes the layer check; ");
  comdml::learn::fleet_trainer<my_job> job{comdml::fleet::uniform({.agents = 4}), {.rounds = 6, .batch = 16}};
  const auto history = job.run(comdml::data::digits(), comdml::data::iid{});
  std::printf("test accuracy %.1f %%\n", 100 * history.rounds.back().test_accuracy.value_or(0));
}
