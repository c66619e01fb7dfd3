// SPDX-License-Identifier: BSL-1.0
#include "comdml/core/random.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

using namespace comdml;

static_assert(std::uniform_random_bit_generator<random_stream>);

namespace {

using block = std::array<std::uint32_t, 4>;

random_stream stream(std::uint64_t seed = 1) { return {seed, purpose::testing}; }

std::vector<std::uint32_t> draws(random_stream rng, std::size_t count = 8) {
  std::vector<std::uint32_t> values(count);
  for (auto& value : values) value = rng();
  return values;
}

/// Mean and variance of `count` draws.
template <class Draw>
std::array<double, 2> moments(Draw draw, int count = 100000) {
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < count; ++i) {
    const double x = draw();
    sum += x;
    squares += x * x;
  }
  const double mean = sum / count;
  return {mean, squares / count - mean * mean};
}

}  // namespace

TEST_CASE("Philox4x32-10 gives the known answers of Random123") {
  CHECK(random_stream::philox({0, 0, 0, 0}, {0, 0}) == block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(random_stream::philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) ==
        block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(random_stream::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a stream is Philox at (block, purpose, round, owner) under the seed") {
  random_stream rng{0x123456789abcdef0, agent_id{5}, round_index{6}, purpose::shuffle};
  for (std::uint32_t number = 0; number < 3; ++number)
    for (const std::uint32_t expected :
         random_stream::philox({number, static_cast<std::uint32_t>(purpose::shuffle), 6, 5}, {0x9abcdef0, 0x12345678}))
      CHECK(rng() == expected);
}

TEST_CASE("seed, owner, round and purpose each make another stream; the same ones make the same") {
  const auto key = [](std::uint64_t seed, std::uint32_t owner, std::uint32_t round, purpose why) {
    return draws({seed, agent_id{owner}, round_index{round}, why});
  };
  const auto first = key(1, 2, 3, purpose::shuffle);
  CHECK(first == key(1, 2, 3, purpose::shuffle));
  const std::set<std::vector<std::uint32_t>> others{first,
                                                    key(2, 2, 3, purpose::shuffle),
                                                    key(1 + (std::uint64_t{1} << 32), 2, 3, purpose::shuffle),
                                                    key(1, 3, 3, purpose::shuffle),
                                                    key(1, 2, 4, purpose::shuffle),
                                                    key(1, 2, 3, purpose::augmentation),
                                                    draws(random_stream{1, purpose::shuffle})};
  CHECK(others.size() == 7);
}

TEST_CASE("distributions have the moments they should") {
  // 100,000 draws: tolerances are 5 standard errors of the estimates.
  random_stream rng = stream();
  const auto [uniform_mean, uniform_variance] = moments([&] { return rng.uniform(); });
  CHECK(std::abs(uniform_mean - .5) < .0046);
  CHECK(std::abs(uniform_variance - 1. / 12) < .0012);
  const auto [range_mean, range_variance] = moments([&] { return rng.uniform(-3, 5); });
  CHECK(std::abs(range_mean - 1) < .037);
  CHECK(std::abs(range_variance - 64. / 12) < .08);
  const auto [normal_mean, normal_variance] = moments([&] { return rng.normal(); });
  CHECK(std::abs(normal_mean) < .016);
  CHECK(std::abs(normal_variance - 1) < .023);
  for (const double shape : {.1, .5, 1., 4.}) {
    CAPTURE(shape);
    const auto [mean, variance] = moments([&] { return rng.gamma(shape); });
    CHECK(std::abs(mean - shape) < 5 * std::sqrt(shape / 1e5));
    CHECK(std::abs(variance - shape) < 5 * std::sqrt((2 * shape * shape + 6 * shape) / 1e5));
  }
}

TEST_CASE("uniform stays in [0, 1)") {
  random_stream rng = stream();
  for (int i = 0; i < 100000; ++i) {
    const double x = rng.uniform();
    REQUIRE(x >= 0);
    REQUIRE(x < 1);
  }
}

TEST_CASE("below is even and stays below") {
  for (const std::size_t count : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{10}}) {
    random_stream rng = stream(count);
    std::vector<int> seen(count, 0);
    for (int i = 0; i < 60000; ++i) {
      const std::size_t value = rng.below(count);
      REQUIRE(value < count);
      ++seen[value];
    }
    const double expected = 60000. / static_cast<double>(count);
    for (const int times : seen) CHECK(std::abs(times - expected) <= 5 * std::sqrt(expected));
  }
  // A range that does not divide 2^32: the plain multiply-shift would favor every third value by half.
  random_stream rng = stream();
  const std::size_t wide = 3u << 30;
  const auto [mean, variance] =
      moments([&] { return static_cast<double>(rng.below(wide)) / static_cast<double>(wide); });
  CHECK(std::abs(mean - .5) < .0046);
  std::array<int, 3> residues{};
  for (int i = 0; i < 60000; ++i) ++residues[rng.below(wide) % 3];
  for (const int times : residues) CHECK(std::abs(times - 20000) < 700);
  CHECK_THROWS_AS((void)rng.below(0), contract_error);
}

TEST_CASE("permutations hold every number once and are evenly drawn") {
  random_stream rng = stream();
  CHECK(rng.permutation(0).empty());
  CHECK(rng.permutation(1) == std::vector<std::uint32_t>{0});
  auto hundred = rng.permutation(100);
  CHECK_FALSE(std::ranges::is_sorted(hundred));
  std::ranges::sort(hundred);
  for (std::uint32_t i = 0; i < 100; ++i) CHECK(hundred[i] == i);
  std::array<std::array<int, 4>, 4> at{};  // value, place
  for (int i = 0; i < 24000; ++i) {
    const auto order = rng.permutation(4);
    for (std::size_t place = 0; place < 4; ++place) ++at[order[place]][place];
  }
  for (const auto& value : at)
    for (const int times : value) CHECK(std::abs(times - 6000) < 350);
}
