// SPDX-License-Identifier: BSL-1.0
/// \file
/// Writes a whole file or nothing: who reads it, at any time and after any crash, finds the old content or the new.
#pragma once

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "comdml/core/errors.hpp"

namespace comdml {

/// How the name ends of a file that is being written; one whose writer was killed stays.
inline constexpr std::string_view unfinished_suffix = ".partial";

namespace detail {

/// A file that goes away again unless it was moved to its place.
class temporary_file {
 public:
  /// \throws std::system_error
  explicit temporary_file(const std::filesystem::path& beside) {
    for (int number = 0; descriptor_ < 0; ++number) {
      path_ = beside;
      path_ += text(".", ::getpid(), "-", number, unfinished_suffix);
      descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (descriptor_ < 0 && errno != EEXIST) fail();
    }
  }
  ~temporary_file() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!moved_) ::unlink(path_.c_str());
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;

  /// \throws std::system_error
  void write(std::string_view content) {
    while (!content.empty()) {
      const ssize_t count = ::write(descriptor_, content.data(), content.size());
      if (count >= 0)
        content.remove_prefix(static_cast<std::size_t>(count));
      else if (errno != EINTR)
        fail();
    }
  }

  /// \throws std::system_error
  void move_to(const std::filesystem::path& place) {
    if (::fsync(descriptor_) != 0 || ::close(std::exchange(descriptor_, -1)) != 0) fail();
    std::filesystem::rename(path_, place);
    moved_ = true;
  }

 private:
  [[noreturn]] static void fail() { throw std::system_error{errno, std::generic_category()}; }

  std::filesystem::path path_;
  int descriptor_ = -1;
  bool moved_ = false;
};

}  // namespace detail

/// What was written to a file survives a power cut, if the file system can promise that.
inline void make_durable(const std::filesystem::path& file) noexcept {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

/// Makes `content` the content of `file`, through a temporary file in the same directory. What a symbolic link points
/// at is replaced, not the link. Throws input_error if that is not possible, run_error if the disk is full or broken;
/// then the file is as it was.
inline void replace_file(const std::filesystem::path& file, std::string_view content) {
  try {
    const std::filesystem::path place = std::filesystem::weakly_canonical(std::filesystem::absolute(file));
    if (std::filesystem::exists(place) && !std::filesystem::is_regular_file(place))
      throw input_error{file.string(), "is there, but is not a regular file", "choose another name"};
    detail::temporary_file fresh{place};
    fresh.write(content);
    fresh.move_to(place);
    // The new name is durable once its directory is; a file system that cannot say so is no reason to fail.
    make_durable(place.parent_path());
  } catch (const std::system_error& error) {
    for (const int world : {ENOSPC, EDQUOT, EFBIG, EIO})
      if (error.code().value() == world)
        throw run_error{text(file.string(), ": cannot be written (", error.code().message(), ")")};
    throw input_error{file.string(), "cannot be written (" + error.code().message() + ")",
                      "choose a directory that exists and may be written to"};
  }
}

}  // namespace comdml
