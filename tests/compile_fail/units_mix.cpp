// expects: bytes.*(unit::second|seconds)
#include "comdml/core/units.hpp"

#ifdef COMDML_CORRECT
using other = comdml::bytes;
#else
using other = comdml::seconds;
#endif

const auto sum = comdml::bytes{1} + other{2};
