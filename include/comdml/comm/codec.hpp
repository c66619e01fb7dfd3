// SPDX-License-Identifier: BSL-1.0
/// \file
/// How activations look on the wire. `fp32` sends them as they are. Models WireCodec.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"

namespace comdml::comm {

/// 4 bytes a value, little-endian, exact.
struct fp32 {
  static constexpr const char* name = "fp32";

  [[nodiscard]] static constexpr std::size_t encoded_size(std::size_t count) noexcept { return count * sizeof(float); }

  static void encode(std::span<const float> values, std::span<std::byte> out) {
    COMDML_REQUIRE(out.size() == encoded_size(values.size()), out.size(), " bytes for ", values.size(), " values");
    if (!values.empty()) std::memcpy(out.data(), values.data(), out.size());
  }
  static void decode(std::span<const std::byte> in, std::span<float> decoded) {
    COMDML_REQUIRE(in.size() == encoded_size(decoded.size()), in.size(), " bytes for ", decoded.size(), " values");
    if (!in.empty()) std::memcpy(decoded.data(), in.data(), in.size());
  }
};

static_assert(std::endian::native == std::endian::little, "fp32 is little-endian on the wire");
static_assert(WireCodec<fp32>);

}  // namespace comdml::comm
