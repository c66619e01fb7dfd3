// SPDX-License-Identifier: BSL-1.0
/// \file
/// Frames: what remote endpoints send each other. A frame is a head of fixed size and a body that depends on its kind,
/// little-endian. Whatever arrives is hostile: readers check everything, and throw run_error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"

namespace comdml::comm {

/// Bytes that several owners read and none writes; null: none.
using shared_bytes = std::shared_ptr<const std::vector<std::byte>>;

/// What an engine carries, in one piece. The head is never empty.
struct frame {
  std::vector<std::byte> head{};
  shared_bytes body{};
};

namespace detail {

/// A version that this program does not speak.
class wrong_version : public run_error {
 public:
  using run_error::run_error;
};

enum class frame_kind : std::uint8_t {
  hello = 1,  ///< who is there, since when; asks for a welcome
  welcome,    ///< the answer: the same, and what was received so far
  data,
  taken,  ///< messages that the agent has taken or forgotten: their room is free again
  board,  ///< the latest published value
  bye,    ///< nothing comes after this
  ask,    ///< an observer asks for the published value; `board` is the answer
};

struct frame_head {
  static constexpr std::uint32_t magic = 0x4C4D4443;  ///< "CDML"
  static constexpr std::uint16_t version = 1;
  static constexpr std::size_t size = 50;  ///< bytes on the wire

  frame_kind kind{};
  bool again = false;          ///< taken: whatever came after `sequence` was not kept and is to be sent again
  std::uint64_t from = 0;      ///< the sender's incarnation
  std::uint64_t to = 0;        ///< the receiver's, as far as the sender knows; 0: not yet
  std::uint64_t sequence = 0;  ///< data, bye: its number; others: of the last one received
  comm::tag tag{};             ///< data: the message's
  std::uint64_t body_bytes = 0;

  [[nodiscard]] std::vector<std::byte> write() const {
    message_writer out;
    out.write(magic).write(version).write(static_cast<std::uint8_t>(kind)).write(std::uint8_t{again});
    out.write(from).write(to).write(sequence);
    out.write(tag.round).write(tag.kind).write(tag.step).write(tag.attempt).write(body_bytes);
    return out.take();
  }

  /// What a head says about the size of the body; 0 if this is no head.
  [[nodiscard]] static std::uint64_t body_of(std::span<const std::byte> head) {
    std::uint64_t announced = 0;
    if (head.size() == size) std::memcpy(&announced, head.data() + size - sizeof announced, sizeof announced);
    return announced;
  }

  [[nodiscard]] static frame_head read(std::span<const std::byte> bytes, agent_id sender) {
    message_reader in{bytes, sender};
    if (in.read<std::uint32_t>() != magic) in.fail("this is no frame");
    if (const auto spoken = in.read<std::uint16_t>(); spoken != version)
      throw wrong_version{text("agent ", sender, " speaks version ", spoken, " of the protocol, this is ", version)};
    frame_head head;
    const auto kind = in.read<std::uint8_t>();
    if (kind < static_cast<std::uint8_t>(frame_kind::hello) || kind > static_cast<std::uint8_t>(frame_kind::ask))
      in.fail(text("there is no frame of kind ", int{kind}));
    head.kind = static_cast<frame_kind>(kind);
    const auto flags = in.read<std::uint8_t>();
    if (flags > 1) in.fail(text("flags ", int{flags}));
    head.again = flags == 1;
    head.from = in.read<std::uint64_t>();
    head.to = in.read<std::uint64_t>();
    head.sequence = in.read<std::uint64_t>();
    head.tag.round = in.read<std::uint32_t>();
    head.tag.kind = in.read<std::uint16_t>();
    head.tag.step = in.read<std::uint16_t>();
    head.tag.attempt = in.read<std::uint16_t>();
    head.body_bytes = in.read<std::uint64_t>();
    in.finish();
    return head;
  }
};

/// A frame with this head, whose size is filled in.
[[nodiscard]] inline frame make_frame(frame_head head, shared_bytes body) {
  head.body_bytes = body ? body->size() : 0;
  return {head.write(), std::move(body)};
}
[[nodiscard]] inline frame make_frame(const frame_head& head, std::vector<std::byte> body) {
  return make_frame(head, body.empty() ? nullptr : std::make_shared<const std::vector<std::byte>>(std::move(body)));
}

/// Numbers of messages, ascending.
inline void write_numbers(message_writer& out, std::span<const std::uint64_t> numbers) {
  out.write(std::uint64_t{numbers.size()});
  for (const std::uint64_t one : numbers) out.write(one);
}
[[nodiscard]] inline std::vector<std::uint64_t> read_numbers(message_reader& in) {
  const auto count = in.read<std::uint64_t>();
  if (count > in.rest() / sizeof(std::uint64_t)) in.fail(text(count, " numbers are announced"));
  std::vector<std::uint64_t> numbers(static_cast<std::size_t>(count));
  for (std::uint64_t& one : numbers) one = in.read<std::uint64_t>();
  return numbers;
}

/// Body of hello and of welcome.
struct introduction {
  agent_id id{};
  std::uint64_t fleet = 0;   ///< digest of what all agents must have in common
  std::uint64_t nonce = 0;   ///< hello: to be repeated in the answer, which so proves that it is none from before
  std::uint32_t window = 0;  ///< unread messages that a channel to this agent holds
  /// Welcome: messages up to the head's sequence that the agent has not taken yet.
  std::vector<std::uint64_t> unread{};
  std::vector<std::byte> engine{};  ///< what the engine has to say, addresses for example

  [[nodiscard]] std::vector<std::byte> write() const {
    message_writer out;
    out.write(id.value).write(fleet).write(nonce).write(window);
    write_numbers(out, unread);
    out.write_block(engine);
    return out.take();
  }
  [[nodiscard]] static introduction read(std::span<const std::byte> bytes, agent_id sender) {
    message_reader in{bytes, sender};
    introduction told;
    told.id = agent_id{in.read<std::uint32_t>()};
    told.fleet = in.read<std::uint64_t>();
    told.nonce = in.read<std::uint64_t>();
    told.window = in.read<std::uint32_t>();
    told.unread = read_numbers(in);
    const auto block = in.read_block();
    told.engine.assign(block.begin(), block.end());
    in.finish();
    return told;
  }
};

}  // namespace detail
}  // namespace comdml::comm
