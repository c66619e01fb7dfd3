// A user's program: needs the headers, C++20, OpenMP and OpenBLAS.
#include <comdml/comdml.hpp>
#include <comdml/tensor/gemm.hpp>

#include <array>
#include <cstdio>

int main() {
  const std::array<float, 4> a{1, 2, 3, 4}, b{5, 6, 7, 8};
  std::array<float, 4> c{};
  const comdml::blas_single_thread one_thread;
  comdml::gemm(comdml::transpose::no, comdml::transpose::no, 2, 2, 2, 1.0F, a.data(), 2, b.data(), 2, 0.0F, c.data(),
               2);
  std::array<int, 8> threads{};
  comdml::parallel_for({.threads = 2}, threads.size(), [&](std::size_t i) { threads[i] = omp_get_num_threads(); });
  std::printf("%g %g %g %g on %d threads\n", c[0], c[1], c[2], c[3], threads[7]);
  return 0;
}
