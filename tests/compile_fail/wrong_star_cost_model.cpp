// expects: (satisfaction of [^ ]*StarCostModel<|not satisfy 'StarCostModel')
// A helper of several guests needs a cost model that tells what makes up a guest's cost, not of pairs only.
#include "comdml/pairing/star.hpp"

struct pairs_only {
  comdml::seconds solo(const comdml::fleet::instance& fleet, comdml::agent_id agent) const {
    return comdml::fleet::overlapped{}.solo(fleet, agent);
  }
  comdml::seconds pair(const comdml::fleet::instance& fleet, comdml::agent_id agent, comdml::agent_id helper,
                       std::size_t entry) const {
    return comdml::fleet::overlapped{}.pair(fleet, agent, helper, entry);
  }
};

#ifdef COMDML_CORRECT
using cost = comdml::fleet::overlapped;
#else
using cost = pairs_only;
#endif

const comdml::pairing::star<cost> policy{};
