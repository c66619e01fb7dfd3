// SPDX-License-Identifier: BSL-1.0
#include "comdml/tensor/arena.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

using namespace comdml;

namespace {

template <class T>
bool aligned(std::span<T> values) {
  return reinterpret_cast<std::uintptr_t>(values.data()) % arena::alignment == 0;
}

}  // namespace

TEST_CASE("spans are aligned, writable and apart") {
  arena memory;
  std::vector<std::span<float>> taken;
  for (const std::size_t count :
       {std::size_t{1}, std::size_t{3}, std::size_t{16}, std::size_t{17}, std::size_t{1} << 19, std::size_t{5}}) {
    taken.push_back(memory.take<float>(count));
    CHECK(taken.back().size() == count);
    CHECK(aligned(taken.back()));
    std::ranges::fill(taken.back(), static_cast<float>(count));
  }
  for (const auto values : taken)
    CHECK(std::ranges::all_of(values, [&](float v) { return v == static_cast<float>(values.size()); }));
  CHECK(aligned(memory.take<std::byte>(1)));
  CHECK(aligned(memory.take<double>(7)));
  CHECK(memory.take<float>(0).empty());
}

TEST_CASE("a scope gives back what was taken in it, and nothing else") {
  arena memory;
  const auto kept = memory.take<int>(4);
  std::ranges::fill(kept, 7);
  int* first = nullptr;
  {
    const arena::scope inner{memory};
    const auto lent = memory.take<int>(100);
    first = lent.data();
    std::ranges::fill(lent, 9);
    {
      const arena::scope innermost{memory};
      CHECK(memory.take<int>(10).data() != first);
    }
  }
  CHECK(memory.take<int>(100).data() == first);
  CHECK(std::ranges::all_of(kept, [](int v) { return v == 7; }));
}

TEST_CASE("memory is kept: a second pass of the same sizes allocates nothing and gets the same places") {
  arena memory;
  const std::vector<std::size_t> sizes{1000, 3'000'000, 20, 500'000, 40'000};
  const auto pass = [&] {
    std::vector<float*> places;
    const arena::scope all{memory};
    for (const std::size_t size : sizes) places.push_back(memory.take<float>(size).data());
    return places;
  };
  const auto first = pass();
  const std::size_t held = memory.capacity();
  CHECK(held >= 3'541'020 * sizeof(float));
  for (int repeat = 0; repeat < 3; ++repeat) CHECK(pass() == first);
  CHECK(memory.capacity() == held);
}

TEST_CASE("after a reset the memory is one piece that is as large as all that was in use") {
  arena memory;
  const std::vector<std::size_t> sizes{1000, 3'000'000, 20, 500'000, 40'000};
  const auto pass = [&] {
    std::vector<std::byte*> places;
    for (const std::size_t size : sizes) places.push_back(memory.take<std::byte>(size).data());
    memory.reset();
    return places;
  };
  pass();
  const std::size_t held = memory.capacity();
  const auto places = pass();
  for (std::size_t i = 1; i < sizes.size(); ++i) {
    CHECK(places[i] >= places[i - 1] + sizes[i - 1]);
    CHECK(places[i] < places[i - 1] + sizes[i - 1] + arena::alignment);
  }
  CHECK(pass() == places);
  CHECK(memory.capacity() == held);
}

TEST_CASE("spans stay where they are when the arena grows") {
  arena memory;
  const auto small = memory.take<int>(1);
  small[0] = 42;
  for (int i = 0; i < 20; ++i) (void)memory.take<std::byte>(1 << 20);
  CHECK(small[0] == 42);
  CHECK(memory.capacity() >= 20u << 20);
}
