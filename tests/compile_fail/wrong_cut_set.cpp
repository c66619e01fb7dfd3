// expects: (concept comdml::CutSet|CutSet<after_the_stem, any_network>' evaluated to false)
// A cut set that answers in plain numbers is refused: a number of units is not yet a split point.
#include <cstdint>
#include <vector>

#include "comdml/concepts.hpp"

#ifdef COMDML_CORRECT
using cut = comdml::split_point;
#else
using cut = std::uint32_t;
#endif

struct after_the_stem {
  template <class N>
  std::vector<cut> points(const N&) const {
    return {cut{1}};
  }
};

struct any_network {};
static_assert(comdml::CutSet<after_the_stem, any_network>);
