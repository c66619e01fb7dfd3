// expects: byte_per_second.*bit_per_second|bits_per_second
// The trap itself: a bandwidth in megabytes per second where one in megabits is wanted.
#include "comdml/core/links.hpp"
#include "comdml/core/units.hpp"

#ifdef COMDML_CORRECT
const comdml::directed_link to_helper{.rate = comdml::megabits_per_second(50), .latency = {}};
#else
const comdml::directed_link to_helper{.rate = comdml::megabytes_per_second(50), .latency = {}};
#endif
