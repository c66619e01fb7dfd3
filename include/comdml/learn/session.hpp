// SPDX-License-Identifier: BSL-1.0
/// \file
/// One agent's run: the steps that algorithms are made of, as ordinary blocking code over a Transport. The same code
/// runs on threads under a virtual clock, on threads under the wall clock, and on real machines.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "comdml/comm/link_measurement.hpp"
#include "comdml/comm/message.hpp"
#include "comdml/comm/routes.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/digest.hpp"
#include "comdml/data/shard.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/learn/blueprint.hpp"
#include "comdml/learn/control.hpp"
#include "comdml/learn/evaluate.hpp"
#include "comdml/learn/join.hpp"
#include "comdml/learn/joint_planning.hpp"
#include "comdml/learn/local_training.hpp"
#include "comdml/learn/measurements.hpp"
#include "comdml/learn/membership.hpp"
#include "comdml/learn/peers.hpp"
#include "comdml/learn/policies.hpp"
#include "comdml/learn/pool.hpp"
#include "comdml/learn/records.hpp"
#include "comdml/learn/round_report.hpp"
#include "comdml/learn/side_channel.hpp"
#include "comdml/learn/state_message.hpp"
#include "comdml/pairing/numbering.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::learn {

/// State of one agent during a run. `Images` is the shard it owns.
template <Job J, Dataset Images>
class session {
 public:
  session(typename J::transport& line, const membership& fleet, const settings<J>& how, const Images& images,
          pool<typename types<J>::workspace>& memory, execution exec, const control& hold)
      : settings_{how},
        images_{images},
        speed_{fleet.speed},
        spare_memory_{fleet.memory},
        changes_{fleet.changes},
        beside_{fleet.beside},
        exec_{exec},
        model_{how, images.shape(), images.classes()},
        fleet_{line, fleet, hold},
        training_{how, model_, images, fleet.speed, fleet_, memory, exec},
        committed_{model_.start(how)},
        planning_{how},
        seen_{how.smoothing} {
    for (const auto& [from, speed] : changes_)
      COMDML_REQUIRE(std::isfinite(speed.value()) && speed.value() > 0, "speed ", speed.value(), " from round ", from);
  }

  /// The state that all agents agreed on at the end of the last committed round; the agent's own, where models differ.
  [[nodiscard]] replica& committed() noexcept { return committed_; }

  /// What comes of the round that follows for this agent.
  enum class entry {
    there,  ///< it takes part, as in the round before
    back,   ///< it takes part, and was brought up to date: see results()
    away,   ///< it does not take part
    over,   ///< nobody brought it up to date: the run has ended
  };

  /// Goes on to the next round: all agents do, one round after the other. Those who took part in the last one bring the
  /// others up to date before they go.
  [[nodiscard]] entry enter(round_index round) {
    bool back = false;
    for (const auto& [giver, receiver] : fleet_.enter(round)) {
      if (giver == fleet_.self()) give_state(receiver);
      if (receiver != fleet_.self()) continue;
      if (!take_state(giver)) return entry::over;
      back = true;
    }
    std::erase_if(partners_, [&](agent_id partner) {
      return !fleet_.is_member(partner) || !linked_both_ways(fleet_.self(), partner);
    });
    if (!fleet_.is_member(fleet_.self())) {
      partners_.clear();
      return entry::away;
    }
    return back ? entry::back : entry::there;
  }

  /// Test accuracy by round so far, also of rounds without this agent; not-a-number where nothing was evaluated.
  [[nodiscard]] const std::vector<double>& results() const noexcept { return so_far_.results; }
  /// Whether this agent speaks for all that take part.
  [[nodiscard]] bool leads() const { return fleet_.leads(); }

  void begin_round(round_index round, double learning_rate) {
    fleet_.begin_round(round);
    for (const auto& [from, speed] : changes_)
      if (from <= round) training_.set_speed(speed);
    learning_rate_ = learning_rate;
    if (!carries_optimizer()) model_.reset_optimizers(settings_, committed_);
  }

