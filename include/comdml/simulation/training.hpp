// SPDX-License-Identifier: BSL-1.0
/// \file
/// The training phase of a round without learning: who computes what when, batch by batch, as learn::local_training
/// books it. Agents that are not paired with each other do not touch each other's times.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "comdml/comm/in_process_session.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/data/loader.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/learn/timeline.hpp"
#include "comdml/simulation/model.hpp"
#include "comdml/simulation/wires.hpp"

namespace comdml::simulation {

/// The mini-batches of an agent's round: all of one size, but the last one of an epoch.
struct own_batches {
  std::size_t images = 0;  ///< of an epoch
  std::size_t per_epoch = 0;
  std::size_t epochs = 0;
  std::size_t size = 0;
  std::size_t last = 0;

  own_batches(std::size_t count, std::size_t batch, std::size_t local_epochs) : images{count}, epochs{local_epochs} {
    const auto plan = data::batch_plan(count, batch);
    per_epoch = plan.size();
    if (!plan.empty()) {
      size = plan.front().size();
      last = plan.back().size();
    }
  }

  [[nodiscard]] std::size_t count() const noexcept { return per_epoch * epochs; }
  [[nodiscard]] bool is_last(std::size_t number) const noexcept { return number % per_epoch + 1 == per_epoch; }
};

/// How a round's training went for an agent.
struct trained {
  seconds begin{};
  seconds end{};
  seconds computing{};
};

/// What a guest and its helper agree on.
struct guest_work {
  agent_id slow;
  std::size_t entry;  ///< of the split profile
  wire_index wire;    ///< to the helper
  wire_index back;    ///< from the helper; used only if weights are handed over
};

/// Plays one helper and its guests at a time.
class training {
 public:
  /// \param batch    images in a mini-batch
  /// \param window   messages that may wait for a helper, of each guest
  /// \param handover whether the fast side's weights are sent to the helper before the activations, and back when the
  ///                 guest's last batch is trained
  training(const model& what, std::size_t batch, bool handover, std::size_t window = comm::in_process_options{}.window)
      : model_{what}, batch_{batch}, handover_{handover}, window_{window} {
    COMDML_REQUIRE(window > 0 && window <= most_window, "window ", window);
  }

  /// An agent without guests that trains its whole model.
  void alone(clocks& world, agent_id agent, const own_batches& work, batches_per_second speed, trained& result) const {
    seconds& now = world.time[agent.value];
    result = {now, now, {}};
    const seconds full = cost(1, work.size, speed);
    const seconds last = cost(1, work.last, speed);
    for (std::size_t epoch = 0; epoch < work.epochs; ++epoch) {
      for (std::size_t b = 1; b < work.per_epoch; ++b) spend(world, agent, agent, now, full, result);
      if (work.per_epoch > 0) spend(world, agent, agent, now, last, result);
    }
    result.end = now;
  }

  /// A helper with its guests, ascending by id. `work` and `speeds` are of all agents, `results` are filled for those
  /// that take part. Adds to the bytes.
  void together(clocks& world, agent_id helper, std::span<const guest_work> guests, std::span<const own_batches> work,
                std::span<const batches_per_second> speeds, std::span<trained> results, bytes& activations,
                bytes& weights) {
    seconds& now = world.time[helper.value];
    trained& own = results[helper.value];
    own = {now, now, {}};
    lines_.clear();
    for (const guest_work& one : guests) {
      const fleet::split_cost& split = model_.profile().splits[one.entry];
      const own_batches& theirs = work[one.slow.value];
      const batches_per_second speed = speeds[one.slow.value];
      const batches_per_second host = speeds[helper.value];
      line next{.guest = one,
                .now = world.time[one.slow.value],
                .batches = &theirs,
                .slow = {cost(split.slow_share, theirs.size, speed), cost(split.slow_share, theirs.last, speed)},
                .fast = {cost(split.fast_share, theirs.size, host), cost(split.fast_share, theirs.last, host)},
                .size = {model_.smashed(one.entry, theirs.size), model_.smashed(one.entry, theirs.last)},
                .result = &results[one.slow.value]};
      *next.result = {next.now, next.now, {}};
      if (handover_) {
        const bytes side = model_.fast_side(one.entry);
        weights += 2 * side;
        next.home = world.send(one.slow, one.wire, next.now, side);
      }
      lines_.push_back(next);
      line& added = lines_.back();
      while (added.sent < theirs.count() && added.waiting < window_) compute_and_send(world, added, activations);
      if (added.sent < theirs.count()) compute(world, added);
    }

    const own_batches& mine = work[helper.value];
    const std::array<seconds, 2> costs{cost(1, mine.size, speeds[helper.value]),
                                       cost(1, mine.last, speeds[helper.value])};
    for (std::size_t b = 0; b < mine.count(); ++b) {
      for (line* next = earliest(); next != nullptr && arrival(*next) <= now; next = earliest())
        serve(world, *next, helper, now, own, activations);
      spend(world, helper, helper, now, costs[mine.is_last(b)], own);
    }
    for (line* next = earliest(); next != nullptr; next = earliest()) {
      const seconds begin = std::exchange(now, std::max(now, arrival(*next)));
      world.record(helper, learn::activity::waiting, next->guest.slow, begin, now);
      serve(world, *next, helper, now, own, activations);
    }
    own.end = now;
    for (line& one : lines_) {
      if (handover_) one.now = std::max(one.now, one.home);
      world.time[one.guest.slow.value] = one.result->end = one.now;
    }
  }

