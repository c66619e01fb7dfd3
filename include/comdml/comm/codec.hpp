// SPDX-License-Identifier: BSL-1.0
/// \file
/// How activations look on the wire: `fp32` as they are, `fp16` in half the bytes, `int8` in a quarter of them; and
/// `wire_codec`, any of them or your own, chosen at run time. All model WireCodec.
///
/// A codec is a pure function of the values: the same bits for any number of threads.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"

namespace comdml::comm {

static_assert(std::endian::native == std::endian::little, "codecs are little-endian on the wire");

namespace detail {

/// Requires that `wire` has the size of `count` encoded values, which are whole pixels of `channels` channels.
template <class Codec>
void require_sizes(std::size_t wire, std::size_t count, std::size_t channels) {
  COMDML_REQUIRE(channels > 0 && count % channels == 0, count, " values of ", channels, " channels");
  COMDML_REQUIRE(wire == Codec::encoded_size(count, channels), wire, " bytes for ", count, " values of ", channels,
                 " channels");
}

}  // namespace detail

/// 4 bytes a value, exact.
struct fp32 {
  static constexpr const char* name = "fp32";

  [[nodiscard]] static constexpr std::size_t encoded_size(std::size_t count, std::size_t /*channels*/ = 1) noexcept {
    return count * sizeof(float);
  }
  static void encode(std::span<const float> values, std::size_t channels, std::span<std::byte> out) {
    detail::require_sizes<fp32>(out.size(), values.size(), channels);
    if (!values.empty()) std::memcpy(out.data(), values.data(), out.size());
  }
  static void decode(std::span<const std::byte> in, std::size_t channels, std::span<float> decoded) {
    detail::require_sizes<fp32>(in.size(), decoded.size(), channels);
    if (!in.empty()) std::memcpy(decoded.data(), in.data(), in.size());
  }
};

/// 2 bytes a value, IEEE 754 binary16, rounded to the nearest, ties to even: a relative error of at most 2^-11 from
/// 2^-14 to 65,504, an absolute one of at most 2^-25 below (subnormal halves). From 65,520 on a value becomes an
/// infinity; infinities stay, and so does NaN, without its payload: what is not finite on one side is not finite on the
/// other, so that a training that diverges is seen.
struct fp16 {
  static constexpr const char* name = "fp16";

  [[nodiscard]] static constexpr std::size_t encoded_size(std::size_t count, std::size_t /*channels*/ = 1) noexcept {
    return count * sizeof(std::uint16_t);
  }
  static void encode(std::span<const float> values, std::size_t channels, std::span<std::byte> out) {
    detail::require_sizes<fp16>(out.size(), values.size(), channels);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::uint16_t half = to_half(values[i]);
      std::memcpy(out.data() + i * sizeof half, &half, sizeof half);
    }
  }
  static void decode(std::span<const std::byte> in, std::size_t channels, std::span<float> decoded) {
    detail::require_sizes<fp16>(in.size(), decoded.size(), channels);
    for (std::size_t i = 0; i < decoded.size(); ++i) {
      std::uint16_t half = 0;
      std::memcpy(&half, in.data() + i * sizeof half, sizeof half);
      decoded[i] = to_float(half);
    }
  }

  [[nodiscard]] static std::uint16_t to_half(float value) noexcept {
    constexpr std::uint32_t infinity = 0x7f800000;
    constexpr std::uint32_t beyond = 0x47800000;        // 65,536
    constexpr std::uint32_t least_normal = 0x38800000;  // 2^-14
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = bits >> 16 & 0x8000;
    const std::uint32_t size = bits & 0x7fffffff;
    std::uint32_t half = 0;
    if (size >= beyond) {
      half = size > infinity ? 0x7e00 : 0x7c00;
    } else if (size < least_normal) {  // adding a half makes the processor round at 2^-24, where a subnormal ends
      half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(size) + 0.5F) - std::bit_cast<std::uint32_t>(0.5F);
    } else {  // another bias, and a carry into the exponent is what rounding up to the next power of two is
      half = (size - least_normal + 0x00800000 + 0x0fff + (size >> 13 & 1)) >> 13;
    }
    return static_cast<std::uint16_t>(sign | half);
  }

  [[nodiscard]] static float to_float(std::uint16_t half) noexcept {
    const std::uint32_t sign = std::uint32_t{half} << 16 & 0x80000000;
    const std::uint32_t size = half & 0x7fffU;
    std::uint32_t bits = 0;
    if (size >= 0x7c00)
      bits = 0x7f800000 | size << 13;
    else if (size < 0x0400)
      bits = std::bit_cast<std::uint32_t>(static_cast<float>(size) * 0x1p-24F);
    else
      bits = (size << 13) + 0x38000000;
    return std::bit_cast<float>(sign | bits);
  }
};

