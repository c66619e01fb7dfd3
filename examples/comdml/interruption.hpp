// SPDX-License-Identifier: BSL-1.0
/// \file
/// Ctrl-C: the first one asks a job to stop, the second one kills the program. Handlers belong to the program, never to
/// the library.
#pragma once

#include <atomic>
#include <csignal>
#include <stop_token>
#include <thread>

namespace program {

/// While it lives, the first SIGINT or SIGTERM becomes a stop request, with a note on standard error; later ones, of
/// either kind, do what they do by default. One at a time.
class interruption {
 public:
  interruption();
  ~interruption();
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;

  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }

 private:
  void wait();

  std::stop_source stop_;
  std::atomic<bool> over_ = false;
  struct sigaction old_interrupt_ {};
  struct sigaction old_terminate_ {};
  std::thread waiter_;
};

}  // namespace program
