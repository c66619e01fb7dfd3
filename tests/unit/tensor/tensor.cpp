// SPDX-License-Identifier: BSL-1.0
/// \file
/// Views, matrix products, the arena, and the guard on OpenBLAS's threads.
#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <thread>
#include <vector>

#include <omp.h>

#include "comdml/core/errors.hpp"
#include "comdml/core/parallel.hpp"
#include "comdml/tensor/arena.hpp"
#include "comdml/tensor/blas_threads.hpp"
#include "comdml/tensor/gemm.hpp"
#include "comdml/tensor/tensor.hpp"

using comdml::transpose;

TEST_CASE("a view is the values themselves, the last index running fastest") {
  std::vector<float> values(24);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  auto seen = comdml::view(std::span<float>{values}, std::array<std::size_t, 3>{2, 3, 4});
  CHECK(seen(1, 2, 3) == 23.f);
  seen(0, 1, 0) = -1.f;
  CHECK(values[4] == -1.f);
  const auto images = comdml::view(std::span<const float>{values}, comdml::image_shape{2, 2, 3});
  CHECK(images.shape(0) == 2);
  CHECK(images(1, 0, 1, 2) == 17.f);
  const comdml::tensor<float, 3> copy = seen;
  CHECK(copy(1, 0, 0) == 12.f);
  CHECK_THROWS_AS((void)comdml::view(std::span<float>{values}, std::array<std::size_t, 2>{5, 5}),
                  comdml::contract_error);
}

TEST_CASE_TEMPLATE("gemm multiplies as written down", T, float, double) {
  const std::size_t rows = 3, columns = 4, inner = 5;
  for (const transpose turn_a : {transpose::no, transpose::yes})
    for (const transpose turn_b : {transpose::no, transpose::yes})
      for (const T beta : {T{0}, T{2}}) {
        const std::size_t lead_a = (turn_a == transpose::no ? inner : rows) + 2;
        const std::size_t lead_b = (turn_b == transpose::no ? columns : inner) + 1, lead_c = columns + 3;
        std::vector<T> a(lead_a * 8), b(lead_b * 8), c(lead_c * rows);
        for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<T>(i % 7) - T{3};
        for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<T>(i % 5) - T{2};
        // With beta = 0 the old values may be anything.
        for (T& value : c) value = beta == T{0} ? std::numeric_limits<T>::quiet_NaN() : T{1};
        comdml::gemm<T>(turn_a, turn_b, rows, columns, inner, T{3}, a.data(), lead_a, b.data(), lead_b, beta, c.data(),
                        lead_c);
        for (std::size_t i = 0; i < rows; ++i)
          for (std::size_t j = 0; j < columns; ++j) {
            T sum = beta;
            for (std::size_t k = 0; k < inner; ++k)
              sum += T{3} * (turn_a == transpose::no ? a[i * lead_a + k] : a[k * lead_a + i]) *
                     (turn_b == transpose::no ? b[k * lead_b + j] : b[j * lead_b + k]);
            CHECK(c[i * lead_c + j] == sum);
          }
      }
}

TEST_CASE("an arena's spans are aligned, apart, and given back at the scope's end") {
  comdml::arena memory;
  const auto first = memory.take<float>(3);
  CHECK(reinterpret_cast<std::uintptr_t>(first.data()) % comdml::arena::alignment == 0);
  float* inner = nullptr;
  {
    const comdml::arena::scope release{memory};
    const auto second = memory.take<float>(5);
    inner = second.data();
    CHECK(reinterpret_cast<std::uintptr_t>(inner) % comdml::arena::alignment == 0);
    CHECK(inner >= first.data() + first.size());
  }
  CHECK(memory.take<float>(1).data() == inner);
}

TEST_CASE("an arena that grew in pieces becomes one piece, and then grows no more") {
  comdml::arena memory;
  const auto round = [&] {
    memory.reset();
    (void)memory.take<double>(std::size_t{1} << 16);
    const comdml::arena::scope release{memory};
    (void)memory.take<double>(std::size_t{1} << 18);
    (void)memory.take<double>(std::size_t{1} << 20);
  };
  const std::size_t most = sizeof(double) * ((std::size_t{1} << 16) + (std::size_t{1} << 18) + (std::size_t{1} << 20));
  round();
  CHECK(memory.capacity() > most);  // pieces, the first not filled
  round();
  CHECK(memory.capacity() == most);
  round();
  CHECK(memory.capacity() == most);
}

TEST_CASE("the guard keeps OpenBLAS on one thread, nests, and restores the user's setting") {
  const int openmp_before = omp_get_max_threads();
  openblas_set_num_threads(2);
  omp_set_num_threads(3);
  const int user = openblas_get_num_threads();
  {
    const comdml::blas_single_thread outer;
    CHECK(openblas_get_num_threads() == 1);
    {
      const comdml::blas_single_thread inner;
      CHECK(openblas_get_num_threads() == 1);
    }
    CHECK(openblas_get_num_threads() == 1);
    CHECK(omp_get_max_threads() == 1);
    std::thread{[] {
      const comdml::blas_single_thread elsewhere;
      CHECK(omp_get_max_threads() == 1);
    }}.join();
    CHECK(openblas_get_num_threads() == 1);
  }
  CHECK(openblas_get_num_threads() == user);
  CHECK(omp_get_max_threads() == 3);
  omp_set_num_threads(openmp_before);
}

TEST_CASE("lanes: every call is made once, and calls of a lane do not overlap") {
  for (const int threads : {1, 2, 3, 8}) {
    const comdml::execution exec{threads};
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{5}, std::size_t{100}}) {
      const std::size_t used = comdml::lanes(exec, count);
      CHECK(used <= static_cast<std::size_t>(threads));
      std::vector<std::size_t> calls(count), last(used);
      std::vector<int> ordered(count, 1);
      comdml::parallel_lanes(exec, count, [&](std::size_t lane, std::size_t i) {
        ++calls[i];
        ordered[i] = last[lane] <= i;
        last[lane] = i;
      });
      CHECK(calls == std::vector<std::size_t>(count, 1));
      CHECK(ordered == std::vector<int>(count, 1));
    }
  }
}
