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

/// While it lives, the first SIGINT, SIGTERM or SIGHUP becomes a stop request, with a note on standard error; later
/// ones of the first two do what they do by default, and hang-ups, which tend to come in pairs, nothing. With nohup
/// they stay ignored. From then on, until the process ends, who reads along may go away: no SIGPIPE. One at a time.
class interruption {
 public:
  /// \param unit  what is still finished before it stops, for the note; nullptr: no note
  explicit interruption(const char* unit = "mini-batch");
  ~interruption();
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;

  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }

 private:
  void wait();

  const char* unit_;
  std::stop_source stop_;
  std::atomic<bool> over_ = false;
  struct sigaction old_interrupt_ {};
  struct sigaction old_terminate_ {};
  struct sigaction old_hang_up_ {};
  std::thread waiter_;
};

}  // namespace program
