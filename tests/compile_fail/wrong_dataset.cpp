// expects: (satisfaction of [^ ]*Dataset<|not satisfy 'Dataset')
// A data set that hands out bytes is refused: pixels are floats from 0 to 1.
#include <cstddef>
#include <cstdint>
#include <span>

#include "comdml/concepts.hpp"
#include "comdml/data/normalization.hpp"
#include "comdml/data/shard.hpp"

#ifdef COMDML_CORRECT
using pixel = float;
#else
using pixel = std::uint8_t;
#endif

struct darkness {
  std::size_t size() const { return 10; }
  comdml::image_shape shape() const { return {8, 8, 1}; }
  std::size_t classes() const { return 2; }
  comdml::label label(std::size_t) const { return 0; }
  void read(std::size_t, std::span<pixel> out) const { out[0] = 0; }
  comdml::data::normalization normalization() const { return comdml::data::normalization::identity(1); }
};

const darkness night;
const comdml::data::shard<darkness> evening{night, {0, 1, 2}};
