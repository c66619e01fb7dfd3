// SPDX-License-Identifier: BSL-1.0
/// \file
/// Unit types. A measured value carries its unit in its type, and only meaningful arithmetic compiles:
/// the sum of two byte counts does, bytes plus seconds does not, bytes divided by a rate is a time.
#pragma once

#include <compare>
#include <limits>

namespace comdml {

/// A real number with a unit. `Unit` is an empty tag type; quantities of different tags never mix, except by the
/// products and quotients written out below.
template <class Unit>
class quantity {
 public:
  constexpr quantity() noexcept = default;
  constexpr explicit quantity(double value) noexcept : value_{value} {}

  /// The bare number, in the unit that the type names.
  [[nodiscard]] constexpr double value() const noexcept { return value_; }

  [[nodiscard]] static constexpr quantity infinity() noexcept {
    return quantity{std::numeric_limits<double>::infinity()};
  }

  constexpr quantity& operator+=(quantity other) noexcept {
    value_ += other.value_;
    return *this;
  }
  constexpr quantity& operator-=(quantity other) noexcept {
    value_ -= other.value_;
    return *this;
  }

  friend constexpr quantity operator+(quantity a, quantity b) noexcept { return quantity{a.value_ + b.value_}; }
  friend constexpr quantity operator-(quantity a, quantity b) noexcept { return quantity{a.value_ - b.value_}; }
  friend constexpr quantity operator*(quantity a, double factor) noexcept { return quantity{a.value_ * factor}; }
  friend constexpr quantity operator*(double factor, quantity a) noexcept { return quantity{a.value_ * factor}; }
  friend constexpr quantity operator/(quantity a, double divisor) noexcept { return quantity{a.value_ / divisor}; }
  friend constexpr double operator/(quantity a, quantity b) noexcept { return a.value_ / b.value_; }
  friend constexpr auto operator<=>(quantity a, quantity b) noexcept = default;

 private:
  double value_ = 0;
};

namespace unit {
struct second {};
struct byte {};
struct bit_per_second {};
struct byte_per_second {};
struct flop {};
struct flop_per_second {};
struct batch {};
struct batch_per_second {};
struct byte_per_batch {};
}  // namespace unit

using seconds = quantity<unit::second>;
using bytes = quantity<unit::byte>;
/// Rate of a link, as networks tell it.
using bits_per_second = quantity<unit::bit_per_second>;
/// The same as programs tell it; a type of its own, so that Mbps taken for MB/s do not compile.
using bytes_per_second = quantity<unit::byte_per_second>;
/// Floating-point operations; one multiply-add counts as two.
using flops = quantity<unit::flop>;
using flops_per_second = quantity<unit::flop_per_second>;
/// Mini-batches, as a real number: 120 images at batch size 50 are 2.4 batches.
using batches = quantity<unit::batch>;
/// Speed of an agent: mini-batches of full-model training (forward, backward, update) in a second.
using batches_per_second = quantity<unit::batch_per_second>;
using bytes_per_batch = quantity<unit::byte_per_batch>;

/// Time on the wire. A rate of zero (no link) gives infinity for any positive size.
[[nodiscard]] constexpr seconds operator/(bytes size, bits_per_second rate) noexcept {
  return seconds{8.0 * size.value() / rate.value()};
}
[[nodiscard]] constexpr seconds operator/(bytes size, bytes_per_second rate) noexcept {
  return seconds{size.value() / rate.value()};
}
[[nodiscard]] constexpr bytes_per_second operator/(bytes size, seconds time) noexcept {
  return bytes_per_second{size.value() / time.value()};
}
[[nodiscard]] constexpr seconds operator/(flops work, flops_per_second speed) noexcept {
  return seconds{work.value() / speed.value()};
}
[[nodiscard]] constexpr seconds operator/(batches work, batches_per_second speed) noexcept {
  return seconds{work.value() / speed.value()};
}
[[nodiscard]] constexpr batches operator*(batches_per_second speed, seconds time) noexcept {
  return batches{speed.value() * time.value()};
}
[[nodiscard]] constexpr bytes operator*(bytes_per_batch size, batches count) noexcept {
  return bytes{size.value() * count.value()};
}
[[nodiscard]] constexpr bytes operator*(batches count, bytes_per_batch size) noexcept { return size * count; }

/// 1 Mbps = 1,000,000 bits per second.
[[nodiscard]] constexpr bits_per_second megabits_per_second(double value) noexcept {
  return bits_per_second{1e6 * value};
}
/// 1 MB/s = 1,000,000 bytes per second.
[[nodiscard]] constexpr bytes_per_second megabytes_per_second(double value) noexcept {
  return bytes_per_second{1e6 * value};
}
/// Eight bits a byte.
[[nodiscard]] constexpr bits_per_second to_bits(bytes_per_second rate) noexcept {
  return bits_per_second{8 * rate.value()};
}
/// 1 MB = 1,000,000 bytes.
[[nodiscard]] constexpr bytes megabytes(double value) noexcept { return bytes{1e6 * value}; }

}  // namespace comdml
