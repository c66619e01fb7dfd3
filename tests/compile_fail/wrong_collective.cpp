// expects: (satisfaction of [^ ]*Collective<|not satisfy 'Collective')
// A collective is a schedule, not a function that sends.
#include <span>

#include "comdml/concepts.hpp"
#include "comdml/comm/collective.hpp"
#include "comdml/comm/in_process.hpp"
#include "comdml/comm/virtual_time.hpp"

using namespace comdml;
using endpoint = comm::in_process<comm::virtual_time>::endpoint;

#ifdef COMDML_CORRECT
using sum = comm::ring;
#else
struct sum {
  void operator()(endpoint&, std::span<float>) const {}
};
#endif

comm::outcome add_up(endpoint& line, const comm::group& members, std::span<float> values) {
  return comm::all_reduce(line, sum{}, members, comm::tag{}, values, seconds::infinity());
}
