// SPDX-License-Identifier: BSL-1.0
/// \file
/// What one agent trains in a round: its own model, the first units of it, or its own and the tails of its guests.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "comdml/comm/codec.hpp"
#include "comdml/comm/message.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/data/loader.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/learn/blueprint.hpp"
#include "comdml/learn/evaluate.hpp"
#include "comdml/learn/join.hpp"
#include "comdml/learn/peers.hpp"
#include "comdml/learn/policies.hpp"
#include "comdml/learn/pool.hpp"
#include "comdml/pairing/plan.hpp"
#include "comdml/split/sides.hpp"
#include "comdml/split/smashed_data.hpp"

namespace comdml::learn {

/// The pair in which an agent is the slow one; nullptr if there is none.
[[nodiscard]] inline const pairing::assignment* pair_of(const pairing::plan& plan, agent_id slow) {
  const auto found = std::ranges::find(plan.pairs, slow, &pairing::assignment::slow);
  return found == plan.pairs.end() ? nullptr : &*found;
}

/// A guest's tail on its helper: a copy of its own, so that own and guest work do not touch each other.
struct guest {
  agent_id id;
  split_point cut;
  const comm::wire_codec* codec;
  double fast_share;  ///< of this cut
  split::training_state<float> state;
  std::size_t batches_left;
  evaluation loss{};
  bool finite = true;
};

/// Trains, round by round. `Images` is the shard that the agent owns.
template <Job J, Dataset Images>
class local_training {
 public:
  using workspace = typename types<J>::workspace;
  using line = peers<typename J::transport>;

  local_training(const settings<J>& how, const blueprint<J>& model, const Images& images, batches_per_second speed,
                 line& fleet, pool<workspace>& memory, execution exec)
      : settings_{how},
        model_{model},
        images_{images},
        speed_{speed},
        fleet_{fleet},
        memory_{memory},
        exec_{exec},
        loader_{images, {.batch = how.batch, .seed = how.seed, .owner = fleet.self()}, how.augmentation} {}

  /// Images trained on in a round, repeated epochs counted again.
  [[nodiscard]] std::size_t work() const { return images_.size() * settings_.local_epochs; }

  /// Seconds for `share` of the full model's training on `count` images.
  [[nodiscard]] seconds cost(double share, std::size_t count) const {
    return fleet::compute_time(share, count, settings_.batch, speed_);
  }

  /// The speed from now on: what computing costs under a virtual clock.
  void set_speed(batches_per_second speed) noexcept { speed_ = speed; }

  /// Runs `body(workspace)` in a compute slot.
  template <class Body>
  void compute(seconds duration, Body&& body) {
    fleet_.listen();
    fleet_.transport().clock().compute(duration, [&] {
      const auto lease = memory_.acquire();
      body(*lease);
    });
  }

  /// Trains what the plan gives this agent, from the state that all share. `work_of(agent)` is another agent's work().
  template <class WorkOf>
  void train(const pairing::plan& plan, const replica& common, double learning_rate, WorkOf&& work_of) {
    start(common, learning_rate, fleet_.round());
    stream_ = fleet_.tag(message_kind::smashed_data);
    for (const pairing::assignment& pair : plan.pairs)
      if (pair.fast == fleet_.self())
        guests.push_back({.id = pair.slow,
                          .cut = pair.split,
                          .codec = &model_.codec_of(pair.codec),
                          .fast_share = model_.entry_of(pair.split, pair.codec).fast_share,
                          .state = common.body,
                          .batches_left = guest_batches(work_of(pair.slow))});
    std::ranges::sort(guests, {}, &guest::id);

    begin = fleet_.transport().clock().now();
    fleet_.record_alone(cost(1, work()));
    if (const pairing::assignment* pair = pair_of(plan, fleet_.self())) {
      if (!train_kept_units(*pair)) train_both_sides(*pair, common);
    } else {
      train_with_guests();
    }
    end = fleet_.transport().clock().now();
  }

