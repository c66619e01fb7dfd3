// expects: reduced +[0-9.]+ s, bound +[0-9.]+ s, optimal.*paper +[0-9.]+ s, bound
// One new idea: an independent proof. The integer program of the paper, solved by GLPK (GNU GPL, version 3; link
// comdml::milp), on the instance that `bottleneck` solves exactly.
#include <cstdio>

#include "comdml/comdml.hpp"
#include "comdml/pairing/milp.hpp"
#include "comdml/testing/published_fleet.hpp"

int main() {
  namespace pairing = comdml::pairing;
  const auto fleet = comdml::testing::published_fleet({.agents = 10, .seed = 4});
  const auto show = [](const char* name, const pairing::milp_result& result) {
    std::printf("%-10s %6.1f s, bound %6.1f s, %s\n", name, result.plan.makespan.value(), result.bound.value(),
                result.optimal ? "optimal" : "not proved in time");
  };
  show("reduced", pairing::milp<>{}.solve(fleet));
  show("paper", pairing::milp<>{.form = pairing::milp_form::paper, .time_limit = comdml::seconds{10}}.solve(fleet));
}
