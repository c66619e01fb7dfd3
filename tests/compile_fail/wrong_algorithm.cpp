// expects: (concept comdml::Algorithm|not satisfy 'Algorithm')
// An algorithm that keeps to itself which plan it followed is refused: reports and observers tell it.
#include "comdml/concepts.hpp"
#include "comdml/pairing/plan.hpp"

struct session {
  comdml::pairing::plan everyone_alone() const { return {}; }
  void train(const comdml::pairing::plan&) {}
};

struct never_average {
#ifdef COMDML_CORRECT
  comdml::pairing::plan round(session& agent) const {
    const auto plan = agent.everyone_alone();
    agent.train(plan);
    return plan;
  }
#else
  void round(session& agent) const { agent.train(agent.everyone_alone()); }
#endif
};

static_assert(comdml::Algorithm<never_average, session>);
