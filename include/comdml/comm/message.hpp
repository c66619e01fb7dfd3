// SPDX-License-Identifier: BSL-1.0
/// \file
/// Writes and reads the records that agents exchange: plain numbers and runs of floats, little-endian, without padding.
/// Whatever arrives is hostile: every read is checked against the bytes that are there.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"

namespace comdml::comm {

static_assert(std::endian::native == std::endian::little, "messages are little-endian and written by memcpy");

/// A number that looks the same on every machine.
template <class T>
concept Field = (std::integral<T> && !std::same_as<T, bool>) || std::same_as<T, float> || std::same_as<T, double>;

/// Builds a message, field after field.
class message_writer {
 public:
  template <Field T>
  message_writer& write(T value) {
    return append(std::as_bytes(std::span{&value, 1}));
  }
  /// The values alone, without their number: the reader must know it.
  message_writer& write(std::span<const float> values) { return append(std::as_bytes(values)); }
  /// Bytes without their number, as what ends a message: the reader takes the rest.
  message_writer& write_rest(std::span<const std::byte> bytes) { return append(bytes); }
  /// Bytes behind their number (8 bytes).
  message_writer& write_block(std::span<const std::byte> block) {
    return write(std::uint64_t{block.size()}).append(block);
  }

  /// The finished message; the writer is empty afterwards.
  [[nodiscard]] std::vector<std::byte> take() noexcept { return std::exchange(data_, {}); }

 private:
  message_writer& append(std::span<const std::byte> more) {
    const std::size_t size = data_.size();
    data_.resize(size + more.size());  // g++ 12 misjudges the growth inside insert() and warns of an overflow
    if (!more.empty()) std::memcpy(data_.data() + size, more.data(), more.size());
    return *this;
  }

  std::vector<std::byte> data_;
};

/// A message that its sender cannot have meant.
class malformed_message : public run_error {
 public:
  malformed_message(agent_id sender, const std::string& what) : run_error{what}, sender_{sender} {}

  [[nodiscard]] agent_id sender() const noexcept { return sender_; }

 private:
  agent_id sender_;
};

/// Reads a message in the order in which it was written. Throws malformed_message when the message ends too early or
/// too late. Refers to the message, does not copy it.
class message_reader {
 public:
  message_reader(std::span<const std::byte> message, agent_id sender) : message_{message}, sender_{sender} {}

  template <Field T>
  [[nodiscard]] T read() {
    T value{};
    std::memcpy(&value, next(sizeof value).data(), sizeof value);
    return value;
  }
  /// Fills `values`.
  void read(std::span<float> values) {
    const std::span<const std::byte> source = next(values.size_bytes());
    if (!source.empty()) std::memcpy(values.data(), source.data(), source.size());
  }
  /// So many bytes; valid as long as the message is.
  [[nodiscard]] std::span<const std::byte> read_bytes(std::size_t size) { return next(size); }
  /// Bytes behind their number; valid as long as the message is.
  [[nodiscard]] std::span<const std::byte> read_block() {
    const auto size = read<std::uint64_t>();
    if (size > rest()) fail(text("a block of ", size, " bytes is announced, ", rest(), " are left"));
    return next(static_cast<std::size_t>(size));
  }

  [[nodiscard]] agent_id sender() const noexcept { return sender_; }
  /// Number of bytes not yet read.
  [[nodiscard]] std::size_t rest() const noexcept { return message_.size() - position_; }
  /// To be called after the last field: a message that goes on is malformed.
  void finish() const {
    if (rest() != 0) fail(text(rest(), " bytes too many"));
  }
  /// For values that can be read but make no sense.
  [[noreturn]] void fail(const std::string& what) const {
    throw malformed_message{sender_, text("malformed message of agent ", sender_, " at byte ", position_, ": ", what)};
  }

 private:
  std::span<const std::byte> next(std::size_t size) {
    if (size > rest()) fail(text(size, " bytes are expected, ", rest(), " are left"));
    position_ += size;
    return message_.subspan(position_ - size, size);
  }

  std::span<const std::byte> message_;
  agent_id sender_;
  std::size_t position_ = 0;
};

}  // namespace comdml::comm