 private:
  static constexpr std::size_t most_window = 8;

  /// A guest at work. Its next message is sent as soon as it may be: when a message is taken, that of the batch
  /// `window` later follows, at the time when it was ready if that is later.
  struct line {
    guest_work guest;
    seconds now;  ///< the guest's own time; what it computes next may be included
    const own_batches* batches;
    std::array<seconds, 2> slow;  ///< per batch: a usual one, the last one
    std::array<seconds, 2> fast;
    std::array<bytes, 2> size;
    trained* result;
    seconds home{};            ///< handed over: when the trained weights are back
    std::size_t computed = 0;  ///< batches
    std::size_t sent = 0;
    std::size_t taken = 0;
    std::size_t waiting = 0;
    std::array<seconds, most_window> arrivals{};  ///< of message number n at n % most_window
  };

  [[nodiscard]] seconds cost(double share, std::size_t images, batches_per_second speed) const {
    return fleet::compute_time(share, images, batch_, speed);
  }
  /// An agent computes a batch of `owner`. As a clock books it: time by time, each rounded.
  static void spend(const clocks& world, agent_id agent, agent_id owner, seconds& now, seconds time, trained& result) {
    const seconds begin = now;
    now += time;
    result.computing += time;
    world.record(agent, owner == agent ? learn::activity::own_work : learn::activity::guest_work, owner, begin, now);
  }

  static void compute(const clocks& world, line& one) {
    spend(world, one.guest.slow, one.guest.slow, one.now, one.slow[one.batches->is_last(one.computed)], *one.result);
    ++one.computed;
  }
  static void send(clocks& world, line& one, bytes& activations) {
    const bytes size = one.size[one.batches->is_last(one.sent)];
    one.arrivals[one.sent % most_window] = world.send(one.guest.slow, one.guest.wire, one.now, size);
    activations += size;
    ++one.sent;
    ++one.waiting;
  }
  static void compute_and_send(clocks& world, line& one, bytes& activations) {
    compute(world, one);
    send(world, one, activations);
  }

  [[nodiscard]] static seconds arrival(const line& one) { return one.arrivals[one.taken % most_window]; }

  /// Whose next message arrives first; of equal ones, the guest with the lowest id.
  [[nodiscard]] line* earliest() {
    line* first = nullptr;
    for (line& one : lines_)
      if (one.waiting > 0 && (first == nullptr || arrival(one) < arrival(*first))) first = &one;
    return first;
  }

  void serve(clocks& world, line& one, agent_id helper, seconds& now, trained& own, bytes& activations) {
    const bool last = one.batches->is_last(one.taken);
    ++one.taken;
    --one.waiting;
    if (one.sent < one.batches->count()) {  // it had the next one ready, or has it soon
      const seconds ready = std::exchange(one.now, std::max(one.now, now));
      world.record(one.guest.slow, learn::activity::sending, helper, ready, one.now);
      send(world, one, activations);
      if (one.sent < one.batches->count()) compute(world, one);
    }
    spend(world, helper, one.guest.slow, now, one.fast[last], own);
    if (handover_ && one.taken == one.batches->count())
      one.home = world.send(helper, one.guest.back, now, model_.fast_side(one.guest.entry));
  }

  const model& model_;
  std::size_t batch_;
  bool handover_;
  std::size_t window_;
  std::vector<line> lines_;
};

}  // namespace comdml::simulation
