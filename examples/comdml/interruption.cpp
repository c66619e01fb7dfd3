// SPDX-License-Identifier: BSL-1.0
/// \file
/// Ctrl-C.
#include "interruption.hpp"

#include <semaphore.h>

#include <cerrno>
#include <csignal>
#include <iostream>

namespace program {

namespace {

// All that a signal handler may do is to wake somebody up: sem_post is safe there, a stop request is not.
sem_t signalled;

extern "C" void on_signal(int) {
  const int before = errno;
  std::signal(SIGINT, SIG_DFL);  // the next one kills, whichever of the two it is
  std::signal(SIGTERM, SIG_DFL);
  sem_post(&signalled);
  errno = before;
}

}  // namespace

interruption::interruption(const char* unit) : unit_{unit} {
  sem_init(&signalled, 0, 0);
  struct sigaction what {};
  what.sa_handler = on_signal;
  what.sa_flags = SA_RESTART;
  sigaction(SIGINT, &what, &old_interrupt_);
  sigaction(SIGTERM, &what, &old_terminate_);
  sigaction(SIGHUP, &what, &old_hang_up_);
  if (old_hang_up_.sa_handler == SIG_IGN) sigaction(SIGHUP, &old_hang_up_, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  waiter_ = std::thread{[this] { wait(); }};
}

interruption::~interruption() {
  sigaction(SIGINT, &old_interrupt_, nullptr);
  sigaction(SIGTERM, &old_terminate_, nullptr);
  sigaction(SIGHUP, &old_hang_up_, nullptr);
  over_ = true;
  sem_post(&signalled);
  waiter_.join();
  sem_destroy(&signalled);
}

void interruption::wait() {
  while (sem_wait(&signalled) != 0) {  // another handler ran
  }
  if (over_) return;
  if (unit_ != nullptr) std::cerr << "comdml: stopping after this " << unit_ << " (once more to kill)\n";
  stop_.request_stop();
}

}  // namespace program
