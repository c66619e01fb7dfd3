// SPDX-License-Identifier: BSL-1.0
/// \file
/// Errors. A broken contract is a bug, bad input is the user's to mend, a failed run is the world's.
/// Time-outs and lost peers are values of a Transport, not exceptions.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace comdml {

/// A precondition was broken by the calling code.
class contract_error : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// Input from outside (a file, an option, user data) is unusable. The message names where, what, and the remedy.
class input_error : public std::runtime_error {
 public:
  /// \param where   file, with the offset or line where that is known, or the option's name
  /// \param what    what is wrong there
  /// \param remedy  what the user can do about it
  input_error(const std::string& where, const std::string& what, const std::string& remedy)
      : std::runtime_error{where + ": " + what + "\n  remedy: " + remedy}, where_{where}, remedy_{remedy} {}

  [[nodiscard]] const std::string& where() const noexcept { return where_; }
  [[nodiscard]] const std::string& remedy() const noexcept { return remedy_; }

 private:
  std::string where_;
  std::string remedy_;
};

/// A run that was well asked for could not go on: a peer was lost, training diverged, the fleet is disconnected.
class run_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace detail {

/// A reference to something that can be streamed. Messages are joined by one function for all, not by one for each
/// list of types: they are a large part of what a program that includes the library has to compile.
class streamed {
 public:
  template <class T>
  explicit streamed(const T& value)
      : value_{&value}, write_{[](std::ostream& out, const void* what) { out << *static_cast<const T*>(what); }} {}
  template <std::size_t N>
  explicit streamed(const char (&value)[N])
      : value_{value}, write_{[](std::ostream& out, const void* what) { out << static_cast<const char*>(what); }} {}

  friend std::ostream& operator<<(std::ostream& out, const streamed& part) {
    part.write_(out, part.value_);
    return out;
  }

 private:
  const void* value_;
  void (*write_)(std::ostream&, const void*);
};

[[nodiscard, gnu::cold]] inline std::string join(std::initializer_list<streamed> parts) {
  std::ostringstream out;
  for (const streamed& part : parts) out << part;
  return std::move(out).str();
}

[[noreturn, gnu::cold]] inline void break_contract(std::initializer_list<streamed> parts) {
  throw contract_error{join(parts)};
}

}  // namespace detail

/// The text of its arguments, streamed one after another.
template <class... Parts>
[[nodiscard]] std::string text(const Parts&... parts) {
  return detail::join({detail::streamed(parts)...});
}

/// What COMDML_REQUIRE throws.
template <class... Parts>
[[noreturn]] void break_contract(const Parts&... parts) {
  detail::break_contract({detail::streamed(parts)...});
}

}  // namespace comdml

/// Checks a precondition in every build; the further arguments are streamed into the message, values included.
#define COMDML_REQUIRE(condition, ...)                                                                               \
  do {                                                                                                               \
    if (!(condition)) ::comdml::break_contract(__FILE__, ":", __LINE__, ": requires " #condition ": ", __VA_ARGS__); \
  } while (false)
