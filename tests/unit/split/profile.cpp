// SPDX-License-Identifier: BSL-1.0
/// \file
/// Measured split profiles, with a clock that counts multiply-adds; profiles for another codec.
#include "comdml/split/profile.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "comdml/comm/codec.hpp"
#include "comdml/nn/adam.hpp"
#include "comdml/nn/resnet.hpp"
#include "comdml/split/auxiliary_head.hpp"
#include "comdml/split/cuts.hpp"
#include "comdml/split/recode.hpp"

using namespace comdml;

namespace {

/// A second per multiply-add of forward and two for backward, and as much again for the steps that `slow_down` names.
struct counted_time {
  double now = 0;
  std::size_t steps = 0;
  std::vector<std::size_t> disturbed;

  void spend(double amount) {
    for (const std::size_t step : disturbed) amount *= step == steps ? 50 : 1;
    now += amount;
  }
};

/// A network that computes as N does, and whose work takes the time that a clock counts.
template <Network N>
struct counted : N {
  std::shared_ptr<counted_time> time;

  counted(N plain, std::shared_ptr<counted_time> clock) : N{std::move(plain)}, time{std::move(clock)} {}

  std::span<const float> forward(index_range run, std::span<const float> parameters, std::span<float> statistics,
                                 std::span<const float> input, std::size_t images, nn::mode how,
                                 typename N::workspace& memory, execution exec) const {
    CHECK(exec.threads == 1);
    time->spend(split::multiply_adds(static_cast<const N&>(*this), run));
    return N::forward(run, parameters, statistics, input, images, how, memory, exec);
  }
  void backward(index_range run, std::span<const float> parameters, std::span<const float> output_gradient,
                std::span<float> gradient, std::span<float> input_gradient, typename N::workspace& memory,
                execution exec) const {
    time->spend(2 * split::multiply_adds(static_cast<const N&>(*this), run));
    N::backward(run, parameters, output_gradient, gradient, input_gradient, memory, exec);
  }
};

struct counted_head {
  std::shared_ptr<counted_time> time;

  template <Scalar T>
  [[nodiscard]] counted<split::pool_linear::network<T>> make(image_shape shape, std::size_t classes) const {
    return {split::pool_linear{}.make<T>(shape, classes), time};
  }
};

using model = nn::resnet<8>;

}  // namespace

TEST_CASE("a measured profile is what the clock shows: here, the shares of multiply-adds") {
  const auto time = std::make_shared<counted_time>();
  const counted<model> net{model{{8, 8, 1}, 10}, time};
  const counted_head head{time};
  const auto expected = split::analytic_profile(static_cast<const model&>(net), split::pool_linear{},
                                                split::every_block{}, 6, "resnet8", comm::int8{});
  std::size_t told = 0;
  const split::profile_options options{
      .repetitions = 3, .warm_up = 2, .progress = [&](std::size_t done, std::size_t all) {
        CHECK(done == ++told);
        CHECK(all == 5);
      }};
  const auto now = [&] { return ++time->steps, seconds{time->now}; };
  const auto check = [&](const fleet::split_profile& measured) {
    CHECK(measured.model == "resnet8");
    CHECK(measured.batch == 6);
    CHECK(measured.speed.value() ==
          doctest::Approx(1 / (3 * split::multiply_adds(static_cast<const model&>(net), {0, net.units()}))));
    REQUIRE(measured.splits.size() == expected.splits.size());
    for (std::size_t i = 0; i < expected.splits.size(); ++i) {
      CHECK(measured.splits[i].point == expected.splits[i].point);
      CHECK(measured.splits[i].slow_share == doctest::Approx(expected.splits[i].slow_share));
      CHECK(measured.splits[i].fast_share == doctest::Approx(expected.splits[i].fast_share));
      CHECK(measured.splits[i].wire == expected.splits[i].wire);
      CHECK(measured.splits[i].fast_side == expected.splits[i].fast_side);
      CHECK(measured.splits[i].codec == "int8");
    }
  };
  check(split::profile(net, head, split::every_block{}, 6, comm::int8{}, "resnet8", options,
                       nn::softmax_cross_entropy{}, nn::sgd{}, now));
  CHECK(told == 5);
  // Two asks of the clock a step, nine steps a pass. Warm-up passes may take any time, and one pass in three, too.
  time->steps = 0;
  told = 0;
  time->disturbed = {1, 3, 5, 17, 19, 21, 35, 37, 39, 41, 53};
  check(split::profile(net, head, split::every_block{}, 6, comm::int8{}, "resnet8", options,
                       nn::softmax_cross_entropy{}, nn::adam{}, now));
}

TEST_CASE("the machine's own clock gives a usable profile") {
  const model net{{8, 8, 1}, 10};
  const auto measured =
      split::profile(net, split::pool_linear{}, split::stages{}, 16, comm::fp32{}, "resnet8", {.repetitions = 3});
  CHECK(measured.speed.value() > 0);
  for (const fleet::split_cost& split : measured.splits) {
    CHECK(split.slow_share > 0);
    CHECK(split.fast_share > 0);
  }
  CHECK_THROWS_AS(static_cast<void>(split::profile(net, split::pool_linear{}, split::stages{}, 1, comm::fp32{})),
                  contract_error);
  const auto frozen = [] { return seconds{7}; };
  CHECK_THROWS_AS(static_cast<void>(split::profile(net, split::pool_linear{}, split::stages{}, 4, comm::fp32{}, "", {},
                                                   nn::softmax_cross_entropy{}, nn::sgd{}, frozen)),
                  run_error);
}

TEST_CASE("the median") {
  CHECK(split::median({seconds{5}, seconds{1}, seconds{100}}) == seconds{5});
  CHECK(split::median({seconds{4}, seconds{1}, seconds{2}, seconds{100}}) == seconds{3});
  CHECK_THROWS_AS(static_cast<void>(split::median({})), contract_error);
}

TEST_CASE("a profile for another codec: fewer bytes of activations, as many of labels") {
  const model net{{8, 8, 1}, 10};
  const auto by = [&](const auto& codec) {
    return split::analytic_profile(net, split::pool_linear{}, split::every_block{}, 50, "resnet8", codec);
  };
  const auto fp32 = by(comm::fp32{});
  CHECK(split::recode(fp32, comm::fp32{}) == fp32);
  CHECK(split::recode(fp32, comm::fp16{}) == by(comm::fp16{}));
  auto int8 = by(comm::int8{});
  const auto recoded = split::recode(fp32, comm::int8{});
  for (std::size_t i = 0; i < int8.splits.size(); ++i) {  // the scales of the channels are not known
    const std::size_t channels = net.output_shape(int8.splits[i].point.value - 1).channels;
    CHECK(recoded.splits[i].wire.value() == int8.splits[i].wire.value() - 4.0 * static_cast<double>(channels));
    CHECK(recoded.splits[i].codec == "int8");
  }

  // What was measured with the codec counts, and nothing else.
  auto both = fp32;
  for (const auto& split : int8.splits) both.splits.push_back(split);
  CHECK(split::recode(both, comm::int8{}) == int8);
  CHECK(split::recode(both, comm::fp32{}) == fp32);
  CHECK_THROWS_WITH_AS(static_cast<void>(split::recode(int8, comm::fp16{}, "file.json")),
                       doctest::Contains("file.json"), input_error);

  auto few = fp32;
  few.splits.front().wire = bytes_per_batch{100};  // less than labels would take
  CHECK(split::recode(few, comm::fp16{}).splits.front().wire == bytes_per_batch{50});
  few.splits.clear();
  CHECK(split::recode(few, comm::int8{}).splits.empty());
}
