// Split training over runs of units of one network: cuts, heads, the two sides, profiles.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "comdml/comm/codec.hpp"
#include "comdml/nn/loss.hpp"
#include "comdml/nn/resnet.hpp"
#include "comdml/nn/sgd.hpp"
#include "comdml/split/analytic_profile.hpp"
#include "comdml/split/auxiliary_head.hpp"
#include "comdml/split/cuts.hpp"
#include "comdml/split/sides.hpp"
#include "comdml/split/smashed_data.hpp"

namespace {

using namespace comdml;

using model = nn::resnet<8>;
using head = split::pool_linear::network<float>;
constexpr image_shape input{8, 8, 1};
constexpr std::size_t classes = 10;
constexpr std::size_t images = 6;

std::vector<std::uint32_t> kept(const std::vector<split_point>& points) {
  std::vector<std::uint32_t> numbers;
  for (const split_point p : points) numbers.push_back(p.value);
  return numbers;
}

template <class N>
split::training_state<float> fresh(const N& net, std::uint64_t seed) {
  split::training_state<float> state;
  net.initialize(state.model, random_stream{seed, purpose::testing});
  state.optimizer.reset(nn::sgd{}.slots(), state.model.parameters.size());
  return state;
}

struct random_batch {
  std::vector<float> inputs;
  std::vector<label> labels;

  explicit random_batch(std::uint64_t seed) {
    random_stream rng{seed, purpose::testing};
    for (std::size_t i = 0; i < images * input.size(); ++i) inputs.push_back(static_cast<float>(rng.normal()));
    for (std::size_t i = 0; i < images; ++i) labels.push_back(static_cast<label>(rng.below(classes)));
  }
};

}  // namespace

TEST_CASE("cut sets list the cuts from the most units kept to the least") {
  const model net{input, classes};
  CHECK(net.units() == 5);  // stem, three blocks, head
  CHECK(kept(split::every_block{}.points(net)) == std::vector<std::uint32_t>{4, 3, 2, 1});
  CHECK(kept(split::stages{}.points(net)) == std::vector<std::uint32_t>{4, 3, 2, 1});
  CHECK(kept(split::at<1, 3, 3>{}.points(net)) == std::vector<std::uint32_t>{3, 1});
  CHECK_THROWS_AS(static_cast<void>(split::at<5>{}.points(net)), contract_error);
  CHECK_THROWS_AS(static_cast<void>(split::at<0>{}.points(net)), contract_error);

  const nn::resnet<20> deeper{{32, 32, 3}, classes};
  CHECK(kept(split::every_block{}.points(deeper)) == std::vector<std::uint32_t>{10, 9, 8, 7, 6, 5, 4, 3, 2, 1});
  CHECK(kept(split::stages{}.points(deeper)) == std::vector<std::uint32_t>{10, 7, 4, 1});
}

TEST_CASE("at every cut the two halves have exactly the full model's parameters, each once") {
  const model net{input, classes};
  for (std::uint32_t k = 1; k < net.units(); ++k) {
    const auto slow = net.parameters(split::kept_units(net, split_point{k}));
    const auto fast = net.parameters(split::handed_over_units(net, split_point{k}));
    CHECK(slow.begin == 0);
    CHECK(slow.end == fast.begin);
    CHECK(fast.end == net.parameters({0, net.units()}).end);
    CHECK(slow.size() > 0);
    CHECK(fast.size() > 0);
  }
}

