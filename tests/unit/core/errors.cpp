// SPDX-License-Identifier: BSL-1.0
#include "comdml/core/errors.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <type_traits>

using namespace comdml;

// A bug, the user's input and a failed run are three kinds: none is caught as another.
static_assert(!std::is_base_of_v<std::runtime_error, contract_error> &&
              !std::is_base_of_v<std::logic_error, input_error>);
static_assert(!std::is_base_of_v<input_error, run_error> && !std::is_base_of_v<run_error, input_error>);

TEST_CASE("a broken contract tells the place, the condition and the values") {
  const int agents = 3;
  std::string message;
  try {
    COMDML_REQUIRE(agents > 5, "there are ", agents, " agents");
  } catch (const contract_error& error) {
    message = error.what();
  }
  CHECK(message.find("errors.cpp:") != std::string::npos);
  CHECK(message.find("requires agents > 5") != std::string::npos);
  CHECK(message.find("there are 3 agents") != std::string::npos);
}

TEST_CASE("a kept contract costs no evaluation of its message") {
  int evaluations = 0;
  const auto explain = [&] { return ++evaluations; };
  CHECK_NOTHROW([&] { COMDML_REQUIRE(true, explain()); }());
  CHECK(evaluations == 0);
}

TEST_CASE("COMDML_REQUIRE is one statement") {
  const auto f = [](bool outer, bool inner) {
    if (outer)
      COMDML_REQUIRE(inner, "inner");
    else
      return 1;
    return 2;
  };
  CHECK(f(false, false) == 1);
  CHECK(f(true, true) == 2);
  CHECK_THROWS_AS(f(true, false), contract_error);
}

TEST_CASE("an input error tells where, what, and the remedy") {
  const input_error error{"train.bin, offset 12", "label 11 of 10 classes", "download the file again"};
  const std::string message = error.what();
  CHECK(message.find("train.bin, offset 12: label 11 of 10 classes") != std::string::npos);
  CHECK(message.find("remedy: download the file again") != std::string::npos);
  CHECK(error.where() == "train.bin, offset 12");
  CHECK(error.remedy() == "download the file again");
}

TEST_CASE("text streams its arguments") { CHECK(text("a", 1, ' ', 2.5) == "a1 2.5"); }
