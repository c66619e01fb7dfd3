// expects: agent_tag
// An agent is not a split point, though both are numbers.
#include "comdml/core/ids.hpp"

#ifdef COMDML_CORRECT
using kept = comdml::split_point;
#else
using kept = comdml::agent_id;
#endif

comdml::split_point cut() { return kept{3}; }
