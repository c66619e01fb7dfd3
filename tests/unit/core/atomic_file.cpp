// SPDX-License-Identifier: BSL-1.0
#include "comdml/core/atomic_file.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <set>
#include <string>
#include <thread>

#include <sys/resource.h>
#include <unistd.h>

#include "../temporary_directory.hpp"

using namespace comdml;

namespace {

std::string content_of(const temporary_directory& directory, const std::string& name) {
  const byte_list bytes = directory.read(name);
  return {bytes.begin(), bytes.end()};
}

std::set<std::string> names_in(const std::filesystem::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{directory})
    names.insert(entry.path().filename().string());
  return names;
}

}  // namespace

TEST_CASE("replace_file makes and replaces files of any content, and leaves nothing else behind") {
  const temporary_directory directory;
  std::string content(100000, 'x');
  content[7] = '\0';
  for (const std::string& wanted : {content, std::string{}, std::string{"short"}}) {
    replace_file(directory.path() / "file", wanted);
    CHECK(content_of(directory, "file") == wanted);
  }
  CHECK(names_in(directory.path()) == std::set<std::string>{"file"});
}

TEST_CASE("replace_file: a symbolic link stays, what it points at is replaced") {
  const temporary_directory directory;
  directory.write("there/file", std::string{"old"});
  std::filesystem::create_symlink("there/file", directory.path() / "link");
  replace_file(directory.path() / "link", "new");
  CHECK(std::filesystem::is_symlink(directory.path() / "link"));
  CHECK(content_of(directory, "there/file") == "new");
  CHECK(names_in(directory.path() / "there") == std::set<std::string>{"file"});
}

TEST_CASE("replace_file: a name left over from a crash is not in the way, and not touched") {
  const temporary_directory directory;
  const std::string left_over = "file." + std::to_string(::getpid()) + "-0.partial";
  directory.write(left_over, std::string{"half"});
  replace_file(directory.path() / "file", "whole");
  CHECK(content_of(directory, "file") == "whole");
  CHECK(content_of(directory, left_over) == "half");
}

TEST_CASE("replace_file: who cannot write is told which file and what to do; the old file stays") {
  const temporary_directory directory;
  directory.write("file", std::string{"old"});
  std::filesystem::create_directory(directory.path() / "folder");
  const auto message = [&](const std::filesystem::path& file) {
    return input_error_of([&] { replace_file(file, "new"); });
  };
  for (const auto& file :
       {directory.path() / "file" / "below", directory.path() / "missing" / "file", directory.path() / "folder",
        directory.path() / std::string(255, 'n'), directory.path() / std::string(300, 'n')}) {
    CAPTURE(file);
    CHECK(contains(message(file), file.string()));
    CHECK(contains(message(file), "remedy: "));
  }
  CHECK(contains(message({}), "remedy: "));
  CHECK(contains(message("/dev/full"), "not a regular file"));
  CHECK(content_of(directory, "file") == "old");
  CHECK(names_in(directory.path()) == std::set<std::string>{"file", "folder"});
}

TEST_CASE("replace_file: a full disk is no fault of the input; the old file stays") {
  const temporary_directory directory;
  directory.write("file", std::string{"old"});
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit usual{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &usual) == 0);
  const rlimit small{1000, usual.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string told;
  try {
    replace_file(directory.path() / "file", std::string(2000, 'x'));
  } catch (const run_error& error) {
    told = error.what();
  }
  setrlimit(RLIMIT_FSIZE, &usual);
  std::signal(SIGXFSZ, before);
  CHECK(contains(told, (directory.path() / "file").string()));
  CHECK(content_of(directory, "file") == "old");
  CHECK(names_in(directory.path()) == std::set<std::string>{"file"});
}

TEST_CASE("replace_file: a reader at any time finds one whole content, never a mixture") {
  const temporary_directory directory;
  const std::string first(50000, 'a'), second(80000, 'b');
  replace_file(directory.path() / "file", first);
  std::atomic<bool> done = false;
  std::size_t mixed = 0, seen = 0;
  std::thread reader{[&] {
    do {
      const std::string found = content_of(directory, "file");
      mixed += found != first && found != second ? 1 : 0;
      ++seen;
    } while (!done);
  }};
  for (int i = 0; i < 50; ++i) replace_file(directory.path() / "file", i % 2 == 0 ? second : first);
  done = true;
  reader.join();
  CHECK(mixed == 0);
  CHECK(seen > 0);
}
