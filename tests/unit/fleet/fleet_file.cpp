// SPDX-License-Identifier: BSL-1.0
/// \file
/// Fleet files: what they say, and every way to be unusable, with the line and the remedy.
#include "comdml/fleet/fleet_file.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "../temporary_directory.hpp"

using namespace comdml;

namespace {

const std::string two_agents = "[[agent]]\nbatches_per_second = 1\n[[agent]]\nbatches_per_second = 2\n";  // 4 lines

double megabits(const fleet::listed_fleet& fleet, std::uint32_t from, std::uint32_t to) {
  return fleet.links(agent_id{from}, agent_id{to}).rate.value() / 1e6;
}
double milliseconds(const fleet::listed_fleet& fleet, std::uint32_t from, std::uint32_t to) {
  return fleet.links(agent_id{from}, agent_id{to}).latency.value() * 1e3;
}

/// The message of the input_error that reading this text ends in; empty if it is accepted.
std::string complaint(const std::string& toml, batches_per_second one_thread = {}) {
  try {
    static_cast<void>(fleet::parse_fleet(toml, "fleet.toml", one_thread));
  } catch (const input_error& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("a fleet file says what each agent and each link is") {
  const auto fleet = fleet::parse_fleet(R"(# a fleet
[[agent]]
batches_per_second = 1.6
batches = 50
[[agent]]
cpus = 2
batches = 12.5
memory_mb = 512
[[agent]]
batches_per_second = 3
[[link]]
between = [0, 1]
mbps = 50
latency_ms = 5
[[link]]
from = 2.0
to = 0
mbps = 0.5
[defaults]
mbps = 10
)",
                                        "fleet.toml", batches_per_second{0.75});
  REQUIRE(fleet.agents.size() == 3);
  CHECK(fleet.agents[0] == fleet::listed_agent{batches_per_second{1.6}, batches{50}, {}, 2});
  CHECK(fleet.agents[1] == fleet::listed_agent{batches_per_second{1.5}, batches{12.5}, bytes{512e6}, 5});
  CHECK(fleet.agents[2] == fleet::listed_agent{batches_per_second{3}, {}, {}, 9});
  CHECK(fleet.place(1) == "fleet.toml, line 5");
  CHECK(megabits(fleet, 0, 1) == 50);
  CHECK(megabits(fleet, 1, 0) == 50);
  CHECK(milliseconds(fleet, 0, 1) == 5);
  CHECK(milliseconds(fleet, 1, 0) == 5);
  CHECK(megabits(fleet, 2, 0) == 0.5);
  CHECK(megabits(fleet, 0, 2) == 10);
  CHECK(milliseconds(fleet, 0, 2) == 0);
  CHECK(megabits(fleet, 1, 2) == 10);
  for (const std::uint32_t i : {0u, 1u, 2u}) CHECK(megabits(fleet, i, i) == 0);
}

TEST_CASE("a link that nothing names is not there, and a later link replaces an earlier one") {
  CHECK(megabits(fleet::parse_fleet(two_agents, ""), 0, 1) == 0);
  CHECK(megabits(fleet::parse_fleet(two_agents + "[defaults]\nmbps = 0\n", ""), 0, 1) == 0);
  CHECK(megabits(fleet::parse_fleet(two_agents + "[defaults]\n", ""), 0, 1) == 0);
  const std::string first = two_agents + "[[link]]\nbetween = [0, 1]\nmbps = 5\nlatency_ms = 3\n";
  const auto again = fleet::parse_fleet(first + "[[link]]\nbetween = [1, 0]\nmbps = 6\n", "");
  CHECK(megabits(again, 0, 1) == 6);
  CHECK(milliseconds(again, 0, 1) == 0);  // all of it
  const auto one_way = fleet::parse_fleet(first + "[[link]]\nfrom = 1\nto = 0\nmbps = 7\n", "");
  CHECK(megabits(one_way, 1, 0) == 7);
  CHECK(megabits(one_way, 0, 1) == 5);
  const auto cut = fleet::parse_fleet(first + "[[link]]\nfrom = 1\nto = 0\nmbps = 0\n[defaults]\nmbps = 9\n", "");
  CHECK(megabits(cut, 1, 0) == 0);  // not the default
}

TEST_CASE("what is wrong is told with its line and the remedy") {
  const std::string agent = "[[agent]]\n";
  const std::string link = two_agents + "[[link]]\n";
  struct fault {
    std::string toml, line, told;
  };
  for (const fault& one : {
           fault{"", "line 1", "no agents"},
           fault{"[defaults]\nmbps = 1\n", "line 1", "no agents"},
           fault{"agents = 3\n", "line 1", "unknown key \"agents\""},
           fault{"agent = 3\n", "line 1", "[[agent]]"},
           fault{"agent = [3]\n", "line 1", "[[agent]]"},
           fault{agent, "line 1", "no speed"},
           fault{agent + "speed = 3\n", "line 2", "unknown key \"speed\""},
           fault{agent + "batches_per_second = -3\n", "line 2", "batches_per_second = -3"},
           fault{agent + "batches_per_second = 0\n", "line 2", "batches_per_second = 0"},
           fault{agent + "batches_per_second = nan\n", "line 2", "batches_per_second = nan"},
           fault{agent + "batches_per_second = inf\n", "line 2", "batches_per_second = inf"},
           fault{agent + "batches_per_second = \"2\"\n", "line 2", "not a number"},
           fault{agent + "batches_per_second = true\n", "line 2", "not a number"},
           fault{agent + "batches_per_second = 1\n\ncpus = 2\n", "line 4", "give one of them"},
           fault{agent + "cpus = 2\n", "line 2", "comdml profile"},
           fault{two_agents + "batches = -1\n", "line 5", "batches = -1"},
           fault{two_agents + "batches = nan\n", "line 5", "batches = nan"},
           fault{two_agents + "memory_mb = -1\n", "line 5", "memory_mb = -1"},
           fault{link, "line 5", "which agents"},
           fault{link + "between = [0, 1]\n", "line 5", "no rate"},
           fault{link + "between = [0, 2]\nmbps = 1\n", "line 6", "agent 2, which is missing"},
           fault{link + "from = 0\nto = 17\nmbps = 1\n", "line 7", "agent 17, which is missing"},
           fault{link + "between = [1, 1]\nmbps = 1\n", "line 6", "agent 1 to itself"},
           fault{link + "from = 0\nto = 0\nmbps = 1\n", "line 7", "agent 0 to itself"},
           fault{link + "from = 0\nmbps = 1\n", "line 5", "which agents"},
           fault{link + "between = [0, 1]\nfrom = 0\nmbps = 1\n", "line 6", "both ways"},
           fault{link + "between = [0, 1, 2]\nmbps = 1\n", "line 6", "two agents"},
           fault{link + "between = 1\nmbps = 1\n", "line 6", "two agents"},
           fault{link + "between = [0, -1]\nmbps = 1\n", "line 6", "between = -1"},
           fault{link + "between = [0, 0.5]\nmbps = 1\n", "line 6", "whole number"},
           fault{link + "between = [0, \"1\"]\nmbps = 1\n", "line 6", "not a number"},
           fault{link + "between = [0, 1]\nmbps = -1\n", "line 7", "mbps = -1"},
           fault{link + "between = [0, 1]\nmbps = nan\n", "line 7", "mbps = nan"},
           fault{link + "between = [0, 1]\nmbps = 1\nlatency_ms = -1\n", "line 8", "latency_ms = -1"},
           fault{link + "between = [0, 1]\nmbps = 1\nlatency = 1\n", "line 8", "unknown key \"latency\""},
           fault{two_agents + "[link]\nbetween = [0, 1]\nmbps = 1\n", "line 5", "[[link]]"},
           fault{two_agents + "[defaults]\nlatency = 1\n", "line 6", "unknown key \"latency\""},
           fault{two_agents + "[defaults]\nmbps = \"1\"\n", "line 6", "not a number"},
           fault{two_agents + "[[defaults]]\nmbps = 1\n", "line 5", "[defaults]"},
           fault{two_agents + "mbps = = 2\n", "line 5", "remedy"},
       }) {
    const std::string message = complaint(one.toml);
    CAPTURE(one.toml);
    CAPTURE(message);
    CHECK(contains(message, "fleet.toml, " + one.line));
    CHECK_FALSE(contains(message, one.line + "0"));
    CHECK(contains(message, one.told));
    CHECK(contains(message, "remedy"));
  }
  CHECK(complaint(agent + "cpus = 2\n", batches_per_second{1}).empty());
  CHECK(contains(complaint(agent + "cpus = 1e-3\n", batches_per_second{1e-6}), "line 2"));
}

TEST_CASE("files") {
  const temporary_directory files;
  CHECK_THROWS_AS(static_cast<void>(fleet::read_fleet(files.path() / "none.toml")), input_error);
  CHECK_THROWS_AS(static_cast<void>(fleet::read_fleet(files.path())), input_error);
  const auto file = files.path() / "fleet.toml";
  std::ofstream{file} << two_agents;
  CHECK(fleet::read_fleet(file).agents.size() == 2);
  std::ofstream{file} << two_agents << "[[link]]\n";
  CHECK_THROWS_WITH_AS(static_cast<void>(fleet::read_fleet(file)),
                       doctest::Contains((file.string() + ", line 5").c_str()), input_error);
}
