// expects: (satisfaction of [^ ]*Augmentation<|not satisfy 'Augmentation')
// A job whose augmentation is not told what black looks like after normalization is refused.
#include "comdml/concepts.hpp"
#include "comdml/learn/policies.hpp"

struct darken {
#ifdef COMDML_CORRECT
  void operator()(std::span<float> image, comdml::image_shape, std::span<const float> black,
                  comdml::random_stream& rng) const {
    image[rng.below(image.size())] = black[0];
  }
#else
  void operator()(std::span<float> image, comdml::image_shape, comdml::random_stream& rng) const {
    image[rng.below(image.size())] = 0;
  }
#endif
};

struct my_job : comdml::learn::default_policies {
  using augmentation = darken;
};

using settings = comdml::learn::settings<my_job>;
