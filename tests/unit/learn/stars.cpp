// SPDX-License-Identifier: BSL-1.0
/// \file
/// Helpers of several guests, and activations that travel by the codec that the plan names.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "support.hpp"

namespace {

using namespace support;

struct star_job : job {
  using auxiliary_head = split::pool_linear;
  using pairing = always_pair;
};

/// Agents 1, 2, ... are guests of agent 0.
learn::settings<star_job> star_of(std::size_t guests, std::size_t rounds = 2) {
  auto how = quick<star_job>(rounds);
  how.pairing.pairs.clear();
  for (std::uint32_t i = 1; i <= guests; ++i) how.pairing.pairs.push_back({i, 0});
  return how;
}

/// The same numbers as the analytic profile, but for another codec.
fleet::split_profile profile_by(const comm::wire_codec& codec) {
  const auto how = star_of(1);
  const star_job::model net{digits().train.shape(), digits().train.classes()};
  return split::analytic_profile(net, how.auxiliary_head, how.cuts, how.batch, "", codec);
}

/// Sends signs only.
struct signs {
  static constexpr const char* name = "signs";
  static std::size_t encoded_size(std::size_t count, std::size_t) { return count; }
  static void encode(std::span<const float> values, std::size_t, std::span<std::byte> out) {
    for (std::size_t i = 0; i < values.size(); ++i) out[i] = std::byte{values[i] > 0};
  }
  static void decode(std::span<const std::byte> in, std::size_t, std::span<float> values) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = in[i] == std::byte{} ? 0 : 1;
  }
};
struct signs_job : star_job {
  using wire = signs;
};

}  // namespace

TEST_CASE("a helper of three guests: the same weights for any order in which their activations arrive") {
  const auto how = star_of(3);
  const auto once = train(how, unlike(5));
  REQUIRE(once.rounds.back().plan.pairs.size() == 3);
  CHECK(once.rounds.back().plan.alone == std::vector{agent_id{4}});
  // Links and speeds turned around: other guests come first, and come while the helper is at its own work.
  for (const double slow_link : {0.3, 3.0, 300.0}) {
    auto other = unlike(5, slow_link);
    other.links.set_both(agent_id{0}, agent_id{3}, {.rate = megabits_per_second(1000), .latency = {}});
    other.agents[0].speed = batches_per_second{slow_link};
    other.agents[3].speed = batches_per_second{10};
    CHECK(train(how, other).state == once.state);
  }
  for (const std::size_t threads : {1U, 4U}) {
    const auto again = train(how, unlike(5), threads);
    CHECK(again.state == once.state);
    CHECK(again.rounds.back().elapsed == once.rounds.back().elapsed);
  }
  // The order in which a policy names the pairs does not matter either.
  auto backward = how;
  std::ranges::reverse(backward.pairing.pairs);
  CHECK(train(backward, unlike(5)).state == once.state);
}

TEST_CASE("every guest of a star gets what it would get from a helper of its own") {
  // Three guests of one helper, or of three: the same tails, and the same sum but for the order of its terms.
  const auto star = train(star_of(3, 1), unlike(6));
  auto apart = star_of(0, 1);
  apart.pairing.pairs = {{1, 0}, {2, 4}, {3, 5}};
  const auto pairs = train(apart, unlike(6));
  REQUIRE(pairs.rounds.back().plan.pairs.size() == 3);
  CHECK(star.rounds.back().train_loss == pairs.rounds.back().train_loss);
  CHECK(star.rounds.back().activation_bytes == pairs.rounds.back().activation_bytes);
  double worst = 0;
  for (std::size_t i = 0; i < star.state.parameters.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(star.state.parameters[i] - pairs.state.parameters[i])));
  CHECK(worst < 1e-6);
  CHECK_FALSE(star.state == train(star_of(2, 1), unlike(6)).state);  // so the comparison can fail
}

TEST_CASE("a star takes what its cost says, within a batch of each") {
  const auto past = train(star_of(2, 1), unlike(3));
  const auto& report = past.rounds.back();
  REQUIRE(report.plan.pairs.size() == 2);
  const double planned = report.plan.makespan.value();
  const double own_batch = 7.0 / 4;  // of the slowest agent
  CHECK(report.elapsed.value() > planned);
  CHECK(report.elapsed.value() < planned + 2 * own_batch + 0.5);
}

