// SPDX-License-Identifier: BSL-1.0
/// \file
/// Wire codecs: sizes, error bounds, and what becomes of the numbers at the edges of float.
#include "comdml/comm/codec.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "comdml/core/random.hpp"

using namespace comdml;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float quiet_nan = std::numeric_limits<float>::quiet_NaN();
constexpr float largest_float = std::numeric_limits<float>::max();
constexpr float least_normal = std::numeric_limits<float>::min();
constexpr float least_float = std::numeric_limits<float>::denorm_min();

template <WireCodec W>
std::vector<float> there_and_back(const W& codec, const std::vector<float>& values, std::size_t channels) {
  std::vector<std::byte> wire(codec.encoded_size(values.size(), channels));
  codec.encode(values, channels, wire);
  std::vector<float> back(values.size());
  codec.decode(wire, channels, back);
  return back;
}

bool same_bits(float a, float b) { return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); }

/// Values of all magnitudes, both signs, subnormals included.
std::vector<float> any_values(std::size_t count, std::uint64_t seed) {
  random_stream rng{seed, purpose::testing};
  std::vector<float> values;
  while (values.size() < count)
    if (const float value = std::bit_cast<float>(rng()); std::isfinite(value)) values.push_back(value);
  return values;
}

/// Rounds to the nearest multiple of a unit that is exact in double, ties to even.
double rounded(double value, double unit) { return std::nearbyint(value / unit) * unit; }

}  // namespace

TEST_CASE("sizes: 4, 2 and 1 bytes a value, and a scale per channel") {
  CHECK(comm::fp32::encoded_size(15, 3) == 60);
  CHECK(comm::fp16::encoded_size(15, 3) == 30);
  CHECK(comm::int8::encoded_size(15, 3) == 15 + 12);
  const std::vector<float> values(15, 1.0F);
  std::vector<std::byte> wire(30);
  CHECK_THROWS_AS(comm::fp32::encode(values, 3, wire), contract_error);
  CHECK_THROWS_AS(comm::int8::encode(values, 3, wire), contract_error);
  CHECK_THROWS_AS(comm::fp16::encode(values, 4, wire), contract_error);  // 15 values are no pixels of 4 channels
  CHECK_THROWS_AS(comm::fp16::encode(values, 0, wire), contract_error);
  std::vector<float> back(14);
  CHECK_THROWS_AS(comm::fp16::decode(wire, 1, back), contract_error);
}

TEST_CASE("fp32 is exact, NaN's payload included") {
  const std::vector<float> values{
      0.0F, -0.0F, least_float, largest_float, -1.0F / 3, -infinity, std::bit_cast<float>(0x7fc12345U)};
  const auto back = there_and_back(comm::fp32{}, values, 1);
  for (std::size_t i = 0; i < values.size(); ++i) CHECK(same_bits(back[i], values[i]));
}

