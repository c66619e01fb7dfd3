// expects: (satisfaction of [^ ]*AuxiliaryHead<|not satisfy 'AuxiliaryHead')
// A head that is not built for a shape, but built once, is refused.
#include "comdml/concepts.hpp"
#include "comdml/learn/policies.hpp"

#ifdef COMDML_CORRECT
using head = comdml::split::pool_linear;
#else
struct head {
  comdml::nn::linear classifier{10};
};
#endif

struct my_job : comdml::learn::default_policies {
  using auxiliary_head = head;
};

using settings = comdml::learn::settings<my_job>;
