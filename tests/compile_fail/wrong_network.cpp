// expects: (satisfaction of [^ ]*Network<|not satisfy 'Network')
// A body of layers is no network: it has to be bound to an input shape first.
#include "comdml/concepts.hpp"
#include "comdml/nn/network.hpp"
#include "comdml/nn/relu.hpp"
#include "comdml/split/sides.hpp"

using body = comdml::nn::sequential<comdml::nn::relu, comdml::nn::relu>;
#ifdef COMDML_CORRECT
using model = comdml::nn::network<body>;
#else
using model = body;
#endif

comdml::index_range slow_half(const model& net) { return comdml::split::kept_units(net, comdml::split_point{1}); }
