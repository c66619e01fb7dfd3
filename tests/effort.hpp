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

/// Whether a sanitizer looks on, which seeks other mistakes than wrong results and makes everything many times dearer.
#ifdef COMDML_TEST_SANITIZED
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

/// Of so many random cases, those that are tried.
[[nodiscard]] constexpr std::size_t cases(std::size_t all) { return sanitized ? all / 10 : all; }
/// Of so many images, those that are trained or tested on.
[[nodiscard]] constexpr std::size_t images(std::size_t all) { return sanitized ? all / 4 : all; }

}  // namespace effort
