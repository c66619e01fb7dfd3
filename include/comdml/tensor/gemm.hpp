// SPDX-License-Identifier: BSL-1.0
/// \file
/// Matrix product of row-major matrices, by xtensor-blas and OpenBLAS. Call it under a blas_single_thread guard where
/// the same bits are wanted on every number of threads.
#pragma once

#include <cstddef>
#include <limits>

#include <xtensor-blas/xblas.hpp>

#include "comdml/core/errors.hpp"

namespace comdml {

/// Whether a factor is taken as it lies in memory or transposed.
enum class transpose { no, yes };

/// c = alpha op(a) op(b) + beta c, where op(a) is rows x inner, op(b) inner x columns, and c rows x columns; a leading
/// dimension is the distance between two rows in memory. With beta = 0, c is written without being read.
/// T is float or double; all extents fit an int.
template <class T>
void gemm(transpose transpose_a, transpose transpose_b, std::size_t rows, std::size_t columns, std::size_t inner,
          T alpha, const T* a, std::size_t leading_a, const T* b, std::size_t leading_b, T beta, T* c,
          std::size_t leading_c) {
  const auto extent = [](std::size_t value) {
    COMDML_REQUIRE(value <= static_cast<std::size_t>(std::numeric_limits<xt::blas_index_t>::max()), value);
    return static_cast<xt::blas_index_t>(value);
  };
  const auto flag = [](transpose how) { return how == transpose::yes ? cxxblas::Trans : cxxblas::NoTrans; };
  cxxblas::gemm<xt::blas_index_t>(cxxblas::RowMajor, flag(transpose_a), flag(transpose_b), extent(rows),
                                  extent(columns), extent(inner), alpha, a, extent(leading_a), b, extent(leading_b),
                                  beta, c, extent(leading_c));
}

}  // namespace comdml
