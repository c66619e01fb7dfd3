// SPDX-License-Identifier: BSL-1.0
/// \file
/// Runs the program in a process of its own.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace support {

namespace fs = std::filesystem;
using json = nlohmann::json;

inline std::string content(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

inline void write(const fs::path& file, const std::string& bytes) {
  std::ofstream out{file, std::ios::binary};
  out << bytes;
}

inline std::vector<std::string> lines(const std::string& whole) {
  std::vector<std::string> found;
  std::istringstream in{whole};
  for (std::string line; std::getline(in, line);) found.push_back(line);
  return found;
}

inline bool contains(const std::string& whole, const std::string& part) {
  return whole.find(part) != std::string::npos;
}

/// A directory that goes away with the test.
class scratch {
 public:
  scratch() {
    std::string name = (fs::temp_directory_path() / "comdml-program-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;

  [[nodiscard]] fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

struct ending {
  int code = -1;  ///< 128 + signal where a signal killed it
  long peak = 0;  ///< of its memory, in KiB
  std::string out{};
  std::string error{};

  /// The object that --json printed last.
  [[nodiscard]] json result() const {
    INFO(error);
    REQUIRE_FALSE(lines(out).empty());
    return json::parse(lines(out).back());
  }
};

/// The program at work.
class process {
 public:
  explicit process(const std::vector<std::string>& arguments, std::string program = COMDML_PROGRAM) {
    const std::string out = (files_ / "out").string();
    const std::string error = (files_ / "error").string();
    std::vector<char*> argv;
    argv.push_back(program.data());
    std::vector<std::string> copies = arguments;
    for (std::string& argument : copies) argv.push_back(argument.data());
    argv.push_back(nullptr);
    id_ = fork();
    REQUIRE(id_ >= 0);
    if (id_ > 0) return;
    dup2(open(out.c_str(), O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
    dup2(open(error.c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }

  [[nodiscard]] pid_t id() const { return id_; }
  void signal(int number) const { kill(id_, number); }

  /// What it has said on standard error so far.
  [[nodiscard]] std::string told() const { return content(files_ / "error"); }
  /// Waits until it has said that on standard error; false if it ended before, or after two minutes.
  [[nodiscard]] bool wait_until_told(const std::string& what) {
    for (int tries = 0; tries < 12'000; ++tries) {
      const bool over = ended();
      if (contains(told(), what)) return true;
      if (over) break;
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return false;
  }

  /// Waits until `file` has `count` lines; false if the program ended before, or after two minutes.
  [[nodiscard]] bool wait_for_lines(const fs::path& file, std::size_t count) {
    for (int tries = 0; tries < 12'000 && !ended(); ++tries) {
      if (lines(content(file)).size() >= count) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return false;
  }

  /// Waits until it has said on standard error what it trains on.
  [[nodiscard]] bool wait_for_start() { return wait_for_told(1); }
  /// Waits until it has said so many lines on standard error.
  [[nodiscard]] bool wait_for_told(std::size_t count) { return wait_for_lines(files_ / "error", count); }

  /// What a test that failed leaves behind must not run on.
  ~process() {
    if (id_ <= 0 || ended()) return;
    kill(id_, SIGKILL);
    wait4(id_, &status_, 0, &used_);
  }
  process(const process&) = delete;
  process& operator=(const process&) = delete;

  [[nodiscard]] ending wait() {
    if (!ended_) wait4(id_, &status_, 0, &used_);
    ended_ = true;
    return {WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_), used_.ru_maxrss,
            content(files_ / "out"), content(files_ / "error")};
  }

 private:
  bool ended() {
    if (!ended_) ended_ = wait4(id_, &status_, WNOHANG, &used_) == id_;
    return ended_;
  }

  scratch files_;
  pid_t id_ = -1;
  int status_ = 0;
  rusage used_{};
  bool ended_ = false;
};

inline ending run(const std::vector<std::string>& arguments) { return process{arguments}.wait(); }

/// Runs a script of the shell, in which "$0" is the program.
inline ending shell(const std::string& script) { return process{{"-c", script, COMDML_PROGRAM}, "/bin/sh"}.wait(); }

/// The folder of a data set in COMDML_TEST_DATA; empty, and said so, where it is not.
inline fs::path data(const std::string& name) {
  const char* const root = std::getenv("COMDML_TEST_DATA");
  if (root == nullptr || !fs::is_directory(fs::path{root} / name)) {
    MESSAGE("skipped: COMDML_TEST_DATA has no ", name);
    return {};
  }
  return fs::path{root} / name;
}

inline void big_endian(std::string& bytes, unsigned value) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
}

/// IDX images, all gray.
inline std::string idx_images(unsigned magic, unsigned count) {
  std::string bytes;
  for (const unsigned word : {magic, count, 28u, 28u}) big_endian(bytes, word);
  return bytes + std::string(count * 784, '\x80');
}

inline std::string idx_labels(unsigned count) {
  std::string bytes;
  for (const unsigned word : {2049u, count}) big_endian(bytes, word);
  for (unsigned i = 0; i < count; ++i) bytes += static_cast<char>(i % 10);
  return bytes;
}

/// A directory in MNIST's layout, with so many images to train on, and 40 to test with.
inline void write_mnist(const fs::path& directory, unsigned training) {
  fs::create_directories(directory);
  const auto write_part = [&](const std::string& part, unsigned images) {
    write(directory / (part + "-images-idx3-ubyte"), idx_images(2051, images));
    write(directory / (part + "-labels-idx1-ubyte"), idx_labels(images));
  };
  write_part("train", training);
  write_part("t10k", 40);
}

/// A short training run with more options.
inline std::vector<std::string> quick(const std::vector<std::string>& more) {
  std::vector<std::string> all{"train", "--train-limit", "200", "--test-limit", "80", "--rounds", "2", "--json"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace support
