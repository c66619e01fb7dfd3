// SPDX-License-Identifier: BSL-1.0
/// \file
/// What a step worker computes, in one line, and whether two of them compute the same. It knows nothing of ComDML.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "problem.hpp"

namespace bench {

/// Moves every parameter by far more than rounding does, and no further than that the gradients of deep networks, which
/// are steep, are still comparable after one update.
inline constexpr double check_learning_rate = 1e-4;

/// How far training moved one tensor: the Euclidean norm, and the sum under signs drawn at random, which tells a
/// direction from others.
struct tensor_change {
  double norm = 0;
  double signed_sum = 0;
};

inline tensor_change change_of(std::span<const float> before, std::span<const float> after) {
  std::mt19937 rng{static_cast<std::uint32_t>(before.size())};
  tensor_change change;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const double moved = static_cast<double>(after[i]) - static_cast<double>(before[i]);
    change.norm += moved * moved;
    change.signed_sum += rng() % 2 == 0 ? moved : -moved;
  }
  change.norm = std::sqrt(change.norm);
  return change;
}

/// A model, the losses of two training steps and of inference after them, and what the steps did to every tensor. The
/// first loss holds the forward pass, the changes the gradients and the updates, the third the running statistics.
struct check_result {
  std::size_t parameters = 0;
  std::array<double, 3> losses{};
  std::vector<tensor_change> changes;

  /// `parameters N losses A B C tensors K`, and norm and signed sum of each.
  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    out.precision(9);
    out << "parameters " << parameters << " losses";
    for (const double loss : losses) out << ' ' << loss;
    out << " tensors " << changes.size();
    for (const tensor_change& change : changes) out << ' ' << change.norm << ' ' << change.signed_sum;
    return std::move(out).str();
  }

  /// \returns whether `line` is the text of a result, which *this is then.
  [[nodiscard]] bool parse(const std::string& line) {
    std::istringstream in{line};
    std::array<std::string, 3> words;
    std::size_t tensors = 0;
    in >> words[0] >> parameters >> words[1] >> losses[0] >> losses[1] >> losses[2] >> words[2] >> tensors;
    if (!in || words != std::array<std::string, 3>{"parameters", "losses", "tensors"} || tensors > parameters)
      return false;
    changes.resize(tensors);
    for (tensor_change& change : changes) in >> change.norm >> change.signed_sum;
    return !in.fail();
  }

  /// \returns what differs from `other` by more than rounding, in words; nothing if nothing does. What is not a number
  /// differs.
  [[nodiscard]] std::string difference(const check_result& other) const {
    std::ostringstream out;
    if (parameters != other.parameters || changes.size() != other.changes.size()) {
      out << parameters << " parameters in " << changes.size() << " tensors, not " << other.parameters << " in "
          << other.changes.size();
      return std::move(out).str();
    }
    for (std::size_t i = 0; i < losses.size(); ++i) {
      constexpr double tolerance = 2e-5;
      if (std::abs(losses[i] - other.losses[i]) <= tolerance * std::max(1.0, other.losses[i])) continue;
      out << "loss " << i + 1 << " of " << losses.size() << " is " << losses[i] << ", not " << other.losses[i];
      return std::move(out).str();
    }
    for (std::size_t i = 0; i < changes.size(); ++i) {
      // Three times what rectifiers that flip by rounding have been seen to do, in a bottleneck-56.
      constexpr double norm_tolerance = 0.1, sum_tolerance = 0.3;
      const tensor_change &mine = changes[i], &theirs = other.changes[i];
      if (theirs.norm > 0 && std::abs(mine.norm - theirs.norm) <= norm_tolerance * theirs.norm &&
          std::abs(mine.signed_sum - theirs.signed_sum) <= sum_tolerance * theirs.norm)
        continue;
      out << "training moves parameter " << i + 1 << " of " << changes.size() << " by " << mine.norm << ", not "
          << theirs.norm << " (under random signs " << mine.signed_sum << ", not " << theirs.signed_sum << ")";
      return std::move(out).str();
    }
    return {};
  }
};

}  // namespace bench
