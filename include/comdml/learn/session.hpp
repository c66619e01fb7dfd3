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
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/concepts.hpp"
#include "comdml/data/shard.hpp"
#include "comdml/learn/blueprint.hpp"
#include "comdml/learn/checkpoint.hpp"
#include "comdml/learn/commit_log.hpp"
#include "comdml/learn/control.hpp"
#include "comdml/learn/epoch.hpp"
#include "comdml/learn/evaluate.hpp"
#include "comdml/learn/join.hpp"
#include "comdml/learn/ledger.hpp"
#include "comdml/learn/lifeline.hpp"
#include "comdml/learn/local_training.hpp"
#include "comdml/learn/membership.hpp"
#include "comdml/learn/peers.hpp"
#include "comdml/learn/policies.hpp"
#include "comdml/learn/pool.hpp"
#include "comdml/learn/records.hpp"
#include "comdml/learn/recovery.hpp"
#include "comdml/learn/round_report.hpp"
#include "comdml/learn/side_channel.hpp"
#include "comdml/learn/survey.hpp"
#include "comdml/learn/training_reports.hpp"
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
        changes_{fleet.changes},
        beside_{fleet.beside},
        exec_{exec},
        model_{how, images.shape(), images.classes()},
        fleet_{line, fleet, how.survival, hold},
        training_{how, model_, images, fleet.speed, fleet_, memory, exec},
        held_{model_.net, model_.start(how), carries_optimizer()},
        survey_{how, model_.profile, fleet_, fleet.speed, fleet.memory},
        course_{fleet_, held_, survey_} {
    for (const auto& [from, speed] : changes_)
      COMDML_REQUIRE(std::isfinite(speed.value()) && speed.value() > 0, "speed ", speed.value(), " from round ", from);
    if (fleet_.survives() && fleet.stages)
      throw input_error{"survival",
                        "agents that come and go by a schedule, or links that change, are not combined with it",
                        "leave one of the two out"};
    if (hold.resume) recall(hold.resume(fleet_.self()));
    if (!fleet_.survives()) return;
    fleet_.transport().give_state_by([this] { return held_.write(held_.committed()); });
    if (!fleet.life && fleet_.is_member(fleet_.self())) course_.begin(fleet_.members());
  }

  /// The state that all agents agreed on at the end of the last committed round; the agent's own, where models differ.
  [[nodiscard]] replica& committed() noexcept { return held_.committed(); }

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
    if (fleet_.survives()) {
      course_.enter(round);
      return entry::there;
    }
    bool back = false;
    for (const auto& [giver, receiver] : fleet_.enter(round)) {
      if (giver == fleet_.self()) course_.give(receiver, held_.committed());
      if (receiver != fleet_.self()) continue;
      if (!course_.take(giver, held_.committed())) return entry::over;
      back = true;
    }
    survey_.members_changed();
    if (!fleet_.is_member(fleet_.self())) return entry::away;
    return back ? entry::back : entry::there;
  }

  /// The round that it begins with, unless it is taken in by others: after the checkpoint that it goes on from.
  [[nodiscard]] round_index first_round() const noexcept { return course_.reached().round; }

  /// Real time that the run had taken at the checkpoint that it goes on from.
  [[nodiscard]] seconds wall_before() const noexcept { return wall_before_; }

  /// What the run can be gone on with, at the end of a round: what this agent alone knows, and, if that is wanted, what
  /// all share.
  [[nodiscard]] checkpoint memory(bool shared, const round_report& done) const {
    checkpoint now{.round = round_index{fleet_.round().value + 1},
                   .attempt = course_.reached().attempt,
                   .elapsed = done.elapsed,
                   .wall = done.wall,
                   .state = {},
                   .own = own_memory()};
    if (!shared) return now;
    comm::message_writer state;
    state.write_block(held_.write(held_.committed()));
    state.write_block(survey_.plan_memory());
    now.state = state.take();
    return now;
  }

  /// Test accuracy by round so far, also of rounds without this agent; not-a-number where nothing was evaluated.
  [[nodiscard]] const std::vector<double>& results() const noexcept { return held_.so_far.results; }
  /// Whether this agent speaks for all that take part.
  [[nodiscard]] bool leads() const { return fleet_.leads(); }

  void begin_round(round_index round, double learning_rate) {
    fleet_.begin_round(round);
    for (const auto& [from, speed] : changes_)
      if (from <= round) training_.set_speed(speed);
    learning_rate_ = learning_rate;
    if (!carries_optimizer()) model_.reset_optimizers(settings_, held_.committed());
  }

  // ------------------------------------------------------------------------------------- steps, for the algorithms

  /// See survey::plan.
  [[nodiscard]] pairing::plan agree_on_plan() {
    if (const pairing::plan* const made = course_.plan()) return *made;
    pairing::plan plan = survey_.plan(training_.work(), training_.done, training_.computing);
    course_.keep(plan);
    return plan;
  }

  /// The plan of algorithms that know no offloading.
  [[nodiscard]] pairing::plan everyone_alone() {
    if (const pairing::plan* const made = course_.plan()) return *made;
    pairing::plan plan;
    plan.alone = fleet_.members();
    if (fleet_.survives()) survey_.exchange_statuses(training_.work());  // how long others are to be waited for
    course_.keep(plan);
    return plan;
  }

  /// Trains what the plan gives this agent: its own model, the first units of it, or its own and its guests' tails.
  void train(const pairing::plan& plan) {
    const auto work_of = [&](agent_id agent) { return survey_.images_of(agent); };
    if (!fleet_.survives()) return training_.train(plan, held_.committed(), learning_rate_, work_of);
    const seconds longest = std::max(last_training_, survey_.longest_training());
    if (course_.resumed_from() == resumption::plan) {
      fleet_.transport().expect(longest);
      fleet_.transport().training(pairing::digest(plan), fleet_.transport().clock().now() + longest);
      training_.train(plan, held_.committed(), learning_rate_, work_of);
      fleet_.transport().trained();
      course_.has_trained();
    }
    course_.take_up_formed();
    if (course_.resumed_from() != resumption::join) return;
    fleet_.transport().expect(longest);  // somebody may have to train a tail
    training_.repair(plan, held_.committed());
  }

  /// Joins the halves inside the all-reduce; the common state becomes the average over all agents whose training stayed
  /// finite, weighted by their numbers of images. \throws run_error if nobody's did
  void join(const pairing::plan& plan) { join(plan, settings_.collective); }

  /// The same, summed in another way.
  template <Collective C>
  void join(const pairing::plan& plan, const C& collective) {
    if (course_.resumed_from() == resumption::adopt) return;
    const trained_fleet all = hear_training_reports();
    sat_out_.clear();
    std::vector<std::int64_t> images(all.reports.size());  // 0 for agents that sit out
    std::int64_t total = 0;
    for (std::size_t rank = 0; rank < images.size(); ++rank) {
      if (all.has_whole_model(plan, fleet_, fleet_.members()[rank]))
        total += images[rank] = all.reports[rank].images;
      else
        sat_out_.push_back(fleet_.members()[rank]);
    }
    if (total == 0)
      throw run_error{text("training diverged in round ", fleet_.round().value + 1,
                           ": no agent has finite weights; use a smaller learning rate")};
    const auto images_of = [&](agent_id agent) { return fleet_.is_member(agent) ? images[fleet_.rank_of(agent)] : 0; };
    const auto share = [](std::int64_t part, std::int64_t whole) {
      return static_cast<double>(part) / static_cast<double>(whole);
    };

    std::vector<std::int64_t> head_images(model_.heads.size());
    for (const pairing::assignment& pair : plan.pairs) head_images[model_.head_of(pair.split)] += images_of(pair.slow);
    std::vector<std::size_t> used_heads;
    for (std::size_t h = 0; h < head_images.size(); ++h)
      if (head_images[h] > 0) used_heads.push_back(h);

    join_term term{held_.committed(), used_heads, carries_optimizer(),
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
    const auto trained_here = [&](const guest& g) {
      return g.id == fleet_.self() || !all.reports[fleet_.rank_of(g.id)].own_tail;
    };
    for (const guest& g : training_.guests)
      if (const std::int64_t theirs = images_of(g.id); theirs > 0 && trained_here(g))
        term.add_units(model_.net, g.state, split::handed_over_units(model_.net, g.cut), share(theirs, total));
    if (fleet_.survives()) fleet_.transport().expect(longest_sum(term.values().size_bytes()));
    weight_bytes_ = fleet_.sum(collective, message_kind::weights, term.values(), settings_.weight_wire);
    term.store(fleet_.survives() ? held_.begin_result() : held_.committed());
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
    held_.committed() = training_.trained;
    common_ = false;
  }

  /// Tells all agents of the losses of this round, for algorithms that do not join. \throws run_error as keep_own
  void share_losses(bytes sent) {
    for (const training_report& one : hear_training_reports().reports)
      if (!one.finite)
        throw run_error{text("training diverged in round ", fleet_.round().value + 1, "; use a smaller learning rate")};
    held_.so_far.saved = saved_ = {};
    weight_bytes_ = sent;
  }

  /// Whether all agents hold the same model.
  [[nodiscard]] bool common() const noexcept { return common_; }

  /// Makes the average of all agents' models the common one; no report counts it.
  void average_models() {
    join_term term{held_.committed(), {}, false};
    term.add_units(model_.net, held_.committed().body, model_.all_units(),
                   1.0 / static_cast<double>(fleet_.members().size()));
    fleet_.sum(settings_.collective, message_kind::final_average, term.values(), comm::fp32{});
    term.store(held_.committed());
    common_ = true;
  }

  // ------------------------------------------------------------------------------------------- around the algorithm

  /// Sums of the round over all agents, and the check that all hold the same weights. With a test set, its images are
  /// evaluated first; evaluation costs no simulated time.
  template <Dataset Test>
  [[nodiscard]] round_report report(const pairing::plan& plan, const Test* test) {
    evaluation own;
    if (test != nullptr) {
      const auto& part = data::share_of(*test, fleet_.rank_of(fleet_.self()), fleet_.members().size());
      // Nobody hears while it evaluates, which takes less than to train on as many images.
      if (fleet_.survives()) fleet_.transport().expect(survey_.longest_training(part.size() + 1));
      training_.compute(seconds{}, [&](auto& memory) {
        own = evaluate(model_.net, held_.result().body.model, part, settings_.loss, memory.body, exec_,
                       [&] { fleet_.check(); });
      });
    }
    const std::uint64_t digest = held_.digest();
    if (fleet_.survives()) course_.accept(digest);

    comm::message_writer message = round_record({.test = own,
                                                 .activations = training_.activation_bytes,
                                                 .weights = weight_bytes_ + held_.take_received(),
                                                 .now = fleet_.transport().clock().now(),
                                                 .digest = digest});

    seconds elapsed{};
    bytes activations{};
    bytes weights{};
    evaluation sum;
    std::vector<std::pair<agent_id, std::uint64_t>> digests;
    fleet_.exchange(message_kind::round_counts, std::move(message), [&](comm::message_reader& from, agent_id sender) {
      evaluation part;
      part.seen = from.read<std::int64_t>();
      part.right = from.read<std::int64_t>();
      part.loss_micro = from.read<std::int64_t>();
      require_possible(from, part);
      sum += part;
      activations += bytes{from.read<double>()};
      weights += bytes{from.read<double>()};
      elapsed = std::max(elapsed, seconds{from.read<double>()});
      digests.emplace_back(sender, from.read<std::uint64_t>());
    });
    if (common_) fleet_.require_agreement("weights", digests);
    held_.so_far.activations += activations;
    held_.so_far.weights += weights;
    held_.so_far.saved += std::exchange(saved_, {});
    held_.so_far.results.push_back(sum.seen > 0 ? sum.accuracy() : std::numeric_limits<double>::quiet_NaN());
    round_report done = report_of(plan, elapsed, digest);
    if (sum.seen > 0) done.test_loss = sum.mean_loss();
    if (fleet_.survives()) course_.commit(digest);
    return done;
  }

  // ---------------------------------------------------------------------------------------- when somebody may be lost
  [[nodiscard]] recovery<J>& course() noexcept { return course_; }
  /// The report of a round that the others have ended: after recovery::turn::decided.
  [[nodiscard]] round_report report_of_others() {
    const std::uint64_t digest = course_.hear_result();
    saved_ = {};
    round_report done = report_of(course_.last_plan(), fleet_.transport().clock().now(), digest);
    course_.commit(digest);
    return done;
  }

  /// Whether any agent wants to end the job after this round.
  [[nodiscard]] bool anyone_stops(bool own_wish) {
    bool any = false;
    fleet_.exchange(message_kind::verdict, verdict_record(own_wish),
                    [&](comm::message_reader& from, agent_id) { any = from.read<std::uint8_t>() != 0 || any; });
    return any;
  }

 private:
  [[nodiscard]] round_report report_of(const pairing::plan& plan, seconds elapsed, std::uint64_t digest) {
    round_report done{.round = fleet_.round(),
                      .epoch = epoch_index{fleet_.round().value},
                      .rounds_planned = settings_.rounds,
                      .train_loss = train_loss_,
                      .learning_rate = learning_rate_,
                      .elapsed = before_ + elapsed,
                      .elapsed_alone = before_ + elapsed + held_.so_far.saved,
                      .activation_bytes = held_.so_far.activations,
                      .weight_bytes = held_.so_far.weights,
                      .digest = digest,
                      .plan = plan,
                      .speeds = survey_.speeds(),
                      .sat_out = sat_out_,
                      .lost = course_.lost(),
                      .refused = fleet_.take_refused()};
    if (const double accuracy = held_.so_far.results.back(); !std::isnan(accuracy)) done.test_accuracy = accuracy;
    return done;
  }

  // ------------------------------------------------------------------------------------------------------ checkpoints
  /// What the agent alone knows, as far as later rounds depend on it.
  [[nodiscard]] std::vector<std::byte> own_memory() const {
    comm::message_writer message;
    detail::write_standing(message, fleet_.transport().direct());
    if (!survey_.measures()) return message.take();
    message.write(training_.done.value()).write(training_.computing.value());
    survey_.write(message);
    return message.take();
  }
  void recall(const checkpoint& from) {
    comm::message_reader shared{from.state, fleet_.self()};
    held_.read(shared.read_block(), fleet_.self(), from.round.value, held_.committed());
    const auto plan = shared.read_block();
    shared.finish();
    for (std::uint32_t over = 0; over < from.round.value; ++over) static_cast<void>(fleet_.enter(round_index{over}));
    survey_.recall_plan(plan, fleet_.turnouts());
    course_.go_on_from({from.round, from.attempt});
    before_ = from.elapsed;
    wall_before_ = from.wall;
    auto& line = fleet_.transport().direct();
    if (from.own.empty()) {  // it has not taken part yet
      if (detail::goes_on<typename J::transport>) before_ = {};
      return;
    }
    comm::message_reader own{from.own, fleet_.self()};
    if (detail::read_standing(own, line, fleet_.links().agents())) before_ = {};
    if (survey_.measures()) {
      training_.done = batches{own.read<double>()};
      training_.computing = seconds{own.read<double>()};
      survey_.read(own);
    }
    own.finish();
    survey_.members_changed();
  }

  /// Of a sum over all members: each sends all values twice, over the slowest of their links.
  [[nodiscard]] seconds longest_sum(std::size_t size) const {
    bits_per_second slowest = bits_per_second::infinity();
    for (const agent_id a : fleet_.members())
      for (const agent_id b : fleet_.members())
        if (a != b && fleet_.links()(a, b).rate.value() > 0) slowest = std::min(slowest, fleet_.links()(a, b).rate);
    return bytes{2.0 * static_cast<double>(size)} / slowest;
  }

  [[nodiscard]] bool carries_optimizer() const { return settings_.optimizer_state == optimizer_carry::averaged; }

  trained_fleet hear_training_reports() {
    trained_fleet all = exchange_training_reports(fleet_, training_, images_.size());
    train_loss_ = all.mean_loss;
    saved_ = all.end_alone - all.end;
    if (!fleet_.survives()) return all;
    last_training_ = all.longest;
    course_.invite(all.asking);
    return all;
  }

  const settings<J>& settings_;
  const Images& images_;
  batches_per_second speed_;
  std::vector<std::pair<round_index, batches_per_second>> changes_;
  std::shared_ptr<side_channel> beside_;
  execution exec_;
  blueprint<J> model_;
  peers<typename J::transport> fleet_;
  local_training<J, Images> training_;
  ledger<typename types<J>::model> held_;
  bool common_ = true;
  survey<J> survey_;
  recovery<J> course_;

  // of the checkpoint that it goes on from
  seconds before_{};  ///< of the run, when this transport's clock was at zero
  seconds wall_before_{};

  // of the current round
  double learning_rate_ = 0;
  double train_loss_ = 0;
  bytes weight_bytes_{};
  std::vector<agent_id> sat_out_;
  seconds saved_{};  ///< by helpers

  seconds last_training_{};  ///< of anyone, as it was in the round before
};

}  // namespace comdml::learn
