// expects: (concept comdml::Schedule|not satisfy 'Schedule')
// A schedule that moves on when it is asked for the rate is refused: rounds are counted by next_round.
#include "comdml/concepts.hpp"

struct halving {
  double factor = 1;
#ifdef COMDML_CORRECT
  double rate(double base) const { return base * factor; }
#else
  double rate(double base) { return base * (factor /= 2); }
#endif
  void next_round() { factor /= 2; }
  void observe(double) {}
};

static_assert(comdml::Schedule<halving>);
