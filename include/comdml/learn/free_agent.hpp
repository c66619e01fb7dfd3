// SPDX-License-Identifier: BSL-1.0
/// \file
/// One agent of an algorithm without rounds: it trains cycle after cycle at its own pace until the time is over, and
/// its model is looked at, at fixed instants, without costing it anything.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/data/shard.hpp"
#include "comdml/learn/evaluate.hpp"
#include "comdml/learn/side_channel.hpp"

namespace comdml::learn {

/// The steps that such algorithms are made of. `Session` is a learn::session; `evaluated(i)` tells whether the models
/// are evaluated at instant i.
template <class Session, Dataset Test, class Schedule, class Evaluated>
class free_agent {
 public:
  free_agent(Session& work, const Test* test, const instants& when, Schedule schedule, Evaluated evaluated)
      : work_{work}, test_{test}, when_{when}, schedule_{std::move(schedule)}, evaluated_{std::move(evaluated)} {
    begin_interval();
  }

  [[nodiscard]] auto& fleet() noexcept { return work_.fleet(); }
  [[nodiscard]] auto& transport() noexcept { return work_.fleet().transport(); }
  [[nodiscard]] seconds now() { return transport().clock().now(); }
  [[nodiscard]] seconds end() const { return when_.end(); }
  [[nodiscard]] std::uint64_t seed() const { return work_.options().seed; }
  /// Images trained on in a cycle.
  [[nodiscard]] std::size_t images() { return work_.training().work(); }

  /// The model: parameters, then statistics.
  [[nodiscard]] std::vector<float> model() {
    const auto& held = work_.committed().body.model;
    std::vector<float> values = held.parameters;
    values.insert(values.end(), held.statistics.begin(), held.statistics.end());
    return values;
  }
  [[nodiscard]] std::size_t model_size() {
    const auto& held = work_.committed().body.model;
    return held.parameters.size() + held.statistics.size();
  }
  /// Replaces the model from now on.
  void set_model(std::span<const float> values) {
    look();
    auto& held = work_.committed().body.model;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(held.parameters.size());
    std::copy(values.begin(), middle, held.parameters.begin());
    std::copy(middle, values.end(), held.statistics.begin());
    held_counts_.reset();
  }

  /// The local epochs on the own images, the optimizer's memory empty at first; a result that is not finite is thrown
  /// away. \returns false, and trains nothing, where the cycle would not end in time
  bool train() {
    auto& training = work_.training();
    if (now() + training.cost(1, training.work()) > end() || !work_.beside().go_on()) return false;
    work_.model().reset_optimizers(work_.options(), work_.committed());
    training.start(work_.committed(), work_.learning_rate(), round_index{cycles_++});
    for (std::size_t left = training.batches_of_round(); left > 0; --left) training.step();
    training.finish();
    look();
    seen_.training += training.own_loss;
    ++seen_.cycles;
    if (training.finite)
      work_.committed() = training.trained;
    else
      seen_.diverged = true;
    held_counts_.reset();
    return true;
  }

  /// Lets time pass; not beyond the end.
  void wait(seconds time) {
    fleet().check();
    static_cast<void>(transport().receive_any({}, std::min(now() + time, end())));
  }
  void count(bytes weights) { seen_.weights += weights; }

  /// Waits for the end, and shows the model.
  void finish() {
    wait(end() - now());
    while (next_ < when_.count) give();
    work_.beside().show(fleet().self(), work_.committed().body);
  }

 private:
  /// Before the model changes: instants that have passed see it as it was.
  void look() {
    while (next_ < when_.count && when_.at(next_) <= now()) give();
  }

  void give() {
    if (test_ != nullptr && evaluated_(next_)) {
      if (!held_counts_)
        work_.training().compute(seconds{}, [&](auto& memory) {
          held_counts_ = evaluate(work_.model().net, work_.committed().body.model,
                                  data::share_of(*test_, fleet().rank_of(fleet().self()), fleet().members().size()),
                                  work_.options().loss, memory.body, work_.exec(), [&] { fleet().check(); });
        });
      seen_.test = *held_counts_;
    }
    seen_.learning_rate = work_.learning_rate();
    work_.beside().add(fleet().self(), next_++, seen_);
    seen_ = {};
    schedule_.next_round();
    if (next_ < when_.count) begin_interval();
  }

  void begin_interval() {
    work_.begin_round(round_index{static_cast<std::uint32_t>(next_)},
                      schedule_.rate(work_.options().optimizer.learning_rate));
  }

  Session& work_;
  const Test* test_;
  instants when_;
  Schedule schedule_;
  Evaluated evaluated_;
  std::size_t next_ = 0;  ///< instant
  std::uint32_t cycles_ = 0;
  sample seen_;
  std::optional<evaluation> held_counts_;  ///< of the model that is held
};

}  // namespace comdml::learn
