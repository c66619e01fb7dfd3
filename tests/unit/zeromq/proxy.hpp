// SPDX-License-Identifier: BSL-1.0
/// \file
/// For tests: a relay of TCP connections on the loopback, which records what passes and can cut.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace zeromq_test {

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// A socket that is connected to a port of the loopback; -1 if that fails.
inline int connect_to(std::uint16_t port) {
  const int line = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  if (::connect(line, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return line;
  ::close(line);
  return -1;
}

inline std::uint16_t port_of(const std::string& address) {
  return static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

class proxy {
 public:
  explicit proxy(std::uint16_t target) : target_{target} {
    const sockaddr_in any = loopback(0);
    sockaddr_in bound{};
    socklen_t size = sizeof bound;
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &size) != 0 || ::pipe(stop_) != 0)
      throw std::runtime_error{"no proxy"};
    port_ = ntohs(bound.sin_port);
    thread_ = std::thread{[this] { relay(); }};
  }
  ~proxy() {
    (void)!::write(stop_[1], "", 1);
    thread_.join();
    for (const pair& one : pairs_) close(one);
    for (const int open : {listener_, stop_[0], stop_[1]}) ::close(open);
  }
  proxy(const proxy&) = delete;
  proxy& operator=(const proxy&) = delete;

  [[nodiscard]] std::string address() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
  /// All that has passed, in both directions.
  [[nodiscard]] std::string recorded() {
    const std::lock_guard lock{mutex_};
    return recorded_;
  }
  /// Ends all connections at once; what is under way is lost. New ones are let through, or not.
  void cut(bool let_through) {
    const std::lock_guard lock{mutex_};
    open_ = let_through;
    cut_ = true;
    (void)!::write(stop_[1], "c", 1);
  }
  /// After so many further bytes, once.
  void cut_after(std::size_t bytes) {
    const std::lock_guard lock{mutex_};
    until_cut_ = bytes;
  }
  [[nodiscard]] std::size_t cuts() {
    const std::lock_guard lock{mutex_};
    return cuts_;
  }

 private:
  struct pair {
    int near = -1, far = -1;
  };
  static void close(const pair& one) {
    const linger at_once{1, 0};  // a reset: nothing more is delivered
    for (const int line : {one.near, one.far}) {
      ::setsockopt(line, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      ::close(line);
    }
  }
  void relay() {
    while (true) {
      std::vector<pollfd> waiting{{stop_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
      for (const pair& one : pairs_) {
        waiting.push_back({one.near, POLLIN, 0});
        waiting.push_back({one.far, POLLIN, 0});
      }
      ::poll(waiting.data(), waiting.size(), -1);
      if (waiting[0].revents != 0) {
        char command = 0;
        if (::read(stop_[0], &command, 1) != 1 || command == 0) return;
      }
      const std::lock_guard lock{mutex_};
      std::size_t at = 2;
      for (auto one = pairs_.begin(); one != pairs_.end(); at += 2) {
        const bool good = (waiting[at].revents == 0 || pass(one->near, one->far)) &&
                          (waiting[at + 1].revents == 0 || pass(one->far, one->near)) && !cut_;
        if (!good) close(*one);
        one = good ? std::next(one) : pairs_.erase(one);
      }
      if (std::exchange(cut_, false)) {
        for (const pair& one : pairs_) close(one);
        pairs_.clear();
        ++cuts_;
      }
      if (waiting[1].revents != 0) accept();
    }
  }
  void accept() {
    const int near = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (near < 0) return;
    const int far = open_ ? connect_to(target_) : -1;
    if (far < 0)
      ::close(near);
    else
      pairs_.push_back({near, far});
  }
  bool pass(int from, int to) {
    std::array<char, 1 << 16> buffer{};
    const ssize_t size = ::recv(from, buffer.data(), buffer.size(), 0);
    if (size <= 0) return false;
    recorded_.append(buffer.data(), static_cast<std::size_t>(size));
    if (until_cut_ > 0) {
      if (static_cast<std::size_t>(size) >= until_cut_) {
        until_cut_ = 0;
        cut_ = true;
        return false;
      }
      until_cut_ -= static_cast<std::size_t>(size);
    }
    for (ssize_t sent = 0; sent < size;) {
      const ssize_t now = ::send(to, buffer.data() + sent, static_cast<std::size_t>(size - sent), MSG_NOSIGNAL);
      if (now <= 0) return false;
      sent += now;
    }
    return true;
  }

  std::uint16_t target_;
  std::uint16_t port_ = 0;
  int listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int stop_[2] = {-1, -1};
  std::list<pair> pairs_;  ///< the thread's own
  std::mutex mutex_;       ///< guards all that follows
  std::string recorded_;
  bool open_ = true;
  bool cut_ = false;
  std::size_t cuts_ = 0;
  std::size_t until_cut_ = 0;
  std::thread thread_;
};

}  // namespace zeromq_test
