// expects: (concept comdml::Clock|not satisfy 'Clock')
// A clock that tells a bare number is refused: times carry their unit.
#include "comdml/concepts.hpp"

struct stopped {
#ifdef COMDML_CORRECT
  comdml::seconds now() const { return {}; }
#else
  double now() const { return 0; }
#endif
  template <class Work>
  void compute(comdml::seconds, Work&& work) {
    work();
  }
};

static_assert(comdml::Clock<stopped>);
