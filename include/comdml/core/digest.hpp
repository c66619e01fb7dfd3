// SPDX-License-Identifier: BSL-1.0
/// \file
/// A 64-bit digest to see whether two agents hold the same bytes. Not a defence against forgery: use sha256 for that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace comdml {

/// FNV-1a (Fowler, Noll, Vo), 64 bits.
class digest64 {
 public:
  void update(std::span<const std::byte> data) noexcept {
    for (const std::byte b : data) value_ = (value_ ^ std::to_integer<std::uint64_t>(b)) * 0x100000001b3ull;
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325ull;
};

}  // namespace comdml
