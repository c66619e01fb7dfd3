// expects: (concept comdml::Partitioner|not satisfy 'Partitioner')
// A partitioner that draws by itself is refused: its randomness comes in, so that the seed decides.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "comdml/concepts.hpp"

struct by_turns {
  using lists = std::vector<std::vector<std::uint32_t>>;
#ifdef COMDML_CORRECT
  lists operator()(std::span<const comdml::label>, std::size_t, std::size_t agents, comdml::random_stream) const;
#else
  lists operator()(std::span<const comdml::label>, std::size_t, std::size_t agents) const;
#endif
};

static_assert(comdml::Partitioner<by_turns>);
