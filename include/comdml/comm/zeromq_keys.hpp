// SPDX-License-Identifier: BSL-1.0
/// \file
/// Key pairs of CURVE (Curve25519, as ZeroMQ writes them: 40 characters of Z85), and the files that hold them.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "comdml/core/errors.hpp"

namespace comdml::comm {

/// Whether this can be a key: 40 characters of Z85.
[[nodiscard]] inline bool is_curve_key(std::string_view text) {
  constexpr std::string_view alphabet =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
  return text.size() == 40 && text.find_first_not_of(alphabet) == std::string_view::npos;
}

/// Who an agent is. The secret key is wiped when the object goes away, and nothing prints it. zeromq_context.hpp makes
/// new ones.
class curve_keys {
 public:
  /// Throws contract_error, without naming them, unless both are keys.
  curve_keys(std::string public_key, std::string_view secret_key) : public_{std::move(public_key)} {
    COMDML_REQUIRE(is_curve_key(public_) && is_curve_key(secret_key), "a key has 40 characters of Z85");
    std::ranges::copy(secret_key, secret_.begin());
  }
  curve_keys(const curve_keys&) = default;
  curve_keys& operator=(const curve_keys&) = default;
  ~curve_keys() { ::explicit_bzero(secret_.data(), secret_.size()); }

  [[nodiscard]] const std::string& public_key() const noexcept { return public_; }
  /// Valid as long as this object.
  [[nodiscard]] std::string_view secret_key() const noexcept { return {secret_.data(), secret_.size()}; }

 private:
  std::string public_;
  std::array<char, 40> secret_{};
};

namespace detail {

/// A file descriptor, closed in the end.
struct open_file {
  explicit open_file(int opened) : descriptor{opened} {}
  ~open_file() {
    if (descriptor >= 0) ::close(descriptor);
  }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  int descriptor;
};

/// What stands between the quotes of the line `name = "..."`; empty if there is no such line.
[[nodiscard]] inline std::string_view quoted_value(std::string_view content, std::string_view name) {
  while (!content.empty()) {
    const std::string_view line = content.substr(0, content.find('\n'));
    content.remove_prefix(std::min(content.size(), line.size() + 1));
    if (line.size() < name.size() + 5 || !line.starts_with(name)) continue;
    const std::string_view rest = line.substr(name.size());
    if (rest.starts_with(" = \"") && rest.ends_with('"')) return rest.substr(4, rest.size() - 5);
  }
  return {};
}

}  // namespace detail

/// Writes a key file that only its owner can read (mode 0600). Throws input_error if there is one already, or if it
/// cannot be written.
inline void write_keys(const std::filesystem::path& file, const curve_keys& keys) {
  const auto fail = [&] {
    const int why = errno;
    throw input_error{file.string(), "the key file cannot be written (" + std::generic_category().message(why) + ")",
                      why == EEXIST ? "keep these keys, or choose another name: a key file is never replaced"
                                    : "choose a directory that exists and may be written to"};
  };
  const detail::open_file out{::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
  if (out.descriptor < 0 || ::fchmod(out.descriptor, 0600) != 0) fail();
  std::string content = "# Keys of a comdml agent. Keep this file to yourself; the public key is for the others.\n";
  content += "public = \"" + keys.public_key() + "\"\nsecret = \"";
  content += keys.secret_key();
  content += "\"\n";
  const ssize_t written = ::write(out.descriptor, content.data(), content.size());
  const bool whole = written == static_cast<ssize_t>(content.size());
  ::explicit_bzero(content.data(), content.size());
  if (!whole || ::fsync(out.descriptor) != 0) {
    ::unlink(file.c_str());
    fail();
  }
}

/// Reads a key file. Throws input_error if others than its owner may read or write it, if it is somebody else's, or if
/// it holds no keys.
[[nodiscard]] inline curve_keys read_keys(const std::filesystem::path& file) {
  const std::string name = file.string();
  const detail::open_file in{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct ::stat about {};
  if (in.descriptor < 0 || ::fstat(in.descriptor, &about) != 0)
    throw input_error{name, "the key file cannot be read (" + std::generic_category().message(errno) + ")",
                      "make keys by comdml keygen"};
  if (!S_ISREG(about.st_mode)) throw input_error{name, "is no regular file", "give a key file"};
  if (about.st_uid != ::geteuid())
    throw input_error{name, "the key file is another user's", "use keys of your own, made by comdml keygen"};
  if ((about.st_mode & 077U) != 0)
    throw input_error{name, "others than you may use the key file",
                      "chmod 600 " + name + ", or make new keys if others may have read it"};
  std::array<char, 1024> content{};
  const ssize_t size = ::read(in.descriptor, content.data(), content.size());
  const std::string_view text{content.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  const std::string_view public_key = detail::quoted_value(text, "public");
  const std::string_view secret_key = detail::quoted_value(text, "secret");
  const bool good = is_curve_key(public_key) && is_curve_key(secret_key);
  if (!good) {
    ::explicit_bzero(content.data(), content.size());
    throw input_error{name, "holds no keys: expected are the lines public = \"...\" and secret = \"...\"",
                      "make keys by comdml keygen"};
  }
  const curve_keys keys{std::string{public_key}, secret_key};
  ::explicit_bzero(content.data(), content.size());
  return keys;
}

}  // namespace comdml::comm
