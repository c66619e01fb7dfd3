// expects: (concept comdml::Observer|not satisfy 'Observer')
// An observer that answers nothing is refused: going on is an answer, too.
#include "comdml/concepts.hpp"
#include "comdml/learn/round_report.hpp"

struct silent {
#ifdef COMDML_CORRECT
  comdml::learn::verdict on_round(const comdml::learn::round_report&) { return comdml::learn::verdict::go_on; }
#else
  void on_round(const comdml::learn::round_report&) {}
#endif
};

static_assert(comdml::Observer<silent>);