  // ------------------------------------------------------------------------------------- steps, for the algorithms

  /// Every agent tells its speed, amount of work and memory to spare, as integers; every agent solves the same
  /// instance. A policy that can replan (pairing::steady) is given the plan of the round before. Where not all are to
  /// plan (pairing::planned_by_all), the first agent plans for them. Measured links are told, too. Whoever holds
  /// another plan is found out before anybody waits for what will not come. \throws run_error that names them
  [[nodiscard]] pairing::plan agree_on_plan() {
    const bool measured = settings_.knowledge == knowledge::measured;
    if (measured) measure();
    const fleet::status own = fleet::make_status(seen_.speed(speed_), training_.work(), spare_memory_);
    comm::message_writer message = status_record(own);
    if (measured) seen_.write_links(message);
    link_matrix links = fleet_.links();
    statuses_.clear();
    fleet_.exchange(message_kind::status, std::move(message), [&](comm::message_reader& from, agent_id sender) {
      fleet::status& status = statuses_.emplace_back();
      status.micro_batches_per_second = from.read<std::int64_t>();
      status.images = from.read<std::int64_t>();
      status.memory = from.read<std::int64_t>();
      if (measured) measurements::read_links(from, sender, links);
    });
    const pairing::numbering names{fleet_.members(), links.agents()};
    pairing::plan plan = planning_.next(
        fleet::make_instance(statuses_, settings_.batch,
                             measured || fleet_.member_links() == nullptr ? names.links(links) : *fleet_.member_links(),
                             model_.profile),
        names, fleet_);
    require_same(plan);
    if (measured) partners_ = partners_in(plan);
    return plan;
  }

  /// The plan of algorithms that know no offloading.
  [[nodiscard]] pairing::plan everyone_alone() const {
    pairing::plan plan;
    plan.alone = fleet_.members();
    return plan;
  }

  /// Trains what the plan gives this agent: its own model, the first units of it, or its own and its guests' tails.
  void train(const pairing::plan& plan) {
    training_.train(plan, committed_, learning_rate_,
                    [&](agent_id agent) { return static_cast<std::size_t>(statuses_[fleet_.rank_of(agent)].images); });
  }

  /// Joins the halves inside the all-reduce; the common state becomes the average over all agents whose training stayed
  /// finite, weighted by their numbers of images. \throws run_error if nobody's did
  void join(const pairing::plan& plan) { join(plan, settings_.collective); }

  /// The same, summed in another way.
  template <Collective C>
  void join(const pairing::plan& plan, const C& collective) {
    const std::vector<training_report> reports = exchange_training_reports();
    sat_out_.clear();
    std::vector<std::int64_t> images(reports.size());  // 0 for agents that sit out
    std::int64_t total = 0;
    for (std::size_t rank = 0; rank < reports.size(); ++rank) {
      if (usable(plan, reports, rank))
        total += images[rank] = reports[rank].images;
      else
        sat_out_.push_back(fleet_.members()[rank]);
    }
    if (total == 0)
      throw run_error{text("training diverged in round ", fleet_.round().value + 1,
                           ": no agent has finite weights; use a smaller learning rate")};
    const auto images_of = [&](agent_id agent) { return images[fleet_.rank_of(agent)]; };
    const auto share = [](std::int64_t part, std::int64_t whole) {
      return static_cast<double>(part) / static_cast<double>(whole);
    };

    std::vector<std::int64_t> head_images(model_.heads.size());
    for (const pairing::assignment& pair : plan.pairs) head_images[model_.head_of(pair.split)] += images_of(pair.slow);
    std::vector<std::size_t> used_heads;
    for (std::size_t h = 0; h < head_images.size(); ++h)
      if (head_images[h] > 0) used_heads.push_back(h);

    join_term term{committed_, used_heads, carries_optimizer(),
                   std::string_view{settings_.weight_wire.name} != comm::fp32::name};
    if (const std::int64_t own = images_of(fleet_.self()); own > 0) {
      const pairing::assignment* pair = pair_of(plan, fleet_.self());
      const index_range units = pair == nullptr ? model_.all_units() : split::kept_units(model_.net, pair->split);
      term.add_units(model_.net, training_.trained.body, units, share(own, total));
      term.add_updates(training_.trained.body, share(own, total));
      if (pair != nullptr) {
        const std::size_t h = model_.head_of(pair->split);
        term.add_head(training_.trained, h, share(own, head_images[h]));
      }
    }
    for (const guest& g : training_.guests)
      if (const std::int64_t theirs = images_of(g.id); theirs > 0)
        term.add_units(model_.net, g.state, split::handed_over_units(model_.net, g.cut), share(theirs, total));
    weight_bytes_ = fleet_.sum(collective, message_kind::weights, term.values(), settings_.weight_wire);
    term.store(committed_);
  }

