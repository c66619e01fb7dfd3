// SPDX-License-Identifier: BSL-1.0
#include "comdml/comm/message.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "support.hpp"

using namespace comm_test;

TEST_CASE("fields come back as they were written, in little-endian order") {
  const std::vector<float> values{1.5F, -0.0F, std::numeric_limits<float>::denorm_min()};
  comm::message_writer writer;
  writer.write(std::uint16_t{0x1234}).write(std::int64_t{-5}).write(1.0 / 3).write(values).write_block(sized(3, 9));
  const std::vector<std::byte> message = writer.take();
  CHECK(message.size() == 2 + 8 + 8 + 12 + 8 + 3);
  CHECK(message[0] == std::byte{0x34});
  CHECK(message[1] == std::byte{0x12});
  CHECK(writer.take().empty());

  comm::message_reader reader{message, id(3)};
  CHECK(reader.read<std::uint16_t>() == 0x1234);
  CHECK(reader.read<std::int64_t>() == -5);
  CHECK(reader.read<double>() == 1.0 / 3);
  std::vector<float> back(3);
  reader.read(back);
  CHECK(back == values);
  CHECK(std::signbit(back[1]));
  const auto block = reader.read_block();
  CHECK(std::vector(block.begin(), block.end()) == sized(3, 9));
  reader.finish();
}

TEST_CASE("a malformed message is a run_error that names the sender") {
  const std::vector<std::byte> three = sized(3);
  CHECK_THROWS_WITH_AS(((void)comm::message_reader{three, id(3)}.read<std::uint32_t>()),
                       "malformed message of agent 3 at byte 0: 4 bytes are expected, 3 are left", run_error);
  std::vector<float> one(1);
  CHECK_THROWS_AS((comm::message_reader{three, id(3)}.read(one)), run_error);
  CHECK_THROWS_AS((comm::message_reader{three, id(3)}.finish()), run_error);

  comm::message_writer lying;
  lying.write(std::numeric_limits<std::uint64_t>::max()).write(std::uint8_t{1});
  const std::vector<std::byte> message = lying.take();
  CHECK_THROWS_WITH_AS(
      (void)(comm::message_reader{message, id(3)}.read_block()),
      "malformed message of agent 3 at byte 8: a block of 18446744073709551615 bytes is announced, 1 are "
      "left",
      run_error);
}