TEST_CASE("fast side on the slow side's activations computes what the whole model computes") {
  const model net{input, classes};
  const random_batch batch{3};
  auto whole = fresh(net, 1);
  auto halves = whole;
  const nn::sgd optimizer{};
  const nn::softmax_cross_entropy loss{};

  split::workspace<model, head> memory;
  const split::fast_side all{net, split_point{0}, loss, optimizer};
  const auto expected =
      all.step(split::part_of(net, whole, {0, net.units()}), batch.inputs, batch.labels, 0.1, memory, {});

  const split_point cut{2};
  const head auxiliary = split::pool_linear{}.make<float>(net.output_shape(cut.value - 1), classes);
  auto head_state = fresh(auxiliary, 2);
  std::vector<float> activations;
  const split::slow_side slow{net, auxiliary, cut, loss, optimizer};
  slow.step(split::part_of(net, halves, split::kept_units(net, cut)),
            split::part_of(auxiliary, head_state, {0, auxiliary.units()}), batch.inputs, batch.labels, 0.1, memory, {},
            [&](std::span<const float> z) { activations.assign(z.begin(), z.end()); });
  CHECK(activations.size() == images * net.output_shape(cut.value - 1).size());
  const split::fast_side fast{net, cut, loss, optimizer};
  const auto got = fast.step(split::part_of(net, halves, split::handed_over_units(net, cut)), activations, batch.labels,
                             0.1, memory, {});
  CHECK(got.sum == expected.sum);
  // The tail's update is the whole model's: its inputs were the same, and its loss is the model's own.
  const auto tail = net.parameters(split::handed_over_units(net, cut));
  const auto kept_weights = net.parameters(split::kept_units(net, cut));
  bool same_tail = true;
  bool same_front = true;
  for (std::size_t i = tail.begin; i < tail.end; ++i)
    same_tail = same_tail && whole.model.parameters[i] == halves.model.parameters[i];
  for (std::size_t i = 0; i < kept_weights.end; ++i)
    same_front = same_front && whole.model.parameters[i] == halves.model.parameters[i];
  CHECK(same_tail);
  CHECK_FALSE(same_front);  // the front learns from its own auxiliary loss, not from the model's
}

TEST_CASE("no gradient crosses the cut: the slow side's update is the one of its auxiliary loss alone") {
  const model net{input, classes};
  const random_batch batch{5};
  const split_point cut{3};
  const head auxiliary = split::pool_linear{}.make<float>(net.output_shape(cut.value - 1), classes);
  const split::slow_side slow{net, auxiliary, cut, nn::softmax_cross_entropy{}, nn::sgd{}};

  // Whatever stands in the units that were handed over - here: not-a-number - the kept ones train alike.
  auto train = [&](float junk) {
    auto state = fresh(net, 1);
    auto head_state = fresh(auxiliary, 2);
    const auto tail = net.parameters(split::handed_over_units(net, cut));
    for (std::size_t i = tail.begin; i < tail.end; ++i) state.model.parameters[i] = junk;
    split::workspace<model, head> memory;
    for (int step = 0; step < 3; ++step) {
      slow.step(split::part_of(net, state, split::kept_units(net, cut)),
                split::part_of(auxiliary, head_state, {0, auxiliary.units()}), batch.inputs, batch.labels, 0.1, memory,
                {}, [](std::span<const float>) {});
    }
    state.model.parameters.resize(tail.begin);
    return state.model.parameters;
  };
  const auto clean = train(0.25F);
  CHECK(clean == train(std::numeric_limits<float>::quiet_NaN()));
  auto untrained = fresh(net, 1).model.parameters;
  untrained.resize(clean.size());
  CHECK(clean != untrained);
}

TEST_CASE("the slow side's gradient is that of the auxiliary loss, by central differences") {
  using small = nn::resnet<8, nn::identity_padded, nn::convolution_gemm, nn::batch_normalization, nn::relu, double>;
  const small net{input, classes};
  const auto auxiliary = split::convolution_pool_linear{}.make<double>(net.output_shape(1), classes);
  const index_range kept_run{0, 2};
  nn::model_state<double> body;
  nn::model_state<double> extra;
  net.initialize(body, random_stream{1, purpose::testing});
  auxiliary.initialize(extra, random_stream{2, purpose::testing});
  const random_batch batch{7};
  const std::vector<double> inputs(batch.inputs.begin(), batch.inputs.end());
  const nn::softmax_cross_entropy loss{};

  small::workspace body_memory;
  decltype(auxiliary)::workspace head_memory;
  const auto weights = net.parameters(kept_run);
  const std::span<double> own = std::span{body.parameters}.subspan(weights.begin, weights.size());
  auto statistics = body.statistics;
  const std::span<double> own_statistics = std::span{statistics}.subspan(0, net.statistics(kept_run).size());
  auto value = [&] {
    const auto z = net.forward(kept_run, own, own_statistics, inputs, images, nn::mode::train, body_memory, {});
    const auto out = auxiliary.forward({0, auxiliary.units()}, extra.parameters, extra.statistics, z, images,
                                       nn::mode::train, head_memory, {});
    return loss(out, std::span<const label>{batch.labels}, std::span<double>{}).sum / images;
  };
  const auto z = net.forward(kept_run, own, own_statistics, inputs, images, nn::mode::train, body_memory, {});
  std::vector<double> cut_gradient(z.size());
  std::vector<double> output_gradient;
  std::vector<double> head_gradient;
  const split::part<double> head_part{extra.parameters, extra.statistics, {}};
  split::gradient_of_tail(auxiliary, {0, auxiliary.units()}, head_part, z, batch.labels, loss, head_memory,
                          output_gradient, head_gradient, std::span{cut_gradient}, {});
  std::vector<double> gradient(own.size());
  net.backward(kept_run, own, cut_gradient, gradient, {}, body_memory, {});
  random_stream rng{9, purpose::testing};
  std::size_t close = 0;
  constexpr std::size_t samples = 40;
  for (std::size_t s = 0; s < samples; ++s) {
    const std::size_t i = rng.below(own.size());
    const double before = own[i];
    constexpr double step = 1e-6;
    own[i] = before + step;
    const double up = value();
    own[i] = before - step;
    const double down = value();
    own[i] = before;
    if (std::abs((up - down) / (2 * step) - gradient[i]) < 1e-5 * std::max(1.0, std::abs(gradient[i]))) ++close;
  }
  CHECK(close >= samples - 2);  // a step may cross the kink of a ReLU
}

