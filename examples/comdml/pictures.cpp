// SPDX-License-Identifier: BSL-1.0
/// \file
/// PGM and PPM pictures. Format: the man pages pgm(5) and ppm(5) of netpbm.
#include "pictures.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "comdml/core/errors.hpp"
#include "comdml/data/file_bytes.hpp"

namespace program {

using comdml::image_shape;
using comdml::input_error;
using comdml::text;

namespace {

/// Reads the header's words.
class header {
 public:
  header(const std::filesystem::path& file, std::span<const std::uint8_t> bytes) : file_{file}, bytes_{bytes} {}

  /// The next number, at most 65535.
  [[nodiscard]] std::size_t number(const char* what) {
    skip_space();
    std::size_t value = 0;
    const std::size_t begin = at_;
    while (at_ < bytes_.size() && bytes_[at_] >= '0' && bytes_[at_] <= '9') {
      value = 10 * value + (bytes_[at_++] - std::size_t{'0'});
      if (value > 65535) refuse(begin, text(what, " is above 65535"));
    }
    if (at_ == begin) refuse(begin, text("no ", what, " where one belongs"));
    return value;
  }

  /// Where the pixels begin: after exactly one white-space byte.
  [[nodiscard]] std::size_t end() const {
    if (at_ >= bytes_.size() || !is_space(bytes_[at_])) refuse(at_, "the header does not end");
    return at_ + 1;
  }

  [[noreturn]] void refuse(std::size_t offset, const std::string& what) const {
    throw input_error{comdml::data::at_byte(file_, offset), what,
                      "write the picture again, as binary PGM (P5) or PPM (P6)"};
  }

 private:
  static bool is_space(std::uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

  void skip_space() {
    for (; at_ < bytes_.size() && (is_space(bytes_[at_]) || bytes_[at_] == '#'); ++at_)
      if (bytes_[at_] == '#')
        while (at_ < bytes_.size() && bytes_[at_] != '\n') ++at_;
  }

  const std::filesystem::path& file_;
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 2;
};

}  // namespace

std::vector<float> read_picture(const std::filesystem::path& file, image_shape wanted) {
  constexpr std::size_t longest_header = 65536;
  const std::vector<std::uint8_t> bytes = comdml::data::file_bytes(file, longest_header + 2 * wanted.size());
  header head{file, bytes};
  if (bytes.size() < 2 || bytes[0] != 'P' || (bytes[1] != '5' && bytes[1] != '6'))
    head.refuse(0, "not a binary PGM (P5) or PPM (P6) picture");
  image_shape found{.channels = bytes[1] == '5' ? std::size_t{1} : std::size_t{3}};
  found.width = head.number("width");
  found.height = head.number("height");
  if (found != wanted)
    throw input_error{file.string(),
                      text("the picture is ", found, " (channels x height x width), the model takes ", wanted),
                      text("give a ", wanted.channels == 1 ? "PGM (gray)" : "PPM (colored)", " picture of ",
                           wanted.width, " x ", wanted.height, " pixels")};
  const std::size_t largest = head.number("largest value");
  if (largest == 0) head.refuse(0, "the largest value is 0");
  const std::size_t sample = largest > 255 ? 2 : 1;
  const std::size_t begin = head.end();
  if (bytes.size() < begin + sample * wanted.size())
    head.refuse(bytes.size(), text("ends before its ", wanted.size(), " samples of ", sample, " bytes"));
  std::vector<float> pixels(wanted.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const std::size_t at = begin + sample * i;
    const std::size_t value = sample == 1 ? bytes[at] : std::size_t{bytes[at]} << 8 | bytes[at + 1];
    if (value > largest) head.refuse(at, text("the value ", value, " is above the largest, ", largest));
    pixels[i] = static_cast<float>(value) / static_cast<float>(largest);
  }
  return pixels;
}

}  // namespace program
