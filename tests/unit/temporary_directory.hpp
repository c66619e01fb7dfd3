// SPDX-License-Identifier: BSL-1.0
/// \file
/// For tests of files: a directory that goes away with the test, and the errors of readers.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <zlib.h>

#include "comdml/core/errors.hpp"

using byte_list = std::vector<std::uint8_t>;

class temporary_directory {
 public:
  temporary_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "comdml-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error{"no temporary directory"};
    path_ = name;
  }
  ~temporary_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;

  const std::filesystem::path& path() const { return path_; }

  std::filesystem::path write(const std::string& name, const byte_list& content) const {
    const auto file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream out{file, std::ios::binary};
    out.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
    return file;
  }

  std::filesystem::path write(const std::string& name, const std::string& content) const {
    return write(name, byte_list(content.begin(), content.end()));
  }

  std::filesystem::path write_gzip(const std::string& name, const byte_list& content) const {
    const auto file = path_ / name;
    gzFile out = gzopen(file.c_str(), "wb");
    if (gzwrite(out, content.data(), static_cast<unsigned>(content.size())) != static_cast<int>(content.size()))
      throw std::runtime_error{"gzwrite"};
    gzclose(out);
    return file;
  }

  byte_list read(const std::string& name) const {
    std::ifstream in{path_ / name, std::ios::binary};
    return byte_list(std::istreambuf_iterator<char>{in}, {});
  }

 private:
  std::filesystem::path path_;
};

/// The message of the input_error that f throws; empty if it throws none.
template <class Function>
std::string input_error_of(Function&& f) {
  try {
    f();
  } catch (const comdml::input_error& error) {
    return error.what();
  }
  return {};
}

inline bool contains(const std::string& whole, const std::string& piece) {
  return whole.find(piece) != std::string::npos;
}