  // ------------------------------------------------------------------- for algorithms that train in their own order
  [[nodiscard]] auto& fleet() noexcept { return fleet_; }
  [[nodiscard]] auto& training() noexcept { return training_; }
  [[nodiscard]] const blueprint<J>& model() const noexcept { return model_; }
  [[nodiscard]] const settings<J>& options() const noexcept { return settings_; }
  [[nodiscard]] double learning_rate() const noexcept { return learning_rate_; }
  [[nodiscard]] batches_per_second speed() const noexcept { return speed_; }
  [[nodiscard]] execution exec() const noexcept { return exec_; }
  /// \throws run_error if the agents have none
  [[nodiscard]] side_channel& beside() const {
    if (!beside_)
      throw run_error{"this algorithm needs agents of one process that show each other their models: fleet_trainer"};
    return *beside_;
  }

  /// Commits what this agent has trained as its own model, which from now on differs from the others'. `sent`: bytes of
  /// weights. \throws run_error if somebody's training was not finite: its neighbors hold what came of it
  void keep_own(bytes sent) {
    share_losses(sent);
    committed_ = training_.trained;
    common_ = false;
  }

  /// Tells all agents of the losses of this round, for algorithms that do not join. \throws run_error as keep_own
  void share_losses(bytes sent) {
    for (const training_report& one : exchange_training_reports())
      if (!one.finite)
        throw run_error{text("training diverged in round ", fleet_.round().value + 1, "; use a smaller learning rate")};
    so_far_.saved = {};
    weight_bytes_ = sent;
  }

  /// Whether all agents hold the same model.
  [[nodiscard]] bool common() const noexcept { return common_; }

  /// Makes the average of all agents' models the common one; no report counts it.
  void average_models() {
    join_term term{committed_, {}, false};
    term.add_units(model_.net, committed_.body, model_.all_units(), 1.0 / static_cast<double>(fleet_.members().size()));
    fleet_.sum(settings_.collective, message_kind::final_average, term.values(), comm::fp32{});
    term.store(committed_);
    common_ = true;
  }

  // ------------------------------------------------------------------------------------------- around the algorithm

