// SPDX-License-Identifier: BSL-1.0
#include "comdml/core/parallel.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <utility>
#include <vector>

using namespace comdml;

TEST_CASE("parallel_for calls every index once") {
  for (const int threads : {1, 2, 4}) {
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{1000}}) {
      std::vector<int> calls(count, 0);
      parallel_for({threads}, count, [&](std::size_t i) { ++calls[i]; });
      CHECK(calls == std::vector<int>(count, 1));
    }
  }
}

TEST_CASE("an exception leaves the loop, from any thread and from several") {
  for (const int threads : {1, 2, 4}) {
    CHECK_THROWS_WITH_AS(parallel_for({threads}, 100,
                                      [](std::size_t i) {
                                        if (i == 99) throw std::runtime_error{"99"};
                                      }),
                         "99", std::runtime_error);
    CHECK_THROWS_AS(parallel_for({threads}, 100, [](std::size_t) { throw std::runtime_error{"each"}; }),
                    std::runtime_error);
  }
}

TEST_CASE("blocks cover the range in order, without gap, and depend on the count alone") {
  for (const std::size_t count :
       {std::size_t{0}, std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{17}, std::size_t{1000}}) {
    CAPTURE(count);
    using run = std::pair<std::size_t, std::size_t>;
    std::vector<std::vector<run>> by_threads;
    for (const int threads : {1, 2, 4}) {
      std::vector<run> runs(reduction_blocks);
      const std::size_t blocks =
          parallel_blocks({threads}, count, [&](std::size_t block, std::size_t begin, std::size_t end) {
            runs[block] = {begin, end};
          });
      runs.resize(blocks);
      by_threads.push_back(runs);
    }
    CHECK(by_threads[0] == by_threads[1]);
    CHECK(by_threads[0] == by_threads[2]);
    std::size_t next = 0;
    for (const auto& [begin, end] : by_threads[0]) {
      CHECK(begin == next);
      CHECK(end > begin);
      next = end;
    }
    CHECK(next == count);
  }
}

TEST_CASE("a sum by blocks has the same bits for any number of threads") {
  std::vector<float> values(100003);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 1.0f / static_cast<float>(i + 1);
  const auto sum = [&](int threads) {
    std::vector<float> partial(reduction_blocks, 0.0f);
    parallel_blocks({threads}, values.size(), [&](std::size_t block, std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) partial[block] += values[i];
    });
    float total = 0;
    for (const float part : partial) total += part;
    return total;
  };
  CHECK(sum(1) == sum(2));
  CHECK(sum(1) == sum(3));
  CHECK(sum(1) == sum(4));
}
