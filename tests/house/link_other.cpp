// Links with link_main.cpp; both include every header.
#include "everything.hpp"

std::size_t parallel_for_of_the_other_unit(std::size_t count);

std::size_t parallel_for_of_the_other_unit(std::size_t count) {
  std::size_t sum = 0;
  comdml::parallel_for({}, count, [&](std::size_t i) { sum += i; });
  return sum;
}
