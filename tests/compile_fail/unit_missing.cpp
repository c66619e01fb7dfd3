// expects: bits_per_second
// The trap of megabytes and megabits: a bare number is not a bandwidth.
#include "comdml/core/units.hpp"

#ifdef COMDML_CORRECT
const comdml::bits_per_second bandwidth = comdml::megabits_per_second(50);
#else
const comdml::bits_per_second bandwidth = 50e6;
#endif
