// SPDX-License-Identifier: BSL-1.0
/// \file
/// How much a test does where its effort is a matter of taste.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COMDML_TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COMDML_TEST_SANITIZED 1
#endif
#endif

namespace effort {

/// Of so many random cases, those that are tried: all, but one in ten under a sanitizer, which looks for other mistakes
/// and makes each case many times dearer.
[[nodiscard]] constexpr std::size_t cases(std::size_t all) {
#ifdef COMDML_TEST_SANITIZED
  return all / 10;
#else
  return all;
#endif
}

}  // namespace effort