  /// Sums of the round over all agents, and the check that all hold the same weights. With a test set, its images are
  /// evaluated first; evaluation costs no simulated time.
  template <Dataset Test>
  [[nodiscard]] round_report report(const pairing::plan& plan, const Test* test) {
    evaluation own;
    if (test != nullptr)
      training_.compute(seconds{}, [&](auto& memory) {
        const auto& part = data::share_of(*test, fleet_.rank_of(fleet_.self()), fleet_.members().size());
        own = evaluate(model_.net, committed_.body.model, part, settings_.loss, memory.body, exec_,
                       [&] { fleet_.check(); });
      });
    digest64 weights;
    weights.update(std::as_bytes(std::span{committed_.body.model.parameters}));
    weights.update(std::as_bytes(std::span{committed_.body.model.statistics}));

    comm::message_writer message = round_record({.test = own,
                                                 .activations = training_.activation_bytes,
                                                 .weights = weight_bytes_ + std::exchange(taken_bytes_, {}),
                                                 .now = fleet_.transport().clock().now(),
                                                 .digest = weights.value()});

    round_report report{
        .round = fleet_.round(), .epoch = epoch_index{fleet_.round().value}, .rounds_planned = settings_.rounds};
    evaluation sum;
    std::vector<std::pair<agent_id, std::uint64_t>> digests;
    fleet_.exchange(message_kind::round_counts, std::move(message), [&](comm::message_reader& from, agent_id sender) {
      evaluation part;
      part.seen = from.read<std::int64_t>();
      part.right = from.read<std::int64_t>();
      part.loss_micro = from.read<std::int64_t>();
      sum += part;
      so_far_.activations += bytes{from.read<double>()};
      so_far_.weights += bytes{from.read<double>()};
      report.elapsed = std::max(report.elapsed, seconds{from.read<double>()});
      digests.emplace_back(sender, from.read<std::uint64_t>());
    });
    if (common_) fleet_.require_agreement("weights", digests);
    if (sum.seen > 0) {
      report.test_accuracy = sum.accuracy();
      report.test_loss = sum.mean_loss();
    }
    so_far_.results.push_back(report.test_accuracy.value_or(std::numeric_limits<double>::quiet_NaN()));
    report.train_loss = train_loss_;
    report.learning_rate = learning_rate_;
    report.elapsed_alone = report.elapsed + so_far_.saved;
    report.activation_bytes = so_far_.activations;
    report.weight_bytes = so_far_.weights;
    report.plan = plan;
    report.sat_out = sat_out_;
    return report;
  }

  /// Whether any agent wants to end the job after this round.
  [[nodiscard]] bool anyone_stops(bool own_wish) {
    bool any = false;
    fleet_.exchange(message_kind::verdict, verdict_record(own_wish),
                    [&](comm::message_reader& from, agent_id) { any = from.read<std::uint8_t>() != 0 || any; });
    return any;
  }

 private:
  void give_state(agent_id to) {
    fleet_.require_ok("handing the state over", to,
                      fleet_.transport().send(to, fleet_.tag(message_kind::state),
                                              write_state(so_far_, model_.net, committed_, carries_optimizer()),
                                              seconds::infinity()));
  }

  /// \returns whether there was one: nobody stays for those who come when the run is over
  [[nodiscard]] bool take_state(agent_id from) {
    const comm::delivery got = fleet_.transport().receive(from, fleet_.tag(message_kind::state), seconds::infinity());
    if (got.result == comm::result::peer_lost) return false;
    fleet_.require_ok("waiting for the state", from, got.result);
    so_far_ = read_state(got.data, from, fleet_.round().value, committed_, carries_optimizer());
    taken_bytes_ = bytes{static_cast<double>(got.data.size())};
    return true;
  }

  [[nodiscard]] bool carries_optimizer() const { return settings_.optimizer_state == optimizer_carry::averaged; }

  /// What the round before has shown: the own speed, and the links to those that it was paired with.
  void measure() {
    seen_.begin_round();
    seen_.observe_training(training_.done, training_.computing);
    for (const agent_id other : partners_) {
      const seconds start = fleet_.transport().clock().now();
      const comm::measured_link found = comm::measure_link(
          fleet_.transport(), other, fleet_.tag(message_kind::link_exchange), measurements::exchange);
      fleet_.require_ok("measuring the link", other, found.result);
      fleet_.record(activity::exchange, fleet_.self(), start);
      seen_.observe_link(other, found.to.rate);
    }
  }

  [[nodiscard]] bool linked_both_ways(agent_id a, agent_id b) const {
    return fleet_.links()(a, b).rate.value() > 0 && fleet_.links()(b, a).rate.value() > 0;
  }

