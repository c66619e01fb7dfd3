// SPDX-License-Identifier: BSL-1.0
/// \file
/// For programs that exchange large messages all the time: memory that is freed is kept for the next one.
#pragma once

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace comdml::comm {

/// To be called once, first thing in main, by the program, never by a library: it changes the allocator of the whole
/// process. glibc gives every large block back to the system, and gets it back page by page, which costs a third of the
/// time of an encrypted message. Keeps up to 256 MB per arena. Does nothing without glibc.
inline void keep_large_blocks() noexcept {
#ifdef __GLIBC__
  constexpr int megabyte = 1 << 20;
  mallopt(M_MMAP_THRESHOLD, 32 * megabyte);  // more is not allowed
  mallopt(M_TRIM_THRESHOLD, 256 * megabyte);
  mallopt(M_TOP_PAD, 16 * megabyte);
#endif
}

}  // namespace comdml::comm
