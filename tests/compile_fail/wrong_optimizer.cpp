// expects: (satisfaction of [^ ]*Optimizer<|not satisfy 'Optimizer')
// A job whose optimizer forgets the learning rate that the schedule gives is refused.
#include "comdml/concepts.hpp"
#include "comdml/learn/policies.hpp"

struct plain_descent {
  double learning_rate = 0.1;
  std::size_t slots() const { return 0; }
#ifdef COMDML_CORRECT
  template <class T>
  void update(std::span<T> weights, std::span<const T> gradient, comdml::nn::optimizer_view<T>, double rate) const {
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] -= static_cast<T>(rate) * gradient[i];
  }
#else
  template <class T>
  void update(std::span<T> weights, std::span<const T> gradient, comdml::nn::optimizer_view<T>) const {
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] -= static_cast<T>(learning_rate) * gradient[i];
  }
#endif
};

struct my_job : comdml::learn::default_policies {
  using optimizer = plain_descent;
};

using settings = comdml::learn::settings<my_job>;
