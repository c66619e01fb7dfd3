// expects: (&& Layer<|not satisfy 'Layer')
// A layer without a way back is refused where it enters a model.
#include "comdml/concepts.hpp"
#include "comdml/nn/layer.hpp"
#include "comdml/nn/sequential.hpp"

struct doubling {
  comdml::image_shape output_shape(comdml::image_shape in) const { return in; }
  void describe(comdml::image_shape, comdml::nn::description&) const {}
  std::size_t memory_size(comdml::image_shape, std::size_t) const { return 0; }
  double multiply_adds(comdml::image_shape) const { return 0; }
  template <class T>
  void forward(const comdml::nn::forward_pass<T>& pass) const {
    for (std::size_t i = 0; i < pass.input.size(); ++i) pass.output[i] = 2 * pass.input[i];
  }
#ifdef COMDML_CORRECT
  template <class T>
  void backward(const comdml::nn::backward_pass<T>& pass) const {
    for (std::size_t i = 0; i < pass.input_gradient.size(); ++i) pass.input_gradient[i] = 2 * pass.output_gradient[i];
  }
#endif
};

using model = comdml::nn::sequential<doubling, doubling>;
const std::size_t layers = model::size();