  /// Those that a plan pairs this agent with, as far as messages can go both ways; ascending.
  [[nodiscard]] std::vector<agent_id> partners_in(const pairing::plan& plan) const {
    std::vector<agent_id> partners;
    for (const pairing::assignment& pair : plan.pairs)
      if (linked_both_ways(pair.fast, pair.slow)) {
        if (pair.slow == fleet_.self()) partners.push_back(pair.fast);
        if (pair.fast == fleet_.self()) partners.push_back(pair.slow);
      }
    std::ranges::sort(partners);
    return partners;
  }

  void require_same(const pairing::plan& plan) {
    std::vector<std::pair<agent_id, std::uint64_t>> digests;
    fleet_.exchange(
        message_kind::plan_digest, plan_record(pairing::digest(plan)),
        [&](comm::message_reader& from, agent_id sender) { digests.emplace_back(sender, from.read<std::uint64_t>()); });
    fleet_.require_agreement("plan", digests);
  }

  struct training_report {
    std::int64_t images = 0;
    bool finite = false;
    std::vector<agent_id> broken_guests;
  };

  /// What each agent trained, in the order of the members; adds up the losses and the times of the round.
  std::vector<training_report> exchange_training_reports() {
    evaluation loss = training_.own_loss;
    std::vector<agent_id> broken;
    for (const guest& g : training_.guests) {
      loss += g.loss;
      if (!g.finite) broken.push_back(g.id);
    }
    comm::message_writer message = training_record({.images = static_cast<std::int64_t>(images_.size()),
                                                    .finite = training_.finite,
                                                    .loss = loss,
                                                    .end = training_.end,
                                                    .end_alone = training_.begin + training_.cost(1, training_.work()),
                                                    .broken_guests = broken});

    std::vector<training_report> reports;
    evaluation sum;
    seconds end{};
    seconds end_alone{};
    fleet_.exchange(message_kind::training_report, std::move(message), [&](comm::message_reader& from, agent_id) {
      training_report& report = reports.emplace_back();
      report.images = from.read<std::int64_t>();
      report.finite = from.read<std::uint8_t>() != 0;
      evaluation part;
      part.loss_micro = from.read<std::int64_t>();
      part.seen = from.read<std::int64_t>();
      sum += part;
      end = std::max(end, seconds{from.read<double>()});
      end_alone = std::max(end_alone, seconds{from.read<double>()});
      for (auto left = from.read<std::uint32_t>(); left > 0; --left)
        report.broken_guests.push_back(agent_id{from.read<std::uint32_t>()});
    });
    fleet_.record_wait(training_.end, end);
    train_loss_ = sum.mean_loss();
    so_far_.saved += end_alone - end;
    return reports;
  }

  /// Whether both halves of an agent's model stayed finite.
  [[nodiscard]] bool usable(const pairing::plan& plan, const std::vector<training_report>& reports,
                            std::size_t rank) const {
    const pairing::assignment* pair = pair_of(plan, fleet_.members()[rank]);
    return reports[rank].finite &&
           (pair == nullptr ||
            std::ranges::count(reports[fleet_.rank_of(pair->fast)].broken_guests, fleet_.members()[rank]) == 0);
  }

  const settings<J>& settings_;
  const Images& images_;
  batches_per_second speed_;
  bytes spare_memory_;
  std::vector<std::pair<round_index, batches_per_second>> changes_;
  std::shared_ptr<side_channel> beside_;
  execution exec_;
  blueprint<J> model_;
  peers<typename J::transport> fleet_;
  local_training<J, Images> training_;
  replica committed_;
  bool common_ = true;
  joint_planning<J> planning_;
  measurements seen_;
  std::vector<agent_id> partners_;  ///< of the round before, if links are measured

  // of the current round
  double learning_rate_ = 0;
  std::vector<fleet::status> statuses_;
  double train_loss_ = 0;
  bytes weight_bytes_{};
  std::vector<agent_id> sat_out_;
  bytes taken_bytes_{};  ///< of the state that was handed over to it

  run_so_far so_far_;  ///< over all agents, those included that were there when this one was not
};

}  // namespace comdml::learn
