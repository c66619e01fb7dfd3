// expects: bytes.*batch_per_second
// Bytes over a speed of computing is no time: only bytes over a rate of the wire is.
#include "comdml/core/units.hpp"

#ifdef COMDML_CORRECT
using rate = comdml::bits_per_second;
#else
using rate = comdml::batches_per_second;
#endif

const comdml::seconds transfer = comdml::bytes{1e6} / rate{50};
