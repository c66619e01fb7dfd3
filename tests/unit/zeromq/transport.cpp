// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "comdml/testing/check_transport.hpp"
#include "fleet.hpp"

using namespace zeromq_test;

TEST_CASE("ZeroMQ endpoints are a sound transport") {
  for (const std::size_t window : {std::size_t{4}, std::size_t{1}}) {
    const auto connect = [&](std::size_t agents, auto check) {
      test_fleet all{agents};
      std::vector<std::unique_ptr<comm::zeromq_endpoint>> lines;
      for (std::uint32_t i = 0; i < agents; ++i) {
        auto how = test_fleet::patient();
        how.window = window;
        lines.push_back(all.start(i, how));
      }
      on_threads(agents, [&](std::uint32_t i) {
        const auto line = std::move(lines[i]);
        if (!line->wait_for_peers(patience).empty()) throw run_error{"agents do not meet"};
        line->restart_clock();
        check(*line);
      });
    };
    testing::check_transport(connect, {.members = window == 1 ? 3U : 7U, .patience = patience});
  }
}
