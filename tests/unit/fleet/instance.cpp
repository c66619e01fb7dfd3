// SPDX-License-Identifier: BSL-1.0
#include "comdml/fleet/instance.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

using namespace comdml;

namespace {

fleet::split_profile two_cuts() {
  return {
      .model = "m",
      .batch = 100,
      .speed = {},
      .splits = {
          {.point = split_point{5}, .slow_share = .8, .fast_share = .3, .wire = bytes_per_batch{1e6}, .fast_side = {}},
          {.point = split_point{2},
           .slow_share = .4,
           .fast_share = .7,
           .wire = bytes_per_batch{2e6},
           .fast_side = {}}}};
}

fleet::instance two_agents() {
  return {{{batches_per_second{1}, batches{10}}, {batches_per_second{2}, batches{5}}}, link_matrix{2}, two_cuts()};
}

}  // namespace

TEST_CASE("a profile with repeated cuts or with impossible numbers is refused, naming place and entry") {
  CHECK_NOTHROW(fleet::validate(two_cuts()));
  CHECK_NOTHROW(fleet::validate({.model = "", .batch = 1, .speed = {}, .splits = {}}));
  auto codecs = two_cuts();
  codecs.splits[1].point = split_point{5};
  codecs.splits[1].codec = "int8";
  CHECK_NOTHROW(fleet::validate(codecs));

  auto other_order = two_cuts();  // as made elsewhere
  other_order.splits[1].point = split_point{6};
  CHECK_NOTHROW(fleet::validate(other_order));

  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::function<void(fleet::split_profile&)>> harms{
      [](auto& p) { p.batch = 0; },
      [](auto& p) { p.speed = batches_per_second{-1}; },
      [](auto& p) { p.splits[1].point = split_point{0}; },
      [](auto& p) { p.splits[1].point = split_point{5}; },
      [](auto& p) { p.splits[1].slow_share = -.1; },
      [=](auto& p) { p.splits[1].fast_share = nan; },
      [](auto& p) { p.splits[1].wire = bytes_per_batch::infinity(); },
      [](auto& p) { p.splits[1].fast_side = bytes{-1}; },
  };
  for (std::size_t i = 0; i < harms.size(); ++i) {
    CAPTURE(i);
    auto profile = two_cuts();
    harms[i](profile);
    CHECK_THROWS_AS(fleet::validate(profile), input_error);
    try {
      fleet::validate(profile, "profile.json");
    } catch (const input_error& error) {
      CHECK(error.where() == "profile.json");
      if (i >= 2) CHECK(std::string{error.what()}.find("entry 1") != std::string::npos);
    }
  }
}

TEST_CASE("agents build the same instance from the integers they exchange") {
  const std::vector<fleet::status> statuses{fleet::make_status(batches_per_second{.2}, 120),
                                            fleet::make_status(batches_per_second{1.0 / 3}, 1000)};
  CHECK(statuses[0] == fleet::status{.micro_batches_per_second = 200000, .images = 120});
  CHECK(statuses[1].micro_batches_per_second == 333333);
  CHECK(statuses[1].memory == fleet::status::unlimited);
  const auto limited = fleet::make_status(batches_per_second{1}, 100, megabytes(1.5));
  CHECK(limited.memory == 1500000);
  CHECK(fleet::make_instance(std::vector{limited}, 100, link_matrix{1}, two_cuts()).agents[0].memory == megabytes(1.5));
  const auto fleet = fleet::make_instance(statuses, 100, link_matrix{2}, two_cuts());
  CHECK(fleet.agents[0] == fleet::instance::agent{batches_per_second{.2}, batches{1.2}});
  CHECK(fleet.agents[1] == fleet::instance::agent{batches_per_second{.333333}, batches{10}});
  CHECK(fleet.agents[0].memory == bytes::infinity());
  CHECK(fleet.profile == two_cuts());
}

TEST_CASE("impossible statuses, links and profiles are refused") {
  const fleet::status good{.micro_batches_per_second = 1000000, .images = 100};
  const auto make = [](std::vector<fleet::status> statuses, std::size_t batch, std::size_t linked) {
    (void)fleet::make_instance(statuses, batch, link_matrix{linked}, two_cuts());
  };
  CHECK_NOTHROW(make({good, good}, 100, 2));
  CHECK_THROWS_AS(make({good, {.micro_batches_per_second = 0, .images = 1}}, 100, 2), run_error);
  CHECK_THROWS_WITH_AS(make({good, {.micro_batches_per_second = 5, .images = -1}}, 100, 2),
                       doctest::Contains("agent 1"), run_error);
  CHECK_THROWS_AS(make({good, {.micro_batches_per_second = 5, .images = 1, .memory = -1}}, 100, 2), run_error);
  CHECK_THROWS_AS(make({good, good}, 0, 2), contract_error);
  CHECK_THROWS_WITH_AS(make({good, good}, 50, 2), doctest::Contains("batches of 100 images, not 50"), input_error);
  CHECK_THROWS_AS(make({good, good}, 100, 3), contract_error);
  CHECK_THROWS_AS(make({}, 100, 0), contract_error);
  CHECK_THROWS_AS((void)fleet::make_status(batches_per_second{1e-9}, 1), contract_error);
  CHECK_THROWS_AS((void)fleet::make_status(batches_per_second::infinity(), 1), contract_error);
}

TEST_CASE("an instance with impossible numbers is refused") {
  CHECK_NOTHROW(fleet::validate(two_agents()));
  const std::vector<std::function<void(fleet::instance&)>> harms{
      [](auto& f) { f.agents[0].speed = {}; },
      [](auto& f) { f.agents[1].work = batches{-1}; },
      [](auto& f) { f.agents[1].work = batches::infinity(); },
      [](auto& f) { f.agents[1].memory = bytes{-1}; },
      [](auto& f) { f.agents.pop_back(); },
      [](auto& f) { f.links.set(agent_id{0}, agent_id{1}, {.rate = bits_per_second{-1}, .latency = {}}); },
      [](auto& f) {
        f.links.set(agent_id{0}, agent_id{1}, {.rate = bits_per_second{1}, .latency = seconds::infinity()});
      },
  };
  for (const auto& harm : harms) {
    auto fleet = two_agents();
    harm(fleet);
    CHECK_THROWS_AS(fleet::validate(fleet), contract_error);
  }
}
