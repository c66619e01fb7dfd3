// A user's program that asks for the component zeromq.
#include <comdml/comdml.hpp>
#include <comdml/comm/zeromq.hpp>

#include <cstdio>

int main() {
  using namespace comdml;
  const comm::curve_keys a = comm::make_keys();
  const comm::curve_keys b = comm::make_keys();
  comm::zeromq_endpoint first{
      {}, comm::zeromq_options{agent_id{0}, a, "tcp://127.0.0.1:*", {}, {{agent_id{1}, b.public_key()}}}};
  comm::zeromq_endpoint second{
      {},
      comm::zeromq_options{
          agent_id{1}, b, "tcp://127.0.0.1:*", {}, {{agent_id{0}, a.public_key(), first.engine().address()}}}};
  const auto deadline = seconds{60};
  if (!second.wait_for_peers(deadline).empty()) return 1;
  if (second.send(agent_id{0}, {}, std::vector<std::byte>(7), deadline) != comm::result::ok) return 1;
  std::printf("%zu bytes\n", first.receive(agent_id{1}, {}, deadline).data.size());
  return 0;
}
