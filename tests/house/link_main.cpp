// Links with link_other.cpp; both include every header.
#include "everything.hpp"

#include <cstdio>

std::size_t parallel_for_of_the_other_unit(std::size_t count);

int main() {
  std::size_t sum = 0;
  comdml::parallel_for({}, 10, [&](std::size_t i) { sum += i; });
  const bool equal = sum == parallel_for_of_the_other_unit(10);
  std::puts(equal ? "two translation units, one program" : "the translation units disagree");
  return equal ? 0 : 1;
}
