// SPDX-License-Identifier: BSL-1.0
/// \file
/// A helper whose guest sends much faster than it trains: its memory stays within what the fleet's file grants.
#include "agents_support.hpp"

using namespace support;

namespace {

/// Peak of agent 0, in MB, on a tenth of a core; agent 1 has all that is left.
double peak_of_helper(const std::string& train) {
  agent_fleet fleet{2, train};
  fleet.tell_otherwise(0, train + "[emulate]\nshare = 0.1\n");
  fleet.start_all();
  const ending helper = fleet[0].wait();
  const ending guest = fleet[1].wait();
  INFO(helper.error);
  INFO(guest.error);
  REQUIRE(helper.code == 0);
  REQUIRE(guest.code == 0);
  const bool helped = contains(train, "greedy");
  CHECK(contains(helper.error, "pairs 1>0@") == helped);
  return static_cast<double>(helper.peak) * 1024 / 1e6;
}

}  // namespace

TEST_CASE("a helper on a tenth of its guest's speed spares no more memory for it than it may") {
  const fs::path images = data("mnist");
  if (images.empty() || !has_agents()) return;
  const scratch files;
  const double granted = 25;  // MB; what is sent in a round is four times as much
  write(files / "fleet.toml",
        "[[agent]]\nbatches_per_second = 100\nmemory_mb = 25\n[[agent]]\nbatches_per_second = 10\n"
        "[defaults]\nmbps = 100000\n");
  const std::string train = "rounds = 1\ndataset = \"mnist\"\ndata-dir = \"" + images.string() + "\"\nfleet = \"" +
                            (files / "fleet.toml").string() + "\"\ntrain-limit = 4000\ntest-limit = 100\n" +
                            "batch = 50\nmodel = \"resnet8\"\n";
  const double alone = peak_of_helper(train + "pairing = \"none\"\n");
  const double helping = peak_of_helper(train + "pairing = \"greedy\"\n");
  CAPTURE(alone);
  CAPTURE(helping);
  CHECK(helping - alone < granted);
}
