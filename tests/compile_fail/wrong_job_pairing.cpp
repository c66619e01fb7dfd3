// expects: (satisfaction of [^ ]*PairingPolicy<|not satisfy 'PairingPolicy')
// Policies exchanged by mistake: the error names the concept of the place, not of the whole job.
#include "comdml/concepts.hpp"
#include "comdml/learn/policies.hpp"

struct my_job : comdml::learn::default_policies {
#ifdef COMDML_CORRECT
  using pairing = comdml::pairing::greedy<>;
#else
  using pairing = comdml::fleet::overlapped;
#endif
};

using settings = comdml::learn::settings<my_job>;
