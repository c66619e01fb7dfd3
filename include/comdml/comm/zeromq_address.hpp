// SPDX-License-Identifier: BSL-1.0
/// \file
/// Addresses like tcp://host:port, as peers tell them: hostile until looked at.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace comdml::comm {

/// The part between tcp:// and the port; empty if this is no such address.
[[nodiscard]] inline std::string_view host_of(std::string_view address) {
  constexpr std::string_view scheme = "tcp://";
  const std::size_t colon = address.rfind(':');
  if (!address.starts_with(scheme) || colon == std::string_view::npos || colon < scheme.size()) return {};
  return address.substr(scheme.size(), colon - scheme.size());
}

/// Whether this is tcp://host:port, short, with a port that is a number, and nothing else.
[[nodiscard]] inline bool is_tcp_address(std::string_view address) {
  constexpr std::string_view digits = "0123456789";
  constexpr std::string_view names = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*";
  if (address.size() > 256) return false;
  std::string_view host = host_of(address);
  const std::string_view port = address.substr(address.rfind(':') + 1);
  if (host.empty() || port.empty() || port.size() > 5 || port.find_first_not_of(digits) != std::string_view::npos)
    return false;
  if (host.starts_with('[') && host.ends_with(']'))
    return host.substr(1, host.size() - 2).find_first_not_of("0123456789abcdefABCDEF:.%") == std::string_view::npos;
  return host.find_first_not_of(names) == std::string_view::npos;
}

/// Whether it stands for all addresses of a machine.
[[nodiscard]] inline bool is_wildcard(std::string_view address) {
  const std::string_view host = host_of(address);
  return host == "*" || host == "0.0.0.0" || host == "[::]";
}

/// The same with this host instead of a wildcard.
[[nodiscard]] inline std::string with_host(std::string address, std::string_view host) {
  if (host.empty() || !is_wildcard(address)) return address;
  const std::string port = address.substr(address.rfind(':'));
  const bool v6 = host.find(':') != std::string_view::npos;
  return std::string{"tcp://"}.append(v6 ? "[" : "").append(host).append(v6 ? "]" : "").append(port);
}

}  // namespace comdml::comm
