// SPDX-License-Identifier: BSL-1.0
#include "comdml/comm/zeromq_keys.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include <sys/stat.h>

#include "../temporary_directory.hpp"
#include "comdml/comm/zeromq.hpp"

using namespace comdml;

TEST_CASE("keys are new each time, and come back from their file, which only its owner can read") {
  const temporary_directory folder;
  const auto file = folder.path() / "agent.key";
  const comm::curve_keys keys = comm::make_keys();
  CHECK(keys.public_key() != comm::make_keys().public_key());
  const ::mode_t before = ::umask(0);
  comm::write_keys(file, keys);
  ::umask(before);
  struct ::stat about {};
  REQUIRE(::stat(file.c_str(), &about) == 0);
  CHECK((about.st_mode & 07777U) == 0600U);
  const comm::curve_keys again = comm::read_keys(file);
  CHECK(again.public_key() == keys.public_key());
  CHECK((again.secret_key() == keys.secret_key()));  // never printed

  SUBCASE("it is never replaced") {
    CHECK(contains(input_error_of([&] { comm::write_keys(file, keys); }), "never replaced"));
  }
  SUBCASE("it is refused once others may use it") {
    for (const ::mode_t mode : {0640U, 0604U, 0620U, 0610U}) {
      REQUIRE(::chmod(file.c_str(), mode) == 0);
      CHECK(contains(input_error_of([&] { (void)comm::read_keys(file); }), "chmod 600"));
    }
  }
}

TEST_CASE("what is no key file is refused, without showing what is in it") {
  const temporary_directory folder;
  const std::string half = "public = \"" + comm::make_keys().public_key() + "\"\n";
  for (const std::string& content : {std::string{}, std::string{"hunter2"}, half, half + "secret = \"hunter2\"\n",
                                     half + "secret = " + std::string(40, 'x') + "\n", std::string(100'000, 'x')}) {
    const auto file = folder.write("bad.key", content);
    REQUIRE(::chmod(file.c_str(), 0600) == 0);
    const std::string error = input_error_of([&] { (void)comm::read_keys(file); });
    CHECK(contains(error, "holds no keys"));
    CHECK_FALSE(contains(error, "hunter2"));
  }
  CHECK(contains(input_error_of([&] { (void)comm::read_keys(folder.path() / "none"); }), "keygen"));
  CHECK(contains(input_error_of([&] { (void)comm::read_keys(folder.path()); }), "regular"));
}

TEST_CASE("an endpoint refuses keys that are none, keys that are used twice, and addresses that it cannot have") {
  const comm::curve_keys keys = comm::make_keys();
  comm::zeromq_options options{.self = agent_id{0}, .keys = keys, .bind = "tcp://127.0.0.1:*"};
  options.peers = {{agent_id{1}, "no key"}};
  const auto start = [&] { comm::zeromq_endpoint{{}, options}; };
  CHECK(contains(input_error_of(start), "not a public key"));
  const std::string one = comm::make_keys().public_key();
  options.peers = {{agent_id{1}, one}, {agent_id{2}, one}};
  CHECK(contains(input_error_of(start), "same key"));
  options.peers.clear();
  options.bind = "tcp://203.0.113.7:1";
  CHECK(contains(input_error_of(start), "cannot be bound"));
}
