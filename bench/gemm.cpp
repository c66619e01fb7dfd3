// Matrix products of the shapes that ResNets' convolutions lead to (im2col of one 32x32, 16x16, 8x8 image), on one
// thread. Checked against three loops, then timed.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "benchmark.hpp"
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

/// c = a b, a being rows x inner.
struct product {
  std::size_t rows, columns, inner;
  std::vector<float> a = random_matrix(rows * inner, 1);
  std::vector<float> b = random_matrix(inner * columns, 2);
  std::vector<float> c = std::vector<float>(rows * columns);

  void multiply() {
    comdml::gemm(comdml::transpose::no, comdml::transpose::no, rows, columns, inner, 1.0F, a.data(), inner, b.data(),
                 columns, 0.0F, c.data(), columns);
  }
};

constexpr std::array<std::array<std::int64_t, 3>, 4> shapes{
    {{1024, 16, 144}, {256, 32, 288}, {64, 64, 576}, {512, 512, 512}}};

product make(std::int64_t rows, std::int64_t columns, std::int64_t inner) {
  return {static_cast<std::size_t>(rows), static_cast<std::size_t>(columns), static_cast<std::size_t>(inner)};
}

/// Arguments: rows, columns, inner.
void gemm(benchmark::State& state) {
  product one = make(state.range(0), state.range(1), state.range(2));
  const comdml::blas_single_thread one_thread;
  for (auto _ : state) {
    one.multiply();
    benchmark::DoNotOptimize(one.c.data());
    benchmark::ClobberMemory();
  }
  state.counters["FLOP/s"] = benchmark::Counter(2.0 * static_cast<double>(one.rows * one.columns * one.inner),
                                                benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(gemm)->Apply([](auto* timed) {
  for (const auto& [rows, columns, inner] : shapes) timed->Args({rows, columns, inner});
});

void check() {
  for (const auto& [rows, columns, inner] : shapes) {
    product one = make(rows, columns, inner);
    std::vector<float> expected;
    for (std::size_t i = 0; i < one.rows; ++i)
      for (std::size_t j = 0; j < one.columns; ++j) {
        double sum = 0;
        for (std::size_t k = 0; k < one.inner; ++k)
          sum += static_cast<double>(one.a[i * one.inner + k]) * static_cast<double>(one.b[k * one.columns + j]);
        expected.push_back(static_cast<float>(sum));
      }
    one.multiply();
    bench::require_close("product", one.c, expected, 1e-6);
  }
}

}  // namespace

int main(int argc, char** argv) { return bench::check_then_time(argc, argv, check); }
