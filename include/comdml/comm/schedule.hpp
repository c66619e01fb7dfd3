// SPDX-License-Identifier: BSL-1.0
/// \file
/// All-reduce algorithms, written as data: `ring` and `halving_doubling`. Each models Collective.
///
/// Ranks are positions among the members in ascending order of their ids. A vector of n values is cut into c chunks,
/// the chunk k being [n*k/c, n*(k+1)/c) in integer arithmetic; runs without values are not sent. Every sum is computed
/// by one rank alone, the owner, with the value of the lower rank as the left operand; all others copy its bytes.
#pragma once

#include <bit>
#include <cstddef>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// One rank sends a run of its values to another rank, which adds them to its own or copies them over its own.
struct transfer {
  std::size_t from_rank = 0;
  std::size_t to_rank = 0;
  index_range values{};
  bool reduce = false;

  friend bool operator==(const transfer&, const transfer&) = default;
};

/// The transfers of a step are independent: each sends what its sender held when the step began.
struct schedule {
  std::vector<std::vector<transfer>> steps;
};

/// Bytes that a schedule puts on the wire if every transfer has a direct link.
[[nodiscard]] inline bytes total_bytes(const schedule& planned) {
  std::size_t values = 0;
  for (const auto& step : planned.steps)
    for (const transfer& move : step) values += move.values.size();
  return bytes{static_cast<double>(values * sizeof(float))};
}

/// The values of chunk number `chunk` when `count` values are cut into `chunks`.
[[nodiscard]] constexpr index_range chunk_values(std::size_t chunk, std::size_t chunks, std::size_t count) noexcept {
  return {count * chunk / chunks, count * (chunk + 1) / chunks};
}

namespace detail {
inline void add_unless_empty(std::vector<transfer>& step, const transfer& move) {
  if (move.values.size() > 0) step.push_back(move);
}
}  // namespace detail

/// Chunks travel around a ring of P members, first summed, then copied: 2 (P-1) steps, 2 (P-1) / P of the vector sent
/// by each member (Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms", 2009).
struct ring {
  static constexpr const char* name = "ring";

  /// `members` must not be zero.
  [[nodiscard]] static schedule plan(std::size_t members, std::size_t count) {
    COMDML_REQUIRE(members > 0, "a group of no members");
    schedule planned;
    for (const bool reduce : {true, false})
      for (std::size_t turn = 0; turn + 1 < members; ++turn) {
        auto& step = planned.steps.emplace_back();
        for (std::size_t rank = 0; rank < members; ++rank) {
          // A sum that starts at rank k is complete at rank k-1, where the copying starts.
          const std::size_t chunk = (rank + (reduce ? 0 : 1) + members - turn) % members;
          detail::add_unless_empty(step, {rank, (rank + 1) % members, chunk_values(chunk, members, count), reduce});
        }
      }
    return planned;
  }
};
static_assert(Collective<ring>);

/// Recursive halving, then recursive doubling, among the first 2^k of P members: 2k steps, 2 (2^k - 1) / 2^k of the
/// vector sent by each (Thakur, Rabenseifner, Gropp: "Optimization of collective communication operations in MPICH",
/// 2005). The P - 2^k other members give their vectors to the first ones before, and get the sum afterwards: two steps
/// more.
struct halving_doubling {
  static constexpr const char* name = "halving-doubling";

  /// `members` must not be zero.
  [[nodiscard]] static schedule plan(std::size_t members, std::size_t count) {
    COMDML_REQUIRE(members > 0, "a group of no members");
    const std::size_t core = std::bit_floor(members);
    schedule planned;
    if (core < members) planned.steps.push_back(fold(core, members, count));
    for (std::size_t distance = core / 2; distance > 0; distance /= 2)
      planned.steps.push_back(exchange(core, distance, count, true));
    for (std::size_t distance = 1; distance < core; distance *= 2)
      planned.steps.push_back(exchange(core, distance, count, false));
    if (core < members) {
      planned.steps.push_back(fold(core, members, count));
      for (transfer& move : planned.steps.back()) {
        std::swap(move.from_rank, move.to_rank);
        move.reduce = false;
      }
    }
    return planned;
  }

 private:
  static std::vector<transfer> fold(std::size_t core, std::size_t members, std::size_t count) {
    std::vector<transfer> step;
    for (std::size_t rank = core; rank < members; ++rank)
      detail::add_unless_empty(step, {rank, rank - core, {0, count}, true});
    return step;
  }

  /// Halving: a rank gives away the `distance` chunks on its partner's side. Doubling: it sends those on its own side.
  static std::vector<transfer> exchange(std::size_t core, std::size_t distance, std::size_t count, bool reduce) {
    std::vector<transfer> step;
    for (std::size_t rank = 0; rank < core; ++rank) {
      const std::size_t partner = rank ^ distance;
      const std::size_t begin = (reduce ? partner : rank) / distance * distance;
      const index_range values{chunk_values(begin, core, count).begin,
                               chunk_values(begin + distance - 1, core, count).end};
      detail::add_unless_empty(step, {rank, partner, values, reduce});
    }
    return step;
  }
};
static_assert(Collective<halving_doubling>);

}  // namespace comdml::comm