/// One byte a value, and one scale (4 bytes) per channel and message, before the values: scale = the channel's largest
/// magnitude / 127, value = scale x code, code -127 .. 127 rounded to the nearest, ties to even. The error is at most
/// half a scale, and a few roundings of float; a channel that lies below 127 times the least normal float has that for
/// its scale. Code -128 is NaN, and stands for every value that is not finite; the channel's other values keep their
/// bound.
struct int8 {
  static constexpr const char* name = "int8";

  [[nodiscard]] static constexpr std::size_t encoded_size(std::size_t count, std::size_t channels) noexcept {
    return channels * sizeof(float) + count;
  }
  static void encode(std::span<const float> values, std::size_t channels, std::span<std::byte> out) {
    detail::require_sizes<int8>(out.size(), values.size(), channels);
    std::vector<float> scale(channels, 127 * std::numeric_limits<float>::min());
    for (std::size_t i = 0; i < values.size(); i += channels)
      for (std::size_t c = 0; c < channels; ++c) {
        const float size = std::abs(values[i + c]);
        if (size <= std::numeric_limits<float>::max()) scale[c] = std::max(scale[c], size);
      }
    for (float& s : scale) s /= 127;
    std::memcpy(out.data(), scale.data(), channels * sizeof(float));
    const std::span<std::byte> codes = out.subspan(channels * sizeof(float));
    for (std::size_t i = 0; i < values.size(); i += channels)
      for (std::size_t c = 0; c < channels; ++c)
        codes[i + c] = static_cast<std::byte>(code_of(values[i + c], scale[c]));
  }
  static void decode(std::span<const std::byte> in, std::size_t channels, std::span<float> decoded) {
    detail::require_sizes<int8>(in.size(), decoded.size(), channels);
    std::vector<float> scale(channels);
    std::memcpy(scale.data(), in.data(), channels * sizeof(float));
    const std::span<const std::byte> codes = in.subspan(channels * sizeof(float));
    for (std::size_t i = 0; i < decoded.size(); i += channels)
      for (std::size_t c = 0; c < channels; ++c) {
        const auto code = static_cast<std::int8_t>(codes[i + c]);
        const float value = scale[c] * static_cast<float>(code);  // 127 scales of the largest float may exceed it
        decoded[i + c] = code == not_a_number
                             ? std::numeric_limits<float>::quiet_NaN()
                             : std::clamp(value, -std::numeric_limits<float>::max(), std::numeric_limits<float>::max());
      }
  }

 private:
  static constexpr std::int8_t not_a_number = -128;

  static std::int8_t code_of(float value, float scale) noexcept {
    if (!(std::abs(value) <= std::numeric_limits<float>::max())) return not_a_number;
    constexpr float magic = 0x1.8p23F;  // adding it leaves no bit behind the point: the processor rounds
    return static_cast<std::int8_t>(std::clamp(value / scale, -127.0F, 127.0F) + magic - magic);
  }
};

/// A codec chosen at run time: a plan names codecs, and this is what stands behind a name. Requires a name that lives
/// as long as the program, a literal say.
class wire_codec {
 public:
  template <class W>
    requires(!std::same_as<W, wire_codec> && WireCodec<W>)
  constexpr explicit wire_codec(W) noexcept
      : name{W::name}, encoded_size_{W::encoded_size}, encode_{W::encode}, decode_{W::decode} {}

  const char* name;

  [[nodiscard]] std::size_t encoded_size(std::size_t count, std::size_t channels) const {
    return encoded_size_(count, channels);
  }
  void encode(std::span<const float> values, std::size_t channels, std::span<std::byte> out) const {
    encode_(values, channels, out);
  }
  void decode(std::span<const std::byte> in, std::size_t channels, std::span<float> decoded) const {
    decode_(in, channels, decoded);
  }

 private:
  std::size_t (*encoded_size_)(std::size_t, std::size_t);
  void (*encode_)(std::span<const float>, std::size_t, std::span<std::byte>);
  void (*decode_)(std::span<const std::byte>, std::size_t, std::span<float>);
};

/// The library's own.
inline constexpr std::array standard_codecs{wire_codec{fp32{}}, wire_codec{fp16{}}, wire_codec{int8{}}};

/// The codec of that name among `codecs`; nullptr if there is none.
[[nodiscard]] constexpr const wire_codec* find_codec(std::span<const wire_codec> codecs, std::string_view name) {
  const auto found = std::ranges::find_if(codecs, [&](const wire_codec& one) { return one.name == name; });
  return found == codecs.end() ? nullptr : &*found;
}

static_assert(WireCodec<fp32> && WireCodec<fp16> && WireCodec<int8> && WireCodec<wire_codec>);

}  // namespace comdml::comm
