// SPDX-License-Identifier: BSL-1.0
/// \file
/// The kernels, compiled once for every instruction set: their text (text/) is included inside regions whose functions
/// the compiler may build for that set, so that a program built for the plainest processor still finds the widest
/// vectors where it runs. A program that links comdml::kernels has them compiled there, and only declared here.
#pragma once

#include "comdml/kernels/kernel_set.hpp"

#if !defined(COMDML_KERNELS_COMPILED) || defined(COMDML_KERNELS_SOURCE)

#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "comdml/core/errors.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define COMDML_KERNEL_INLINE [[gnu::always_inline]] inline
#define COMDML_KERNEL_LAMBDA __attribute__((always_inline))

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,fma,prefer-vector-width=512")
#endif
#define COMDML_KERNEL_SET avx512
#define COMDML_KERNEL_BYTES 64
#define COMDML_KERNEL_ROWS 8
#define COMDML_KERNEL_FUSED(a, b, c) \
  reinterpret_cast<vec>(             \
      _mm512_fmadd_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b), reinterpret_cast<__m512>(c)))
#include "comdml/kernels/text/set.inc"
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
#define COMDML_KERNEL_SET avx2
#define COMDML_KERNEL_BYTES 32
#define COMDML_KERNEL_ROWS 6
#define COMDML_KERNEL_FUSED(a, b, c) \
  reinterpret_cast<vec>(             \
      _mm256_fmadd_ps(reinterpret_cast<__m256>(a), reinterpret_cast<__m256>(b), reinterpret_cast<__m256>(c)))
#include "comdml/kernels/text/set.inc"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#define COMDML_KERNEL_ROWS 4
#define COMDML_KERNEL_FUSED(a, b, c) ((a) * (b) + (c))

#elif defined(__aarch64__)

#define COMDML_KERNEL_ROWS 8
#define COMDML_KERNEL_FUSED(a, b, c) \
  reinterpret_cast<vec>(             \
      vfmaq_f32(reinterpret_cast<float32x4_t>(c), reinterpret_cast<float32x4_t>(a), reinterpret_cast<float32x4_t>(b)))

#else

#define COMDML_KERNEL_ROWS 4
#define COMDML_KERNEL_FUSED(a, b, c) ((a) * (b) + (c))

#endif

#define COMDML_KERNEL_SET baseline
#define COMDML_KERNEL_BYTES 16
#include "comdml/kernels/text/set.inc"

#undef COMDML_KERNEL_INLINE
#undef COMDML_KERNEL_LAMBDA

#if defined(COMDML_KERNELS_SOURCE)
#define COMDML_KERNELS_LINKAGE
#else
#define COMDML_KERNELS_LINKAGE inline
#endif

namespace comdml::kernels {

COMDML_KERNELS_LINKAGE const std::vector<named_set>& supported_sets() {
  static const std::vector<named_set> sets = [] {
    std::vector<named_set> found;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw"))
      found.push_back({"avx512", &avx512::set});
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back({"avx2", &avx2::set});
#endif
    found.push_back({"baseline", &baseline::set});
    return found;
  }();
  return sets;
}

COMDML_KERNELS_LINKAGE const named_set& choose_set(const char* wanted) {
  if (wanted == nullptr || *wanted == '\0') return supported_sets().front();
  std::string names;
  for (const named_set& one : supported_sets()) {
    if (one.name == wanted) return one;
    names.append(names.empty() ? "" : ", ").append(one.name);
  }
  throw input_error{"environment variable COMDML_ISA", text("this processor has no instruction set \"", wanted, '"'),
                    text("set it to one of: ", names)};
}

COMDML_KERNELS_LINKAGE const named_set& active_set() {
  static const named_set& chosen = choose_set(std::getenv("COMDML_ISA"));
  return chosen;
}

}  // namespace comdml::kernels

#undef COMDML_KERNELS_LINKAGE

#endif
