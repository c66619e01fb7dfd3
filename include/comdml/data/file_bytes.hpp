// SPDX-License-Identifier: BSL-1.0
/// \file
/// Reads files that may be damaged or hostile: plain or .gz, never more than was asked for.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include <zlib.h>

#include "comdml/core/errors.hpp"

namespace comdml::data {

/// The `where` of an input_error: the file and a byte offset in it.
[[nodiscard]] inline std::string at_byte(const std::filesystem::path& file, std::uint64_t offset) {
  return text(file.string(), ", byte ", offset);
}

/// The same with an offset in what file_bytes gives, which for a .gz is not the file's own.
[[nodiscard]] inline std::string at_unpacked_byte(const std::filesystem::path& file, std::uint64_t offset) {
  return at_byte(file, offset) + (file.extension() == ".gz" ? " of the unpacked data" : "");
}

namespace detail {

inline constexpr const char* fetch_again = "the file is damaged: fetch it again";

[[nodiscard]] inline std::ifstream open(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored))
    throw input_error{at_byte(file, 0), "there is no such file", "check the directory's name and what it holds"};
  std::ifstream in;
  if (std::filesystem::is_regular_file(file, ignored)) in.open(file, std::ios::binary);
  if (!in.is_open())
    throw input_error{at_byte(file, 0), "cannot be opened as a file", "check its kind and its permissions"};
  return in;
}

/// Decompresses one gzip member as it is read, so that memory is bounded by what was asked for.
class gzip_reader {
 public:
  explicit gzip_reader(const std::filesystem::path& file) : file_{file}, in_{open(file)} {
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) throw run_error{"zlib cannot start"};
  }
  ~gzip_reader() { inflateEnd(&stream_); }
  gzip_reader(const gzip_reader&) = delete;
  gzip_reader& operator=(const gzip_reader&) = delete;

  [[nodiscard]] std::vector<std::uint8_t> read(std::size_t most) {
    std::vector<std::uint8_t> content;
    int result = Z_OK;
    while (content.size() < most && result != Z_STREAM_END) {
      if (stream_.avail_in == 0) refill();
      stream_.next_out = unpacked_.data();
      stream_.avail_out = static_cast<uInt>(std::min(most - content.size(), unpacked_.size()));
      result = inflate(&stream_, Z_NO_FLUSH);
      content.insert(content.end(), unpacked_.data(), stream_.next_out);
      if (result != Z_OK && result != Z_STREAM_END)
        throw input_error{at_byte(file_, consumed_ - stream_.avail_in),
                          text("not valid gzip data (", stream_.msg ? stream_.msg : "damaged", ")"), fetch_again};
    }
    return content;
  }

 private:
  void refill() {
    in_.read(reinterpret_cast<char*>(compressed_.data()), static_cast<std::streamsize>(compressed_.size()));
    const auto count = static_cast<std::size_t>(in_.gcount());
    if (count == 0) throw input_error{at_byte(file_, consumed_), "the gzip data ends too early", fetch_again};
    consumed_ += count;
    stream_.next_in = compressed_.data();
    stream_.avail_in = static_cast<uInt>(count);
  }

  std::filesystem::path file_;
  std::ifstream in_;
  std::array<std::uint8_t, 65536> compressed_{};
  std::array<std::uint8_t, 65536> unpacked_{};
  std::uint64_t consumed_ = 0;
  z_stream stream_{};
};

}  // namespace detail

/// The first `most` bytes of a file's content, fewer where it is shorter; a name that ends in .gz is decompressed, and
/// its checksum verified where the end is reached. To learn that a file is too long, ask for one byte more than it may
/// hold. Throws input_error when the file is missing, unreadable or not valid gzip; its offset is that of the
/// compressed file.
[[nodiscard]] inline std::vector<std::uint8_t> file_bytes(const std::filesystem::path& file, std::size_t most) {
  if (file.extension() == ".gz") return detail::gzip_reader{file}.read(most);
  std::ifstream in = detail::open(file);
  std::error_code failure;
  const std::uintmax_t size = std::filesystem::file_size(file, failure);
  if (failure) throw input_error{at_byte(file, 0), "its size cannot be read", "check its permissions"};
  std::vector<std::uint8_t> content(static_cast<std::size_t>(std::min<std::uintmax_t>(size, most)));
  in.read(reinterpret_cast<char*>(content.data()), static_cast<std::streamsize>(content.size()));
  const auto count = static_cast<std::size_t>(in.gcount());
  if (count != content.size()) throw input_error{at_byte(file, count), "reading failed", "check the disk"};
  return content;
}

/// `directory`, or its sub-directory of one of the usual names. Throws input_error when there is no such directory;
/// `remedy` says what it should hold.
[[nodiscard]] inline std::filesystem::path data_directory(const std::filesystem::path& directory,
                                                          const std::filesystem::path& usual_child,
                                                          const std::string& remedy) {
  std::error_code ignored;
  if (std::filesystem::is_directory(directory / usual_child, ignored)) return directory / usual_child;
  if (!std::filesystem::is_directory(directory, ignored))
    throw input_error{directory.empty() ? "data directory" : directory.string(),
                      directory.empty() ? "none was given" : "there is no such directory", remedy};
  return directory;
}

}  // namespace comdml::data
