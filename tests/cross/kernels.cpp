// SPDX-License-Identifier: BSL-1.0
/// \file
/// The kernels of every set beside plain loops, in a program of its own that needs nothing but their headers: for
/// processors and compilers that the tests do not run on. Prints the worst errors; `kernels [problems] [most work]`.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "../unit/kernels/twin.hpp"

int main(int count, char** arguments) {
  using namespace kernel_test;
  const std::size_t problems = count > 1 ? std::stoul(arguments[1]) : 300;
  const std::size_t most_work = count > 2 ? std::stoul(arguments[2]) : 100'000;  // multiply-adds of one problem
  std::map<std::pair<std::string_view, std::string_view>, findings> worst;
  bool good = true;
  compare(odd_problems(problems, most_work, 1),
          [&](const problem& one, const kernels::named_set& set, algorithm how, const findings& found) {
            const std::string_view name = algorithm_names[static_cast<std::size_t>(how)];
            worst[{set.name, name}].join(found);
            if (found.within(bounds(how))) return;
            good = false;
            std::cout << "WRONG: " << one.text() << ": " << set.name << ", " << name << ": " << found.text() << '\n';
          });
  for (const auto& [key, found] : worst) std::cout << key.first << ", " << key.second << ": " << found.text() << '\n';
  return good ? 0 : 1;
}
