// SPDX-License-Identifier: BSL-1.0
/// \file
/// Random streams: counter-based, keyed by (seed, owner of the data, round, purpose), so that a draw depends on what
/// it is for and never on who executes it, on the order of arrival, or on how many threads there are. A checkpoint
/// needs only seed and round.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <boost/random/gamma_distribution.hpp>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_01.hpp>

#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"

namespace comdml {

/// What a stream's draws are used for. Two purposes never share a draw.
enum class purpose : std::uint32_t {
  initialization,
  shuffle,
  augmentation,
  partition,
  fleet,
  data,
  pairing,
  testing,
  topology,
  change,
  presence,
  sampling,
  jitter,
  gossip
};

/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
/// The key is the seed; the counter is (block, purpose, round, owner). Models std::uniform_random_bit_generator.
/// The same key gives the same draws on every machine.
class random_stream {
 public:
  using result_type = std::uint32_t;

  random_stream(std::uint64_t seed, agent_id owner, round_index round, purpose why) noexcept
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
        counter_{0, static_cast<std::uint32_t>(why), round.value, owner.value} {}

  /// A stream that belongs to no agent and no round (initial weights, fleets, partitions).
  random_stream(std::uint64_t seed, purpose why) noexcept
      : random_stream{seed, agent_id{std::numeric_limits<std::uint32_t>::max()}, round_index{0}, why} {}

  static constexpr result_type min() noexcept { return 0; }
  static constexpr result_type max() noexcept { return std::numeric_limits<result_type>::max(); }

  result_type operator()() noexcept {
    if (used_ == block_.size()) {
      block_ = philox(counter_, key_);
      ++counter_[0];
      used_ = 0;
    }
    return block_[used_++];
  }

  /// Uniform in [0, 1).
  double uniform() { return boost::random::uniform_01<double>{}(*this); }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  double normal() { return boost::random::normal_distribution<double>{}(*this); }
  double gamma(double shape) { return boost::random::gamma_distribution<double>{shape}(*this); }

  /// Uniform in 0 .. count-1, without bias. Requires count > 0.
  std::size_t below(std::size_t count) {
    COMDML_REQUIRE(count > 0 && count <= max(), "count ", count);
    const auto range = static_cast<std::uint32_t>(count);
    const std::uint32_t threshold = (0u - range) % range;
    while (true) {  // Lemire: multiply, and reject the few draws that would favor low values
      const std::uint64_t product = std::uint64_t{(*this)()} * range;
      if (static_cast<std::uint32_t>(product) >= threshold) return static_cast<std::size_t>(product >> 32);
    }
  }

  /// Fisher-Yates.
  template <class T>
  void shuffle(std::span<T> values) {
    for (std::size_t left = values.size(); left > 1; --left) std::swap(values[left - 1], values[below(left)]);
  }

  /// The numbers 0 .. count-1 in random order.
  std::vector<std::uint32_t> permutation(std::size_t count) {
    std::vector<std::uint32_t> order(count);
    std::iota(order.begin(), order.end(), 0u);
    shuffle(std::span{order});
    return order;
  }

  /// Ten rounds of Philox; public so that it can be held against the published test vectors.
  static std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                             std::array<std::uint32_t, 2> key) noexcept {
    for (int round = 0; round < 10; ++round) {
      const std::uint64_t first = std::uint64_t{0xD2511F53u} * counter[0];
      const std::uint64_t second = std::uint64_t{0xCD9E8D57u} * counter[2];
      counter = {static_cast<std::uint32_t>(second >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(second),
                 static_cast<std::uint32_t>(first >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(first)};
      key[0] += 0x9E3779B9u;
      key[1] += 0xBB67AE85u;
    }
    return counter;
  }

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  std::size_t used_ = 4;
};

}  // namespace comdml