TEST_CASE("agents tell what memory they can spare, and an agent that has none to spare helps nobody") {
  auto fleet = unlike(3);
  CHECK(train(quick<job>(1), fleet).rounds.back().plan.pairs.size() == 1);
  fleet.agents[0].memory = bytes{0};
  const auto past = train(quick<job>(1), fleet);
  for (const auto& pair : past.rounds.back().plan.pairs) CHECK(pair.fast != agent_id{0});
  for (auto& agent : fleet.agents) agent.memory = bytes{1000};
  CHECK(train(quick<job>(1), fleet).rounds.back().plan.pairs.empty());
}

TEST_CASE("a policy that replans is given the plan of the round before") {
  /// Another agent is helped in every round.
  struct turns : always_pair {
    pairing::plan replan(const fleet::instance& fleet, const pairing::plan& last) const {
      const std::uint32_t slow = 1 + last.pairs.front().slow.value % 3;
      return always_pair{.pairs = {{slow, 0}}, .cut = cut}.plan(fleet);
    }
  };
  struct turns_job : job {
    using pairing = turns;
  };
  const auto past = train(quick<turns_job>(5), unlike(4));
  std::vector<std::uint32_t> helped;
  for (const auto& report : past.rounds) helped.push_back(report.plan.pairs.front().slow.value);
  CHECK(helped == std::vector<std::uint32_t>{1, 2, 3, 1, 2});
}

TEST_CASE("activations travel by the codec of the plan") {
  auto how = star_of(1, 2);
  const auto by = [&](const comm::wire_codec& codec) {
    how.profile = profile_by(codec);
    return train(how, unlike(2));
  };
  const auto fp32 = by(comm::wire_codec{comm::fp32{}});
  const auto fp16 = by(comm::wire_codec{comm::fp16{}});
  const auto int8 = by(comm::wire_codec{comm::int8{}});
  // 12 batches of 10 images in each of two rounds.
  const image_shape cut = star_job::model{digits().train.shape(), 10}.output_shape(how.pairing.cut - 1);
  CHECK(fp32.rounds.back().activation_bytes.value() ==
        24.0 * static_cast<double>(split::smashed_size<comm::fp32>(cut, 10)));
  CHECK(fp16.rounds.back().activation_bytes.value() ==
        24.0 * static_cast<double>(split::smashed_size<comm::fp16>(cut, 10)));
  CHECK(int8.rounds.back().activation_bytes.value() ==
        24.0 * static_cast<double>(split::smashed_size<comm::int8>(cut, 10)));
  for (const auto& [past, name] : {std::pair{&fp16, "fp16"}, {&int8, "int8"}}) {
    CHECK(past->rounds.back().plan.pairs.front().codec == name);
    CHECK_FALSE(past->state == fp32.state);
    CHECK(std::abs(*past->rounds.back().test_loss - *fp32.rounds.back().test_loss) <
          0.1 * *fp32.rounds.back().test_loss);
  }
  CHECK(train(how, unlike(2), 1).state == int8.state);  // the same bits, threads or not
  CHECK(train(how, unlike(2), 4).state == int8.state);

  how.profile->splits.front().codec = "morse";
  CHECK_THROWS_WITH_AS(static_cast<void>(train(how, unlike(2))), doctest::Contains("morse"), input_error);
}

TEST_CASE("weights travel by a codec as changes: a quarter of the bytes, and much the same model") {
  auto how = star_of(1, 2);
  const auto exact = train(how, unlike(3));
  for (const auto& [codec, bytes, loss] :
       {std::tuple{comm::wire_codec{comm::fp16{}}, .51, .05}, {comm::wire_codec{comm::int8{}}, .27, .1}}) {
    how.weight_wire = codec;
    CAPTURE(how.weight_wire.name);
    const auto coded = train(how, unlike(3));
    CHECK(coded.rounds.back().weight_bytes < bytes * exact.rounds.back().weight_bytes);
    CHECK(coded.rounds.back().elapsed < exact.rounds.back().elapsed);
    CHECK_FALSE(coded.state == exact.state);
    CHECK(std::abs(*coded.rounds.back().test_loss - *exact.rounds.back().test_loss) <
          loss * *exact.rounds.back().test_loss);
    CHECK(train(how, unlike(3), 1).state == coded.state);
  }
}

TEST_CASE("a job's own codec is found by its name") {
  learn::settings<signs_job> how;
  how.rounds = 1;
  how.batch = 10;
  const auto past = train(how, unlike(2));
  CHECK(past.rounds.back().plan.pairs.front().codec == "signs");
}
