// expects: (satisfaction of [^ ]*CostModel<|not satisfy 'CostModel')
// A cost model that answers in plain numbers is refused: a cost is a time.
#include "comdml/pairing/greedy.hpp"

#ifdef COMDML_CORRECT
using answer = comdml::seconds;
#else
using answer = double;
#endif

struct flat {
  answer solo(const comdml::fleet::instance&, comdml::agent_id) const { return answer{1}; }
  answer pair(const comdml::fleet::instance&, comdml::agent_id, comdml::agent_id, std::size_t) const {
    return answer{2};
  }
};

const comdml::pairing::greedy<flat> policy{};
