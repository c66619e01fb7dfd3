// Matrix products of the shapes that ResNets' convolutions lead to (im2col of one 32x32, 16x16, 8x8 image), on one
// thread. Checked against three loops, then timed.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstddef>
#include <vector>

#include "comdml/core/random.hpp"
#include "comdml/tensor/blas_threads.hpp"
#include "comdml/tensor/gemm.hpp"

namespace {

std::vector<float> random_matrix(std::size_t size, std::uint64_t seed) {
  comdml::random_stream rng{seed, comdml::purpose::testing};
  std::vector<float> values(size);
  for (float& value : values) value = static_cast<float>(rng.normal());
  return values;
}

/// c = a b, a being rows x inner. Arguments: rows, columns, inner.
void gemm(benchmark::State& state) {
  const auto rows = static_cast<std::size_t>(state.range(0));
  const auto columns = static_cast<std::size_t>(state.range(1));
  const auto inner = static_cast<std::size_t>(state.range(2));
  const std::vector<float> a = random_matrix(rows * inner, 1);
  const std::vector<float> b = random_matrix(inner * columns, 2);
  std::vector<float> c(rows * columns);
  const comdml::blas_single_thread one_thread;
  const auto multiply = [&] {
    comdml::gemm(comdml::transpose::no, comdml::transpose::no, rows, columns, inner, 1.0F, a.data(), inner, b.data(),
                 columns, 0.0F, c.data(), columns);
  };

  multiply();
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < inner; ++k)
        sum += static_cast<double>(a[i * inner + k]) * static_cast<double>(b[k * columns + j]);
      if (std::abs(sum - static_cast<double>(c[i * columns + j])) > 1e-5 * static_cast<double>(inner))
        return state.SkipWithError("the product is wrong");
    }

  for (auto _ : state) {
    multiply();
    benchmark::DoNotOptimize(c.data());
    benchmark::ClobberMemory();
  }
  state.counters["FLOP/s"] = benchmark::Counter(2.0 * static_cast<double>(rows * columns * inner),
                                                benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(gemm)->Args({1024, 16, 144})->Args({256, 32, 288})->Args({64, 64, 576})->Args({512, 512, 512});

}  // namespace

BENCHMARK_MAIN();
