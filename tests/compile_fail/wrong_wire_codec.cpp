// expects: (satisfaction of [^ ]*WireCodec<|not satisfy 'WireCodec')
// A codec that cannot tell its size is refused where bytes are counted.
#include <cstddef>
#include <span>

#include "comdml/concepts.hpp"
#include "comdml/split/smashed_data.hpp"

struct silence {
  static constexpr const char* name = "silence";
#ifdef COMDML_CORRECT
  static std::size_t encoded_size(std::size_t, std::size_t) { return 0; }
#endif
  static void encode(std::span<const float>, std::size_t, std::span<std::byte>) {}
  static void decode(std::span<const std::byte>, std::size_t, std::span<float>) {}
};

const auto size = comdml::split::smashed_size<silence>(comdml::image_shape{4, 4, 8}, 10);