TEST_CASE("fp16: each of the 65,536 halves is what IEEE 754 says, and comes back as itself") {
  std::size_t wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const int exponent = static_cast<int>(bits >> 10 & 31);
    const double fraction = bits & 1023;
    const double sign = bits < 0x8000 ? 1 : -1;
    const float value = comm::fp16::to_float(half);
    if (exponent == 31 && fraction > 0) {
      wrong += !std::isnan(value) || (comm::fp16::to_half(value) & 0x7fff) != 0x7e00;
    } else {
      const double expected = exponent == 31  ? sign * std::numeric_limits<double>::infinity()
                              : exponent == 0 ? sign * std::ldexp(fraction, -24)
                                              : sign * std::ldexp(1024 + fraction, exponent - 25);
      wrong += !same_bits(value, static_cast<float>(expected)) || comm::fp16::to_half(value) != half;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("fp16 rounds to the nearest, ties to even") {
  random_stream rng{2, purpose::testing};
  std::vector<float> values;
  for (int draw = 0; draw < 200'000; ++draw)  // 2^-29 .. 2^17: below and beyond the halves
    values.push_back(static_cast<float>(std::ldexp(rng.uniform(-1, 1), static_cast<int>(rng.below(46)) - 28)));
  for (std::uint32_t half = 0; half + 1 < 0x7c00; half += 7) {  // exact ties
    const double here = static_cast<double>(comm::fp16::to_float(static_cast<std::uint16_t>(half)));
    const double next = static_cast<double>(comm::fp16::to_float(static_cast<std::uint16_t>(half + 1)));
    values.push_back(static_cast<float>((here + next) / 2));
  }
  const auto back = there_and_back(comm::fp16{}, values, 1);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = static_cast<double>(values[i]);
    const double unit = std::ldexp(1.0, std::max(std::ilogb(value) - 10, -24));
    double expected = rounded(value, unit);
    if (std::abs(expected) >= 65536) expected = std::copysign(std::numeric_limits<double>::infinity(), value);
    wrong += !same_bits(back[i], static_cast<float>(expected));
  }
  CHECK(wrong == 0);
  const auto edges = there_and_back(
      comm::fp16{}, {65504, 65519.996F, 65520, largest_float, -infinity, quiet_nan, -0.0F, least_float}, 1);
  CHECK(edges[0] == 65504);
  CHECK(edges[1] == 65504);
  CHECK(edges[2] == infinity);
  CHECK(edges[3] == infinity);
  CHECK(edges[4] == -infinity);
  CHECK(std::isnan(edges[5]));
  CHECK(same_bits(edges[6], -0.0F));
  CHECK(same_bits(edges[7], 0.0F));
}

TEST_CASE("int8: off by at most half a scale in every channel, whatever the other channels hold") {
  random_stream rng{3, purpose::testing};
  for (const std::size_t channels : {1U, 3U, 16U, 64U}) {
    std::vector<float> magnitude;
    for (std::size_t c = 0; c < channels; ++c) magnitude.push_back(static_cast<float>(std::exp2(rng.uniform(-20, 20))));
    std::vector<float> values;
    std::vector<double> most(channels, 0);
    for (std::size_t pixel = 0; pixel < 501; ++pixel)
      for (std::size_t c = 0; c < channels; ++c) {
        values.push_back(magnitude[c] * static_cast<float>(rng.normal()));
        most[c] = std::max(most[c], std::abs(static_cast<double>(values.back())));
      }
    const auto back = there_and_back(comm::int8{}, values, channels);
    double worst = 0;  // in scales
    for (std::size_t i = 0; i < values.size(); ++i)
      worst = std::max(
          worst, std::abs(static_cast<double>(back[i]) - static_cast<double>(values[i])) * 127 / most[i % channels]);
    CHECK(worst <= 0.5 + 1e-4);
    CHECK(worst > 0.4);                                           // the bound is a tight one
    CHECK(there_and_back(comm::int8{}, back, channels) == back);  // what has been rounded stays
  }
}

TEST_CASE("int8 at the edges: zeros, subnormals, the largest floats, what is not finite") {
  const auto zeros = there_and_back(comm::int8{}, {0.0F, -0.0F, 0.0F}, 1);
  for (const float zero : zeros) CHECK(zero == 0);
  for (const float size : {least_float, 100 * least_float, 190 * least_float, least_normal, 100 * least_normal,
                           largest_float / 3, largest_float}) {
    const auto back = there_and_back(comm::int8{}, {size, -size, size / 2}, 1);
    const double scale = std::max(static_cast<double>(size) / 127, static_cast<double>(least_normal));
    for (const auto& [got, sent] : {std::pair{back[0], size}, {back[1], -size}, {back[2], size / 2}}) {
      CHECK(std::isfinite(got));
      CHECK(std::abs(static_cast<double>(got) - static_cast<double>(sent)) <= 0.5001 * scale);
    }
  }
  const auto mixed = there_and_back(comm::int8{}, {127, infinity, -3, quiet_nan, 2, -infinity, 1, 5}, 2);
  CHECK(mixed[0] == 127);
  CHECK(mixed[2] == -3);
  CHECK(mixed[4] == 2);
  CHECK(mixed[6] == 1);
  for (const std::size_t lost : {1U, 3U, 5U}) CHECK(std::isnan(mixed[lost]));
  CHECK(mixed[7] == doctest::Approx(5));
}

TEST_CASE("any bytes of the right size decode to something") {
  random_stream rng{4, purpose::testing};
  for (int draw = 0; draw < 200; ++draw) {
    for (const comm::wire_codec& codec : comm::standard_codecs) {
      std::vector<std::byte> wire(codec.encoded_size(15, 5));
      for (std::byte& one : wire) one = static_cast<std::byte>(rng.below(256));
      std::vector<float> back(15);
      codec.decode(wire, 5, back);
    }
  }
}

TEST_CASE("a codec chosen by name does what the named one does") {
  const auto values = any_values(30, 5);
  CHECK(there_and_back(*comm::find_codec(comm::standard_codecs, "fp16"), values, 3) ==
        there_and_back(comm::fp16{}, values, 3));
  CHECK(there_and_back(*comm::find_codec(comm::standard_codecs, "int8"), values, 3) ==
        there_and_back(comm::int8{}, values, 3));
  CHECK(comm::find_codec(comm::standard_codecs, "fp8") == nullptr);
  CHECK(std::string_view{comm::standard_codecs.front().name} == "fp32");
}
