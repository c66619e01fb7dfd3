// SPDX-License-Identifier: BSL-1.0
/// \file
/// A 64-byte aligned bump allocator: one per workspace, reused for every batch, so that training allocates nothing
/// once it is warm.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <vector>

namespace comdml {

/// Hands out spans that stay valid until the scope they were taken in ends. Memory grows by chunks and is kept.
/// Contents of a new span are unspecified.
class arena {
 public:
  static constexpr std::size_t alignment = 64;

  arena() = default;
  arena(arena&&) noexcept = default;
  arena& operator=(arena&&) noexcept = default;

  template <class T>
  [[nodiscard]] std::span<T> take(std::size_t count) {
    static_assert(std::is_trivially_copyable_v<T>);
    const std::size_t size = (count * sizeof(T) + alignment - 1) / alignment * alignment;
    while (chunk_ < chunks_.size() && used_ + size > chunks_[chunk_].size) {
      ++chunk_;
      used_ = 0;
    }
    if (chunk_ == chunks_.size()) {
      grow(std::max(size, minimum_chunk));
      used_ = 0;
    }
    auto* start = reinterpret_cast<T*>(chunks_[chunk_].memory.get() + used_);
    used_ += size;
    taken_ += size;
    peak_ = std::max(peak_, taken_);
    return {start, count};
  }

  /// Gives back, at its end, everything that was taken during its life.
  class scope {
   public:
    explicit scope(arena& owner) noexcept
        : owner_{owner}, chunk_{owner.chunk_}, used_{owner.used_}, taken_{owner.taken_} {}
    ~scope() {
      owner_.taken_ = taken_;
      owner_.chunk_ = chunk_;
      owner_.used_ = used_;
    }
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

   private:
    arena& owner_;
    std::size_t chunk_;
    std::size_t used_;
    std::size_t taken_;
  };

  /// Forgets all spans. Memory that was got in pieces becomes one piece, of the most that was ever in use.
  void reset() {
    chunk_ = used_ = taken_ = 0;
    if (chunks_.size() < 2) return;
    chunks_.clear();
    grow(peak_);
  }

  /// Bytes held from the system.
  [[nodiscard]] std::size_t capacity() const noexcept {
    std::size_t sum = 0;
    for (const auto& c : chunks_) sum += c.size;
    return sum;
  }

 private:
  static constexpr std::size_t minimum_chunk = std::size_t{1} << 20;
  struct release {
    void operator()(std::byte* memory) const noexcept { ::operator delete (memory, std::align_val_t{alignment}); }
  };
  using block = std::unique_ptr<std::byte, release>;
  struct chunk {
    block memory;
    std::size_t size;
  };

  void grow(std::size_t size) {
    chunks_.push_back({block{static_cast<std::byte*>(::operator new (size, std::align_val_t{alignment}))}, size});
  }

  std::vector<chunk> chunks_;
  std::size_t chunk_ = 0;
  std::size_t used_ = 0;
  std::size_t taken_ = 0;
  std::size_t peak_ = 0;
};

}  // namespace comdml
