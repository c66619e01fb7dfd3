// SPDX-License-Identifier: BSL-1.0
/// \file
/// A process with an agent's keys that means no good: it claims to be another, sends frames of another version,
/// garbage, the same message twice, and one that is too long.
///   hostile_peer KEY-FILE ID ADDRESS PUBLIC-KEY SETTINGS     of itself; of its victim, as its log tells them
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

#include "../../unit/zeromq/stranger.hpp"

int main(int count, char** arguments) try {
  using namespace comdml;
  const std::vector<std::string> given(arguments + 1, arguments + count);
  const auto self = static_cast<std::uint32_t>(std::stoul(given.at(1)));
  const std::uint64_t fleet = std::stoull(given.at(4), nullptr, 16);
  const comm::curve_keys keys = comm::read_keys(given.at(0));
  zeromq_test::stranger peer{keys, self, given.at(2), given.at(3)};
  constexpr comm::tag news{1, 1, 0};

  peer.send_hello(fleet, self - 1);
  peer.meet(fleet);
  auto head = comm::detail::frame_head{.kind = comm::detail::frame_kind::data, .from = peer.incarnation}.write();
  head[4] = std::byte{77};
  peer.send({head});
  peer.send({std::vector<std::byte>(20, std::byte{'g'})});
  peer.send_data(1, news, std::vector<std::byte>(10));
  peer.send_data(1, news, std::vector<std::byte>(10));
  const std::size_t largest = comm::zeromq_options{.keys = keys}.largest_message;  // the program leaves it as it is
  peer.send_data(2, news, std::vector<std::byte>(largest + 1));
  while (peer.receive().first.kind != comm::detail::frame_kind::bye) {
  }
} catch (const std::exception& error) {
  std::cerr << "hostile peer: " << error.what() << '\n';
  return 1;
}
