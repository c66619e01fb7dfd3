// expects: (satisfaction of [^ ]*Transport<|not satisfy 'Transport')
// A transport whose receive returns bare bytes, as if no peer were ever lost, is refused by the collectives.
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/comm/collective.hpp"
#include "comdml/comm/transport.hpp"

using namespace comdml;

struct still_clock {
  seconds now() const { return {}; }
  template <class Work>
  void compute(seconds, Work&& work) {
    work();
  }
};

struct loopback {
  agent_id self() const { return {}; }
  std::span<const agent_id> peers() const { return {}; }
  comm::result send(agent_id, const comm::tag&, std::vector<std::byte>, seconds) { return comm::result::peer_lost; }
#ifdef COMDML_CORRECT
  comm::delivery receive(agent_id, const comm::tag&, seconds) { return {}; }
#else
  std::vector<std::byte> receive(agent_id, const comm::tag&, seconds) { return {}; }
#endif
  comm::delivery receive_any(std::span<const comm::channel>, seconds) { return {}; }
  void forget_before(round_index) {}
  void publish(std::vector<std::byte>) {}
  std::optional<comm::published> peek(agent_id) { return {}; }
  still_clock& clock() { return time; }
  still_clock time;
};

comm::outcome add_up(loopback& line, const comm::group& members, std::span<float> values) {
  return comm::all_reduce(line, comm::ring{}, members, comm::tag{}, values, seconds::infinity());
}