  /// Makes good what was lost with agents that are not members any more: the tail that one of them trained is trained
  /// here, and tails of theirs are dropped.
  void repair(const pairing::plan& plan, const replica& common) {
    for (std::size_t g = guests.size(); g-- > 0;)
      if (!fleet_.is_member(guests[g].id)) drop(g);
    const pairing::assignment* pair = pair_of(plan, fleet_.self());
    if (pair == nullptr) return;
    // The helper may be back, but what was kept is overwritten as soon as this agent has begun to do without.
    if (!unfinished_ && (own_tail || fleet_.is_member(pair->fast))) return;
    train_both_sides(*pair, common);
    end = fleet_.transport().clock().now();
  }

  // ------------------------------------------------------------- for algorithms that take their batches one by one
  /// Begins with a state; what was trained before is forgotten. The shuffles are those of round `order`.
  void start(const replica& from, double learning_rate, round_index order) {
    trained = from;
    guests.clear();
    dropped.clear();
    own_tail = unfinished_ = false;
    own_loss = {};
    finite = true;
    activation_bytes = {};
    done = {};
    computing = {};
    learning_rate_ = learning_rate;
    order_ = order;
    batches_begun_ = 0;
    begin = end = fleet_.transport().clock().now();
  }

  /// Mini-batches of a round, repeated epochs counted again.
  [[nodiscard]] std::size_t batches_of_round() const { return guest_batches(work()); }

  /// Makes the next own mini-batch ready, from epoch to epoch without an end. \returns its number of images
  std::size_t begin_batch() {
    const std::vector<index_range> plan = data::batch_plan(images_.size(), settings_.batch);
    const std::size_t at = batches_begun_ % plan.size();
    if (at == 0) loader_.start(order_, batches_begun_ / plan.size());
    ++batches_begun_;
    return plan[at].size();
  }
  /// Its images and labels; to be called once, where one computes.
  const data::batch& read_batch() {
    loader_.next(batch_);
    return batch_;
  }

  /// Computes `share` of the full model's training on `count` images of the agent's own work.
  template <class Body>
  void compute_own(double share, std::size_t count, Body&& body) {
    compute_share(fleet_.self(), share, count, std::forward<Body>(body));
  }

  /// Trains the whole model on the next own mini-batch.
  void step() {
    const std::size_t images = begin_batch();
    compute_own(1, images, [&](workspace& memory) {
      const data::batch& own = read_batch();
      const split::fast_side side{model_.net, split_point{0}, settings_.loss, settings_.optimizer};
      count_loss(side.step(split::part_of(model_.net, trained.body, model_.all_units()), own.inputs, own.labels,
                           learning_rate_, memory, exec_),
                 images);
      ++trained.body.optimizer.updates;
    });
  }

  /// Adds what a mini-batch of so many images gave to the losses of the round.
  void count_loss(const nn::loss_result& result, std::size_t images) { count(own_loss, result, images, finite); }

  /// To be called when all is trained.
  void finish() {
    finite = finite && all_finite(split::part_of(model_.net, trained.body, model_.all_units()));
    end = fleet_.transport().clock().now();
  }

  // ------------------------------------------------------------------------------------------ what the round gave
  replica trained;
  std::vector<guest> guests;      ///< ascending by id
  std::vector<agent_id> dropped;  ///< guests that were lost
  /// Whether this agent, which was to be helped, has trained the tail itself: its only guest then.
  bool own_tail = false;
  evaluation own_loss;  ///< of the whole model; nothing for a slow agent, whose helper knows it
  bool finite = true;   ///< whether all losses and weights of the agent's own part were
  bytes activation_bytes{};
  batches done{};       ///< of the whole model: own work and guests'
  seconds computing{};  ///< that this took by the transport's clock; under the wall clock, waiting for a core included
  seconds begin{};
  seconds end{};

 private:
  using transport = typename J::transport;

  /// Computes `share` of the full model's training on `count` images of `owner`.
  template <class Body>
  void compute_share(agent_id owner, double share, std::size_t count, Body&& body) {
    const seconds start = fleet_.transport().clock().now();
    compute(cost(share, count), std::forward<Body>(body));
    fleet_.record(owner == fleet_.self() ? activity::own_work : activity::guest_work, owner, start);
    computing += fleet_.transport().clock().now() - start;
    done += batches{share * static_cast<double>(count) / static_cast<double>(settings_.batch)};
  }

