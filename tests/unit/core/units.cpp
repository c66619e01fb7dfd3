// SPDX-License-Identifier: BSL-1.0
#include "comdml/core/units.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <concepts>
#include <type_traits>

using namespace comdml;

namespace {

template <class A, class B>
concept addable = requires(A a, B b) {
  a + b;
};
template <class A, class B>
concept subtractable = requires(A a, B b) {
  a - b;
};
template <class A, class B>
concept accumulable = requires(A a, B b) {
  a += b;
};
template <class A, class B>
concept multipliable = requires(A a, B b) {
  a* b;
};
template <class A, class B>
concept divisible = requires(A a, B b) {
  a / b;
};
template <class A, class B>
concept comparable = requires(A a, B b) {
  a < b;
}
|| requires(A a, B b) { a == b; };

// What makes sense compiles, and has the right unit.
static_assert(std::same_as<decltype(bytes{} + bytes{}), bytes>);
static_assert(std::same_as<decltype(seconds{} - seconds{}), seconds>);
static_assert(std::same_as<decltype(2.0 * seconds{} * 3.0), seconds>);
static_assert(std::same_as<decltype(seconds{} / 2.0), seconds>);
static_assert(std::same_as<decltype(seconds{} / seconds{}), double>);
static_assert(std::same_as<decltype(bytes{} / bits_per_second{}), seconds>);
static_assert(std::same_as<decltype(flops{} / flops_per_second{}), seconds>);
static_assert(std::same_as<decltype(batches{} / batches_per_second{}), seconds>);
static_assert(std::same_as<decltype(batches_per_second{} * seconds{}), batches>);
static_assert(std::same_as<decltype(bytes_per_batch{} * batches{}), bytes>);
static_assert(std::same_as<decltype(batches{} * bytes_per_batch{}), bytes>);

// What makes none does not.
static_assert(!addable<bytes, seconds> && !addable<seconds, double> && !addable<double, seconds>);
static_assert(!addable<bytes, bytes_per_batch> && !addable<bits_per_second, batches_per_second>);
static_assert(!subtractable<batches, flops> && !subtractable<seconds, int>);
static_assert(!accumulable<seconds, bytes> && !accumulable<seconds, double> && !accumulable<double, seconds>);
static_assert(!multipliable<seconds, seconds> && !multipliable<bytes, bits_per_second>);
static_assert(!divisible<bits_per_second, bytes> && !divisible<double, seconds> &&
              !divisible<bytes, batches_per_second>);
static_assert(!divisible<flops, batches_per_second> && !divisible<batches, bits_per_second>);
static_assert(!comparable<seconds, bytes> && !comparable<seconds, double>);
static_assert(!std::convertible_to<double, seconds> && !std::convertible_to<seconds, double>);
static_assert(!std::constructible_from<seconds, bytes> && !std::assignable_from<seconds&, double>);

// A unit costs nothing.
static_assert(sizeof(seconds) == sizeof(double) && std::is_trivially_copyable_v<seconds>);

}  // namespace

TEST_CASE("arithmetic is that of the numbers") {
  seconds sum{1};
  sum += seconds{2.5};
  sum -= seconds{.5};
  CHECK(sum == seconds{3});
  CHECK(seconds{3} + seconds{4} == seconds{7});
  CHECK(seconds{3} - seconds{4} == seconds{-1});
  CHECK(2 * seconds{3} == seconds{6});
  CHECK(seconds{3} * 2 == seconds{6});
  CHECK(seconds{3} / 2 == seconds{1.5});
  CHECK(seconds{3} / seconds{2} == 1.5);
  CHECK(seconds{} == seconds{0});
}

TEST_CASE("a megabyte over a megabit per second takes eight seconds") {
  CHECK(megabytes(1) / megabits_per_second(1) == seconds{8});
  CHECK(megabytes(1).value() == 1e6);
  CHECK(megabits_per_second(1).value() == 1e6);
  CHECK(bytes{1} / bits_per_second{} == seconds::infinity());
}

TEST_CASE("work over speed is time, speed by time is work") {
  CHECK(batches{12} / batches_per_second{.4} == seconds{12 / .4});
  CHECK(batches_per_second{4} * seconds{2.5} == batches{10});
  CHECK(flops{6} / flops_per_second{2} == seconds{3});
  CHECK(bytes_per_batch{100} * batches{2.5} == bytes{250});
}

TEST_CASE("times have an order with infinity at its end") {
  CHECK(seconds{1} < seconds{2});
  CHECK(seconds{1e300} < seconds::infinity());
  CHECK(std::max({seconds{3}, seconds{5}, seconds{4}}) == seconds{5});
}
