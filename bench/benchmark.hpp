// SPDX-License-Identifier: BSL-1.0
/// \file
/// The main program of a google-benchmark: what it checks comes first.
#pragma once

#include <cstddef>

#include <benchmark/benchmark.h>

namespace bench {

/// `check()` ends the program unless results are right. \returns the exit code.
template <class Check>
int check_then_time(int argc, char** argv, Check&& check) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  check();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

/// Reports images per second of wall time.
inline void count_images(benchmark::State& state, std::size_t in_an_iteration) {
  state.counters["images/s"] =
      benchmark::Counter(static_cast<double>(in_an_iteration), benchmark::Counter::kIsIterationInvariantRate);
}

}  // namespace bench
