// SPDX-License-Identifier: BSL-1.0
/// \file
/// A child process that answers a line with a line.
#pragma once

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {

/// What is run: a program with its arguments, in this process's environment with changes: VARIABLE=VALUE sets one,
/// VARIABLE takes it away.
struct command {
  std::vector<std::string> environment;
  std::vector<std::string> words;
};

/// A child died, was silent for too long, or could not be started. The message holds what it said on standard error.
class process_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The user wants to stop.
class interrupted : public std::exception {};

namespace detail {

inline volatile std::sig_atomic_t stop_asked = 0;

/// Strings as posix_spawn wants them.
class pointers {
 public:
  explicit pointers(std::vector<std::string> strings) : strings_{std::move(strings)} {
    for (std::string& one : strings_) pointers_.push_back(one.data());
    pointers_.push_back(nullptr);
  }
  [[nodiscard]] char* const* data() const { return pointers_.data(); }

 private:
  std::vector<std::string> strings_;
  std::vector<char*> pointers_;
};

/// This process's environment, changed.
inline std::vector<std::string> environment_with(const std::vector<std::string>& settings) {
  const auto name = [](const std::string& setting) { return setting.substr(0, setting.find('=')); };
  std::vector<std::string> all;
  for (const std::string& setting : settings)
    if (setting.find('=') != std::string::npos) all.push_back(setting);
  for (char** inherited = environ; *inherited != nullptr; ++inherited) {
    bool replaced = false;
    for (const std::string& setting : settings) replaced = replaced || name(setting) == name(*inherited);
    if (!replaced) all.emplace_back(*inherited);
  }
  return all;
}

}  // namespace detail

/// From now on Ctrl-C ends a wait for a child by `interrupted`, so that destructors end the children.
inline void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { detail::stop_asked = 1; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

/// A child on one socket, which is its standard input and output. Ends with this object.
class process {
 public:
  process(std::string name, const command& what) : name_{std::move(name)}, errors_{std::tmpfile()} {
    int ends[2];
    if (errors_ == nullptr || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      throw process_error{name_ + ": " + std::strerror(errno)};
    socket_ = ends[0];
    fcntl(fileno(errors_), F_SETFD, FD_CLOEXEC);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, fileno(errors_), STDERR_FILENO);
    const detail::pointers arguments{what.words};
    const detail::pointers environment{detail::environment_with(what.environment)};
    const int failure =
        posix_spawnp(&child_, what.words.front().c_str(), &files, nullptr, arguments.data(), environment.data());
    posix_spawn_file_actions_destroy(&files);
    close(ends[1]);
    if (failure != 0) {
      child_ = -1;
      release();
      throw process_error{name_ + ": cannot run " + what.words.front() + ": " + std::strerror(failure)};
    }
  }
  process(const process&) = delete;
  process& operator=(const process&) = delete;
  ~process() { release(); }

  void write_line(const std::string& line) {
    const std::string text = line + '\n';
    // A child that is gone is found by read_line.
    (void)send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
  }

  std::string read_line(std::chrono::seconds patience) {
    const auto give_up = std::chrono::steady_clock::now() + patience;
    for (std::string line;;) {
      // Short waits, because a signal may come just before one.
      pollfd wanted{socket_, POLLIN, 0};
      const int ready = poll(&wanted, 1, 100);
      if (detail::stop_asked != 0) throw interrupted{};
      if (ready <= 0) {
        if (std::chrono::steady_clock::now() > give_up)
          fail("no answer for " + std::to_string(patience.count()) + " s");
        continue;
      }
      char next = 0;
      if (read(socket_, &next, 1) != 1) fail(how_it_ended());
      if (next == '\n') return line;
      line += next;
    }
  }

  [[noreturn]] void fail(const std::string& reason) const {
    std::string said;
    std::rewind(errors_);
    for (int next = std::fgetc(errors_); next != EOF; next = std::fgetc(errors_)) said += static_cast<char>(next);
    throw process_error{name_ + ": " + reason + (said.empty() ? "" : "; it said:\n" + said)};
  }

 private:
  std::string how_it_ended() {
    int status = 0;
    waitpid(child_, &status, 0);
    child_ = -1;
    return WIFSIGNALED(status) ? std::string{"died of signal "} + strsignal(WTERMSIG(status))
                               : "ended with exit code " + std::to_string(WEXITSTATUS(status));
  }

  void release() {
    close(socket_);
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    std::fclose(errors_);
  }

  std::string name_;
  std::FILE* errors_;
  int socket_ = -1;
  pid_t child_ = -1;
};

}  // namespace bench