  void count(evaluation& sum, const nn::loss_result& result, std::size_t images, bool& all_finite_so_far) {
    all_finite_so_far = all_finite_so_far && std::isfinite(result.sum);
    sum += {static_cast<std::int64_t>(images), static_cast<std::int64_t>(result.right), to_micro(result.sum)};
  }

  /// Calls step(images in the batch) for every mini-batch of the round, in order; the loader is ready for each.
  template <class Step>
  void for_each_own_batch(Step&& step) {
    const std::vector<index_range> plan = data::batch_plan(images_.size(), settings_.batch);
    for (std::size_t epoch = 0; epoch < settings_.local_epochs; ++epoch) {
      loader_.start(fleet_.round(), epoch);
      for (const index_range& images : plan) step(images.size());
    }
  }

  /// What the slow agent of a pair trains: the first units, and the auxiliary head that stands for the rest.
  [[nodiscard]] split::part<float> kept_of(const pairing::assignment& pair) {
    return split::part_of(model_.net, trained.body, split::kept_units(model_.net, pair.split));
  }
  [[nodiscard]] split::part<float> auxiliary_of(const pairing::assignment& pair) {
    const std::size_t h = model_.head_of(pair.split);
    return split::part_of(model_.heads[h], trained.heads[h], {0, model_.heads[h].units()});
  }

  /// One own mini-batch through what the slow agent keeps. \returns the message that crosses the cut
  [[nodiscard]] std::vector<std::byte> train_kept(const pairing::assignment& pair, std::size_t images) {
    const std::size_t h = model_.head_of(pair.split);
    std::vector<std::byte> message;
    compute_share(fleet_.self(), model_.entry_of(pair.split, pair.codec).slow_share, images, [&](workspace& memory) {
      loader_.next(batch_);
      const split::slow_side side{model_.net, model_.heads[h], pair.split, settings_.loss, settings_.optimizer};
      const nn::loss_result result =
          side.step(kept_of(pair), auxiliary_of(pair), batch_.inputs, batch_.labels, learning_rate_, memory, exec_,
                    [&](std::span<const float> z) {
                      split::encode_smashed(model_.codec_of(pair.codec), model_.net.output_shape(pair.split.value - 1),
                                            z, batch_.labels, message);
                    });
      finite = finite && std::isfinite(result.sum);
      ++trained.body.optimizer.updates;
      ++trained.heads[h].optimizer.updates;
    });
    return message;
  }

  /// \returns whether the helper was there for all of it
  bool train_kept_units(const pairing::assignment& pair) {
    bool helped = true;
    for_each_own_batch([&](std::size_t images) {
      helped = helped && !fleet_.gone(pair.fast);
      if (!helped) return;
      std::vector<std::byte> message = train_kept(pair, images);
      activation_bytes += bytes{static_cast<double>(message.size())};
      const seconds sending = fleet_.transport().clock().now();
      helped = fleet_.reached("sending activations", pair.fast,
                              fleet_.transport().send(pair.fast, stream_, std::move(message), seconds::infinity()));
      fleet_.record(activity::sending, pair.fast, sending);
    });
    finite = finite && all_finite(kept_of(pair)) && all_finite(auxiliary_of(pair));
    return helped;
  }

  /// What the pair would have trained, by this agent alone, from the start: the same mini-batches, through the same
  /// codec, to the same bits.
  void train_both_sides(const pairing::assignment& pair, const replica& common) {
    trained = common;
    own_tail = unfinished_ = true;  // another loss may end this at any batch
    finite = true;
    guests = {{.id = fleet_.self(),
               .cut = pair.split,
               .codec = &model_.codec_of(pair.codec),
               .fast_share = model_.entry_of(pair.split, pair.codec).fast_share,
               .state = common.body,
               .batches_left = 0}};
    guest& tail = guests.front();
    for_each_own_batch([&](std::size_t images) { train_tail(tail, train_kept(pair, images)); });
    finite = finite && all_finite(kept_of(pair)) && all_finite(auxiliary_of(pair)) && tail.finite &&
             all_finite(tail_of(tail));
    unfinished_ = false;
  }

  [[nodiscard]] split::part<float> tail_of(guest& g) const {
    return split::part_of(model_.net, g.state, split::handed_over_units(model_.net, g.cut));
  }

