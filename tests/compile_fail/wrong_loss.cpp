// expects: (concept comdml::Loss|not satisfy 'Loss')
// A loss that gives the sum alone is refused: the number of right answers belongs to it.
#include <span>

#include "comdml/concepts.hpp"
#include "comdml/nn/loss.hpp"

#ifdef COMDML_CORRECT
using answer = comdml::nn::loss_result;
#else
using answer = double;
#endif

struct indifference {
  answer operator()(std::span<const float>, std::span<const comdml::label>, std::span<float>) const { return {}; }
};

static_assert(comdml::Loss<indifference>);
