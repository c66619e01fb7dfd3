// SPDX-License-Identifier: BSL-1.0
/// \file
/// The main program of a google-benchmark: what it checks comes first.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "comdml/core/errors.hpp"

namespace bench {

/// `check()` ends the program unless results are right. \returns the exit code.
template <class Check>
int check_then_time(int argc, char** argv, Check&& check) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  try {
    check();
    benchmark::RunSpecifiedBenchmarks();
    return 0;
  } catch (const comdml::input_error& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
}

/// Reports images per second of wall time.
inline void count_images(benchmark::State& state, std::size_t in_an_iteration) {
  state.counters["images/s"] =
      benchmark::Counter(static_cast<double>(in_an_iteration), benchmark::Counter::kIsIterationInvariantRate);
}

/// One rectifier that flips between an engine and its reference moves a gradient by up to 1e-2; a wrong kernel moves it
/// by much more.
inline constexpr double gradient_tolerance = 2e-2;

/// Ends the program with 3 unless `mine` is `reference` up to rounding: the norm of the difference against the
/// reference's.
inline void require_close(const std::string& what, std::span<const float> mine, std::span<const float> reference,
                          double tolerance = 1e-3) {
  double difference = 0;
  double size = 0;
  for (std::size_t i = 0; i < std::min(mine.size(), reference.size()); ++i) {
    const auto expected = static_cast<double>(reference[i]);
    difference += std::pow(static_cast<double>(mine[i]) - expected, 2);
    size += expected * expected;
  }
  const double error = std::sqrt(difference / size);
  if (mine.size() == reference.size() && error <= tolerance) return;  // an error that is no number fails
  std::cerr << "wrong result, not timed: " << what << ": " << mine.size() << " values against the reference's "
            << reference.size() << ", relative error " << error << ", allowed " << tolerance << '\n';
  std::exit(3);
}

/// The same of gradients, tensor by tensor.
inline void require_close_gradients(const std::string& what, const std::vector<std::vector<float>>& mine,
                                    const std::vector<std::vector<float>>& reference) {
  if (mine.size() != reference.size()) {
    std::cerr << "wrong result, not timed: " << what << ": " << mine.size() << " tensors against the reference's "
              << reference.size() << '\n';
    std::exit(3);
  }
  for (std::size_t i = 0; i < mine.size(); ++i)
    require_close(comdml::text(what, ", parameter ", i + 1, " of ", mine.size()), mine[i], reference[i],
                  gradient_tolerance);
}

}  // namespace bench
