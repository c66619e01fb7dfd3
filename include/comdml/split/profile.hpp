// SPDX-License-Identifier: BSL-1.0
/// \file
/// A split profile by measuring: what each side of every cut takes on this processor, for this model and batch size.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/random.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/profile.hpp"
#include "comdml/nn/loss.hpp"
#include "comdml/nn/sgd.hpp"
#include "comdml/split/analytic_profile.hpp"
#include "comdml/split/sides.hpp"
#include "comdml/split/smashed_data.hpp"

namespace comdml::split {

/// Options of split::profile.
struct profile_options {
  std::size_t repetitions = 5;  ///< training steps of each kind that are timed; their median counts
  std::size_t warm_up = 1;      ///< untimed ones before
  std::uint64_t seed = 1;       ///< of the weights and images, which are random
  /// Is told how many of how many passes over all cuts are done.
  std::function<void(std::size_t done, std::size_t all)> progress{};
};

/// What the clock of the machine shows, since some point in time.
struct steady_time {
  [[nodiscard]] seconds operator()() const {
    return seconds{std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count()};
  }
};

/// The middle value, or the mean of the two in the middle. Requires at least one.
[[nodiscard]] inline seconds median(std::vector<seconds> values) {
  COMDML_REQUIRE(!values.empty(), "the median of nothing");
  std::ranges::sort(values);
  return 0.5 * (values[(values.size() - 1) / 2] + values[values.size() / 2]);
}

/// Trains on one thread and takes the time:
/// - of a step of the whole model: forward, backward, update. Its inverse is the profile's speed;
/// - of the slow side of every cut: forward, auxiliary head, backward, updates, and the message encoded;
/// - of its fast side: the message decoded, forward, backward, update.
///
/// A share is a side's median time over that of the whole model. All kinds of step take turns, so that a machine that
/// slows down slows down all of them. Bytes are counted as analytic_profile does.
/// \param now  tells the time: `now()` is seconds
template <Network N, class Head, class Cuts, WireCodec W, class L = nn::softmax_cross_entropy, class O = nn::sgd,
          class Now = steady_time>
  requires AuxiliaryHead<Head, typename N::scalar> && CutSet<Cuts, N> && Loss<L> && Optimizer<O>
[[nodiscard]] fleet::split_profile profile(const N& net, const Head& head, const Cuts& cuts, std::size_t batch,
                                           const W& codec, std::string model = "", const profile_options& options = {},
                                           const L& loss = {}, const O& optimizer = {}, const Now& now = {}) {
  COMDML_REQUIRE(batch > 1 && options.repetitions > 0, "batch ", batch, ", ", options.repetitions, " repetitions");
  using head_network = decltype(head.template make<float>(image_shape{}, 0));
  const auto fresh = [&](const auto& network) {
    training_state<float> state;
    network.initialize(state.model, random_stream{options.seed, purpose::initialization});
    state.optimizer.reset(optimizer.slots(), state.model.parameters.size());
    return state;
  };
  constexpr double rate = 0;  // a step that changes nothing takes as long, and the thousandth is as tame as the first
  constexpr execution one_thread{1};

  random_stream rng{options.seed, purpose::testing};
  std::vector<float> images(batch * net.input().size());
  for (float& value : images) value = static_cast<float>(rng.normal());
  std::vector<label> labels(batch);
  for (label& one : labels) one = static_cast<label>(rng.below(net.classes()));

  fleet::split_profile result = analytic_profile(net, head, cuts, batch, std::move(model), codec);
  training_state<float> body = fresh(net);
  std::vector<head_network> heads;
  std::vector<training_state<float>> head_states;
  for (const fleet::split_cost& split : result.splits) {
    heads.push_back(head.template make<float>(net.output_shape(split.point.value - 1), net.classes()));
    head_states.push_back(fresh(heads.back()));
  }

  workspace<N, head_network> memory;
  std::vector<std::byte> message;
  std::vector<float> received;
  std::vector<label> received_labels;
  const auto take_time = [&](std::vector<seconds>& times, auto&& step) {
    const seconds begin = now();
    step();
    times.push_back(now() - begin);
  };
  std::vector<seconds> whole;
  std::vector<std::vector<seconds>> slow(result.splits.size());
  std::vector<std::vector<seconds>> fast(result.splits.size());
  const std::size_t passes = options.warm_up + options.repetitions;
  for (std::size_t pass = 0; pass < passes; ++pass) {
    take_time(whole, [&] {
      fast_side<N, L, O>{net, split_point{0}, loss, optimizer}.step(part_of(net, body, {0, net.units()}), images,
                                                                    labels, rate, memory, one_thread);
    });
    for (std::size_t i = 0; i < result.splits.size(); ++i) {
      const split_point cut = result.splits[i].point;
      const image_shape shape = net.output_shape(cut.value - 1);
      take_time(slow[i], [&] {
        slow_side<N, head_network, L, O>{net, heads[i], cut, loss, optimizer}.step(
            part_of(net, body, kept_units(net, cut)), part_of(heads[i], head_states[i], {0, heads[i].units()}), images,
            labels, rate, memory, one_thread,
            [&](std::span<const float> z) { encode_smashed(codec, shape, z, labels, message); });
      });
      take_time(fast[i], [&] {
        decode_smashed(codec, message, shape, net.classes(), batch, received, received_labels);
        fast_side<N, L, O>{net, cut, loss, optimizer}.step(part_of(net, body, handed_over_units(net, cut)), received,
                                                           received_labels, rate, memory, one_thread);
      });
    }
    if (options.progress) options.progress(pass + 1, passes);
  }

  const auto timed = [&](std::vector<seconds>& times) {
    times.erase(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(options.warm_up));
    return median(times);
  };
  const seconds step = timed(whole);
  if (!(step > seconds{})) throw run_error{"the clock stood still while a training step was timed"};
  result.speed = batches_per_second{1 / step.value()};
  for (std::size_t i = 0; i < result.splits.size(); ++i) {
    result.splits[i].slow_share = timed(slow[i]) / step;
    result.splits[i].fast_share = timed(fast[i]) / step;
  }
  fleet::validate(result);
  return result;
}

}  // namespace comdml::split