  /// One mini-batch of activations through a tail. The message is freed before, see fleet::guest_memory.
  void train_tail(guest& g, std::vector<std::byte> message) {
    try {
      split::decode_smashed(*g.codec, message, model_.net.output_shape(g.cut.value - 1), model_.net.classes(),
                            settings_.batch + 1, activations_, labels_);
    } catch (const run_error& error) {
      throw comm::malformed_message{g.id, text("agent ", g.id, ": ", error.what())};
    }
    std::vector<std::byte>{}.swap(message);
    compute_share(g.id, g.fast_share, labels_.size(), [&](workspace& memory) {
      const split::fast_side side{model_.net, g.cut, settings_.loss, settings_.optimizer};
      count(g.loss, side.step(tail_of(g), activations_, labels_, learning_rate_, memory, exec_), labels_.size(),
            g.finite);
      ++g.state.optimizer.updates;
    });
  }

  /// Goes on without a guest; what it was to get is trained by itself, or by nobody.
  void drop(std::size_t g) {
    dropped.push_back(guests[g].id);
    guests.erase(guests.begin() + static_cast<std::ptrdiff_t>(g));
  }

  /// A guest batch that waits is served first, an own one otherwise, so the agent never idles while it has work, and no
  /// guest waits for the agent's own task. The order of the two changes no bit.
  void train_with_guests() {
    const split::fast_side side{model_.net, split_point{0}, settings_.loss, settings_.optimizer};
    const auto whole = [&] { return split::part_of(model_.net, trained.body, model_.all_units()); };
    for_each_own_batch([&](std::size_t images) {
      while (serve_guest(fleet_.transport().clock().now())) {
      }
      compute_share(fleet_.self(), 1, images, [&](workspace& memory) {
        loader_.next(batch_);
        count(own_loss, side.step(whole(), batch_.inputs, batch_.labels, learning_rate_, memory, exec_), images,
              finite);
        ++trained.body.optimizer.updates;
      });
    });
    while (serve_guest(seconds::infinity())) {
    }
    finite = finite && all_finite(whole());
    for (guest& g : guests) g.finite = g.finite && all_finite(tail_of(g));
  }

  /// Mini-batches that a guest sends in this round, from its work.
  [[nodiscard]] std::size_t guest_batches(std::size_t images) const {
    return data::batch_plan(images / settings_.local_epochs, settings_.batch).size() * settings_.local_epochs;
  }

  /// Trains one guest batch that arrives by the deadline, or learns that a guest is lost. \returns whether there is
  /// more to wait for
  bool serve_guest(seconds deadline) {
    std::vector<comm::channel> waiting;
    for (const guest& g : guests)
      if (g.batches_left > 0 && !fleet_.gone(g.id)) waiting.push_back({g.id, stream_});
    if (waiting.empty()) return false;
    fleet_.listen();
    const seconds start = fleet_.transport().clock().now();
    comm::delivery message = fleet_.transport().receive_any(waiting, deadline);
    const bool polled = deadline <= start;
    if (message.result == comm::result::timed_out && polled) return false;
    const auto from = std::ranges::find(guests, message.from, &guest::id);
    if (!fleet_.reached("receiving activations", message.from, message.result)) {
      drop(static_cast<std::size_t>(from - guests.begin()));
      return true;
    }
    fleet_.record(activity::waiting, message.from, start);
    try {
      train_tail(*from, std::move(message.data));
      --from->batches_left;
    } catch (const comm::malformed_message& error) {
      if (!fleet_.survives()) throw;
      fleet_.refuse(error);
      drop(static_cast<std::size_t>(from - guests.begin()));
    }
    return true;
  }

  const settings<J>& settings_;
  const blueprint<J>& model_;
  const Images& images_;
  batches_per_second speed_;
  line& fleet_;
  pool<workspace>& memory_;
  execution exec_;
  data::loader<Images, typename J::augmentation> loader_;
  double learning_rate_ = 0;
  round_index order_{};
  std::size_t batches_begun_ = 0;
  comm::tag stream_{};       ///< of activations in this round
  bool unfinished_ = false;  ///< whether it trains, or trained, both sides itself and has not come to the end

  // reused from batch to batch
  data::batch batch_;
  std::vector<float> activations_;
  std::vector<label> labels_;
};

}  // namespace comdml::learn