TEST_CASE("the analytic profile shares out the multiply-adds and counts the message's bytes") {
  const nn::resnet<20> net{{32, 32, 3}, classes};
  const auto profile =
      split::analytic_profile<comm::fp32>(net, split::pool_linear{}, split::every_block{}, 100, "resnet20");
  fleet::validate(profile);
  REQUIRE(profile.splits.size() == net.units() - 1);
  CHECK(profile.batch == 100);
  CHECK(profile.splits.front().point == split_point{10});
  CHECK(profile.splits.back().point == split_point{1});
  double last_slow = 2;
  for (const auto& entry : profile.splits) {
    CHECK(entry.slow_share < last_slow);
    CHECK(entry.slow_share + entry.fast_share > 1);  // the auxiliary head comes on top
    CHECK(entry.slow_share + entry.fast_share < 1.01);
    last_slow = entry.slow_share;
  }
  // After the stem: 16 channels of 32 x 32, 4 bytes each, 100 images, their labels and the count.
  CHECK(profile.splits.back().wire.value() == 100 * 16 * 32 * 32 * 4 + 100 * 4 + 4);
  CHECK(profile.splits.front().fast_side.value() == 4 * (64 * 10 + 10));
  const auto counted_by = [&](const comm::wire_codec& codec) {
    const auto other = split::analytic_profile(net, split::pool_linear{}, split::every_block{}, 100, "resnet20", codec);
    CHECK(other.splits.back().codec == codec.name);
    CHECK(other.splits.back().slow_share == profile.splits.back().slow_share);
    return other.splits.back().wire.value();
  };
  CHECK(counted_by(comm::wire_codec{comm::fp16{}}) == 100 * 16 * 32 * 32 * 2 + 100 * 4 + 4);
  CHECK(counted_by(comm::wire_codec{comm::int8{}}) == 100 * 16 * 32 * 32 + 16 * 4 + 100 * 4 + 4);
}

TEST_CASE("smashed data comes back as it was sent, and nonsense is refused") {
  const image_shape cut{2, 2, 3};
  std::vector<float> z(2 * cut.size());
  for (std::size_t i = 0; i < z.size(); ++i) z[i] = 0.5F * static_cast<float>(i) - 3;
  const std::vector<label> labels{4, 0};
  std::vector<std::byte> message;
  split::encode_smashed(comm::fp32{}, cut, z, labels, message);
  CHECK(message.size() == split::smashed_size<comm::fp32>(cut, 2));
  std::vector<float> back;
  std::vector<label> back_labels;
  split::decode_smashed(comm::fp32{}, message, cut, 5, 2, back, back_labels);
  CHECK(back == z);
  CHECK(back_labels == labels);

  const auto refused = [&](std::vector<std::byte> bad, std::size_t class_count, std::size_t most) {
    CHECK_THROWS_AS(split::decode_smashed(comm::fp32{}, bad, cut, class_count, most, back, back_labels), run_error);
  };
  refused(message, 4, 2);  // label 4 of 4 classes
  refused(message, 5, 1);  // more images than expected
  for (std::size_t length = 0; length < message.size(); ++length)
    refused({message.begin(), message.begin() + static_cast<std::ptrdiff_t>(length)}, 5, 2);
  auto huge = message;
  huge[3] = std::byte{0xff};
  refused(huge, 5, 2);
  message.push_back(std::byte{0});
  refused(message, 5, 2);
}
