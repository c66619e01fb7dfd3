// SPDX-License-Identifier: BSL-1.0
/// \file
/// The choice of an instruction set.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "comdml/core/errors.hpp"
#include "comdml/kernels/kernels.hpp"

namespace kernels = comdml::kernels;

TEST_CASE("every processor has the baseline, and it comes last") {
  REQUIRE_FALSE(kernels::supported_sets().empty());
  CHECK(kernels::supported_sets().back().name == "baseline");
  for (const kernels::named_set& set : kernels::supported_sets()) CHECK(set.set != nullptr);
}

TEST_CASE("each set is taken by its name, the fastest without one") {
  for (const kernels::named_set& set : kernels::supported_sets())
    CHECK(&kernels::choose_set(std::string{set.name}.c_str()) == &set);
  CHECK(&kernels::choose_set(nullptr) == &kernels::supported_sets().front());
  CHECK(&kernels::choose_set("") == &kernels::supported_sets().front());
}

TEST_CASE("the active set is the one that the environment names") {
  CHECK(&kernels::active_set() == &kernels::choose_set(std::getenv("COMDML_ISA")));
}

TEST_CASE("an unknown set is refused with the variable, the name and those that there are") {
  for (const char* wanted : {"avx1024", "AVX2", "baseline ", "base"}) {
    CAPTURE(wanted);
    try {
      (void)kernels::choose_set(wanted);
      FAIL("taken");
    } catch (const comdml::input_error& error) {
      CHECK(error.where().find("COMDML_ISA") != std::string::npos);
      CHECK(std::string_view{error.what()}.find('"' + std::string{wanted} + '"') != std::string_view::npos);
      for (const kernels::named_set& set : kernels::supported_sets())
        CHECK(error.remedy().find(set.name) != std::string::npos);
    }
  }
}
