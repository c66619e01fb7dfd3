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
#include <iterator>
#include <memory>
#include <optional>
#include <ranges>
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
#include "comdml/learn/checkpoint.hpp"
#include "comdml/learn/commit_log.hpp"
#include "comdml/learn/control.hpp"
#include "comdml/learn/epoch.hpp"
#include "comdml/learn/evaluate.hpp"
#include "comdml/learn/join.hpp"
#include "comdml/learn/joint_planning.hpp"
#include "comdml/learn/lifeline.hpp"
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
        fleet_{line, fleet, how.survival, hold},
        training_{how, model_, images, fleet.speed, fleet_, memory, exec},
        committed_{model_.start(how)},
        planning_{how},
        seen_{how.smoothing} {
    for (const auto& [from, speed] : changes_)
      COMDML_REQUIRE(std::isfinite(speed.value()) && speed.value() > 0, "speed ", speed.value(), " from round ", from);
    if (fleet_.survives() && fleet.stages)
      throw input_error{"survival",
                        "agents that come and go by a schedule, or links that change, are not combined with it",
                        "leave one of the two out"};
    if (hold.resume) recall(hold.resume(fleet_.self()));
    if (!fleet_.survives()) return;
    fleet_.transport().give_state_by(
        [this] { return write_state(so_far_, model_.net, committed_, carries_optimizer()); });
    if (fleet.life || !fleet_.is_member(fleet_.self())) return;
    start_round({.round = first_, .members = roster::of(fleet_.members()), .digest = digest_of_committed()});
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
    if (fleet_.survives()) {
      enter_lasting(round);
      return entry::there;
    }
    for (const auto& [giver, receiver] : fleet_.enter(round)) {
      if (giver == fleet_.self()) give_state(receiver);
      if (receiver != fleet_.self()) continue;
      if (!take_state(giver)) return entry::over;
      back = true;
    }
    keep_partners();
    if (!fleet_.is_member(fleet_.self())) {
      partners_.clear();
      return entry::away;
    }
    return back ? entry::back : entry::there;
  }

  /// The round that it begins with, unless it is taken in by others: after the checkpoint that it goes on from.
  [[nodiscard]] round_index first_round() const noexcept { return first_; }

  /// Real time that the run had taken at the checkpoint that it goes on from.
  [[nodiscard]] seconds wall_before() const noexcept { return wall_before_; }

  /// What the run can be gone on with, at the end of a round: what this agent alone knows, and, if that is wanted, what
  /// all share.
  [[nodiscard]] checkpoint memory(bool shared, const round_report& done) const {
    checkpoint now{.round = round_index{fleet_.round().value + 1},
                   .attempt = attempt_,
                   .elapsed = done.elapsed,
                   .wall = done.wall,
                   .state = {},
                   .own = own_memory()};
    if (!shared) return now;
    comm::message_writer state;
    state.write_block(write_state(so_far_, model_.net, committed_, carries_optimizer()));
    // Members that come together anew plan anew.
    state.write_block(fleet_.survives() ? std::vector<std::byte>{} : planning_.memory(model_.profile));
    now.state = state.take();
    return now;
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
    if (resumed_from_ != resumption::plan) return plan_;
    const bool measured = settings_.knowledge == knowledge::measured;
    if (measured) measure();
    link_matrix links = fleet_.links();
    exchange_statuses(measured ? &links : nullptr);
    const pairing::numbering names{fleet_.members(), links.agents()};
    const fleet::instance instance =
        fleet::make_instance(statuses_, settings_.batch, names.links(links), model_.profile);
    pairing::plan plan = planning_.next(instance, names, fleet_);
    require_same(plan);
    if (measured) partners_ = partners_in(plan);
    if (fleet_.survives()) plan_ = plan;
    return plan;
  }

  /// The plan of algorithms that know no offloading.
  [[nodiscard]] pairing::plan everyone_alone() {
    if (resumed_from_ != resumption::plan) return plan_;
    pairing::plan plan;
    plan.alone = fleet_.members();
    if (fleet_.survives()) {
      exchange_statuses(nullptr);  // how long others are to be waited for
      plan_ = plan;
    }
    return plan;
  }

  /// Trains what the plan gives this agent: its own model, the first units of it, or its own and its guests' tails.
  void train(const pairing::plan& plan) {
    const auto work_of = [&](agent_id agent) {
      return static_cast<std::size_t>(statuses_[fleet_.rank_of(agent)].images);
    };
    if (!fleet_.survives()) return training_.train(plan, committed_, learning_rate_, work_of);
    if (resumed_from_ == resumption::plan) {
      const seconds longest = longest_training();
      fleet_.transport().expect(longest);
      fleet_.transport().training(pairing::digest(plan), fleet_.transport().clock().now() + longest);
      training_.train(plan, committed_, learning_rate_, work_of);
      fleet_.transport().trained();
      resumed_from_ = resumption::join;
    }
    if (const auto& formed = fleet_.transport().formed()) take_up(epoch{*formed});
    if (resumed_from_ == resumption::join) training_.repair(plan, committed_);
  }

  /// Joins the halves inside the all-reduce; the common state becomes the average over all agents whose training stayed
  /// finite, weighted by their numbers of images. \throws run_error if nobody's did
  void join(const pairing::plan& plan) { join(plan, settings_.collective); }

  /// The same, summed in another way.
  template <Collective C>
  void join(const pairing::plan& plan, const C& collective) {
    if (resumed_from_ == resumption::adopt) return;
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
    const auto images_of = [&](agent_id agent) { return fleet_.is_member(agent) ? images[fleet_.rank_of(agent)] : 0; };
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
    const auto trained_here = [&](const guest& g) {
      return g.id == fleet_.self() || !reports[fleet_.rank_of(g.id)].own_tail;
    };
    for (const guest& g : training_.guests)
      if (const std::int64_t theirs = images_of(g.id); theirs > 0 && trained_here(g))
        term.add_units(model_.net, g.state, split::handed_over_units(model_.net, g.cut), share(theirs, total));
    if (fleet_.survives()) fleet_.transport().expect(longest_sum(term.values().size_bytes()));
    weight_bytes_ = fleet_.sum(collective, message_kind::weights, term.values(), settings_.weight_wire);
    if (fleet_.survives()) joined_ = committed_;
    term.store(result());
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
    so_far_.saved = saved_ = {};
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
        own = evaluate(model_.net, result().body.model, part, settings_.loss, memory.body, exec_,
                       [&] { fleet_.check(); });
      });
    digest64 weights;
    weights.update(std::as_bytes(std::span{result().body.model.parameters}));
    weights.update(std::as_bytes(std::span{result().body.model.statistics}));
    if (fleet_.survives()) {
      if (resumed_from_ == resumption::adopt && weights.value() != adopted_digest_)
        throw run_error{text("round ", fleet_.round().value + 1, ": agent ", fleet_.self(),
                             " was given another result than was accepted")};
      fleet_.transport().accept(weights.value(), fleet_.members(), next_members_);
    }

    comm::message_writer message = round_record({.test = own,
                                                 .activations = training_.activation_bytes,
                                                 .weights = weight_bytes_ + std::exchange(taken_bytes_, {}),
                                                 .now = fleet_.transport().clock().now(),
                                                 .digest = weights.value()});

    seconds elapsed{};
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
      elapsed = std::max(elapsed, seconds{from.read<double>()});
      digests.emplace_back(sender, from.read<std::uint64_t>());
    });
    if (common_) fleet_.require_agreement("weights", digests);
    so_far_.saved += std::exchange(saved_, {});
    so_far_.results.push_back(sum.seen > 0 ? sum.accuracy() : std::numeric_limits<double>::quiet_NaN());
    round_report done = report_of(plan, elapsed, weights.value());
    if (sum.seen > 0) done.test_loss = sum.mean_loss();
    if (fleet_.survives()) commit(weights.value());
    return done;
  }

  // ---------------------------------------------------------------------------------------- when somebody may be lost
  /// Whether the others go on when somebody is lost.
  [[nodiscard]] bool survives() const noexcept { return fleet_.survives(); }
  /// Whether the others begin the next round without this agent: it is new, or was lost when they chose who takes part.
  [[nodiscard]] bool left_out() const {
    return fleet_.survives() && !fleet_.transport().members().has(fleet_.self(), fleet_.transport().life());
  }
  /// Asks to be taken in. \returns the first round that it takes part in \throws run_error if for long nobody answers
  [[nodiscard]] round_index come_in() {
    const bool new_here = fleet_.transport().members().ids.empty();
    const std::vector<agent_id> founders =
        new_here && fleet_.is_member(fleet_.self()) ? fleet_.members() : std::vector<agent_id>{};
    if (std::optional<roster> all = fleet_.transport().ask_in(founders, {first_, attempt_})) {
      start_round({.round = first_, .members = *std::move(all), .digest = digest_of_committed()});
      return first_;
    }
    return accept_invitation();
  }

  using turn = typename lifeline<typename J::transport>::turn;
  /// After `disturbed` or the loss of a peer: agrees with the others on how the round goes on. \throws run_error if
  /// there are too few
  [[nodiscard]] turn recover() { return fleet_.transport().recover(); }
  /// After turn::decided: the report of the round, which the others have ended.
  [[nodiscard]] round_report report_of_others() {
    const standing now = fleet_.transport().told();
    comm::message_reader story{now.story, fleet_.self()};
    so_far_ = read_record_of_run(story, fleet_.round().value + 1);
    story.finish();
    next_members_ = now.members;
    saved_ = {};
    const round_report done = report_of(plan_, fleet_.transport().clock().now(), now.digest);
    commit(now.digest);
    return done;
  }
  /// After turn::entered. \returns the round that it takes part in
  [[nodiscard]] round_index accept_invitation() {
    const welcome invited = fleet_.transport().invitation();
    so_far_ = read_state(invited.state, fleet_.self(), invited.round.value, committed_, carries_optimizer());
    taken_bytes_ = bytes{static_cast<double>(invited.state.size())};
    fleet_.start_over();
    start_round({.round = invited.round, .members = invited.members, .digest = digest_of_committed()});
    return invited.round;
  }

  /// Whether any agent wants to end the job after this round.
  [[nodiscard]] bool anyone_stops(bool own_wish) {
    bool any = false;
    fleet_.exchange(message_kind::verdict, verdict_record(own_wish),
                    [&](comm::message_reader& from, agent_id) { any = from.read<std::uint8_t>() != 0 || any; });
    return any;
  }

 private:
  /// What the round has come to, as long as it is not committed.
  [[nodiscard]] replica& result() noexcept { return joined_ ? *joined_ : committed_; }
  [[nodiscard]] std::uint64_t digest_of_committed() const {
    digest64 weights;
    weights.update(std::as_bytes(std::span{committed_.body.model.parameters}));
    weights.update(std::as_bytes(std::span{committed_.body.model.statistics}));
    return weights.value();
  }

  void exchange_statuses(link_matrix* measured) {
    const fleet::status own = fleet::make_status(seen_.speed(speed_), training_.work(), spare_memory_);
    comm::message_writer message = status_record(own);
    if (measured) seen_.write_links(message);
    statuses_.clear();
    fleet_.exchange(message_kind::status, std::move(message), [&](comm::message_reader& from, agent_id sender) {
      fleet::status& status = statuses_.emplace_back();
      status.micro_batches_per_second = from.read<std::int64_t>();
      status.images = from.read<std::int64_t>();
      status.memory = from.read<std::int64_t>();
      if (measured) measurements::read_links(from, sender, *measured);
    });
  }

  [[nodiscard]] round_report report_of(const pairing::plan& plan, seconds elapsed, std::uint64_t digest) const {
    round_report done{.round = fleet_.round(),
                      .epoch = epoch_index{fleet_.round().value},
                      .rounds_planned = settings_.rounds,
                      .train_loss = train_loss_,
                      .learning_rate = learning_rate_,
                      .elapsed = before_ + elapsed,
                      .elapsed_alone = before_ + elapsed + so_far_.saved,
                      .activation_bytes = so_far_.activations,
                      .weight_bytes = so_far_.weights,
                      .digest = digest,
                      .plan = plan,
                      .sat_out = sat_out_};
    if (const double accuracy = so_far_.results.back(); !std::isnan(accuracy)) done.test_accuracy = accuracy;
    std::ranges::set_difference(beginners_, fleet_.members(), std::back_inserter(done.lost));
    return done;
  }

  // ------------------------------------------------------------------------------------------------------ checkpoints
  /// What the agent alone knows, as far as later rounds depend on it.
  [[nodiscard]] std::vector<std::byte> own_memory() const {
    comm::message_writer message;
    detail::write_standing(message, fleet_.transport().direct());
    if (settings_.knowledge != knowledge::measured) return message.take();
    message.write(training_.done.value()).write(training_.computing.value());
    seen_.write(message);
    write_ids(message, partners_);
    return message.take();
  }
  void recall(const checkpoint& from) {
    comm::message_reader shared{from.state, fleet_.self()};
    so_far_ = read_state(shared.read_block(), fleet_.self(), from.round.value, committed_, carries_optimizer());
    const auto plan = shared.read_block();
    shared.finish();
    for (std::uint32_t over = 0; over < from.round.value; ++over) static_cast<void>(fleet_.enter(round_index{over}));
    planning_.recall(plan, fleet_.turnouts());
    first_ = from.round;
    attempt_ = from.attempt;
    before_ = from.elapsed;
    wall_before_ = from.wall;
    auto& line = fleet_.transport().direct();
    if (from.own.empty()) {  // it has not taken part yet
      if (detail::goes_on<typename J::transport>) before_ = {};
      return;
    }
    comm::message_reader own{from.own, fleet_.self()};
    if (detail::read_standing(own, line, fleet_.links().agents())) before_ = {};
    if (settings_.knowledge == knowledge::measured) {
      training_.done = batches{own.read<double>()};
      training_.computing = seconds{own.read<double>()};
      seen_.read(own);
      partners_ = read_ids(own, fleet_.links().agents());
    }
    own.finish();
    if (!fleet_.is_member(fleet_.self())) partners_.clear();  // of its last round, not of the last one
  }

  // ---------------------------------------------------------------------------------------- when somebody may be lost
  void start_round(standing now) {
    now.story = state_record(so_far_).take();
    next_members_ = now.members;
    beginners_ = now.members.ids;
    resumed_from_ = resumption::plan;
    fleet_.transport().begin(std::move(now));
  }

  /// Everything that ends a round: from here on its result stays.
  void commit(std::uint64_t digest) {
    attempt_ = fleet_.transport().attempt();
    committed_ = *std::exchange(joined_, std::nullopt);
    const round_index next{fleet_.round().value + 1};
    start_round({.round = next, .members = next_members_, .digest = digest});
  }

  /// A round's first attempt, or another one.
  void enter_lasting(round_index round) {
    if (fleet_.round() != round || !entered_) fleet_.enter(round, beginners_);
    entered_ = true;
    if (const auto& formed = fleet_.transport().formed()) take_up(epoch{*formed});
    keep_partners();
  }

  /// Goes on with the members of an epoch.
  void take_up(const epoch& next) {
    fleet_.transport().enter(next);
    fleet_.enter(fleet_.round(), next.members);
    fleet_.start_over();
    resumed_from_ = next.from;
    if (next.from != resumption::adopt) {
      joined_.reset();
      return;
    }
    adopted_digest_ = next.digest;
    next_members_ = next.next_members;
    agent_id giver{};
    for (const agent_id member : std::views::reverse(next.members))
      if (!std::ranges::binary_search(next.lacking, member)) giver = member;
    if (giver == fleet_.self()) {
      for (const agent_id to : next.lacking) give(to, result());
    } else if (std::ranges::binary_search(next.lacking, fleet_.self())) {
      joined_ = committed_;
      if (!take_state(giver, *joined_)) throw disturbed{};
    }
  }

  /// Of the training of anyone, by the plan's reckoning and by what the last round took.
  [[nodiscard]] seconds longest_training() const {
    seconds longest = last_training_;
    for (const fleet::status& one : statuses_)
      longest = std::max(
          longest, fleet::compute_time(1, static_cast<std::size_t>(one.images), settings_.batch,
                                       batches_per_second{1e-6 * static_cast<double>(one.micro_batches_per_second)}));
    return longest;
  }
  /// Of a sum over all members: each sends all values twice, over the slowest of their links.
  [[nodiscard]] seconds longest_sum(std::size_t size) const {
    bits_per_second slowest = bits_per_second::infinity();
    for (const agent_id a : fleet_.members())
      for (const agent_id b : fleet_.members())
        if (a != b && fleet_.links()(a, b).rate.value() > 0) slowest = std::min(slowest, fleet_.links()(a, b).rate);
    return bytes{2.0 * static_cast<double>(size)} / slowest;
  }

  void give_state(agent_id to) { give(to, committed_); }
  void give(agent_id to, const replica& state) {
    fleet_.require_ok(
        "handing the state over", to,
        fleet_.transport().send(to, fleet_.tag(message_kind::state),
                                write_state(so_far_, model_.net, state, carries_optimizer()), seconds::infinity()));
  }

  /// \returns whether there was one: nobody stays for those who come when the run is over
  [[nodiscard]] bool take_state(agent_id from) { return take_state(from, committed_); }
  [[nodiscard]] bool take_state(agent_id from, replica& state) {
    const comm::delivery got = fleet_.transport().receive(from, fleet_.tag(message_kind::state), seconds::infinity());
    if (got.result == comm::result::peer_lost) return false;
    fleet_.require_ok("waiting for the state", from, got.result);
    so_far_ = read_state(got.data, from, fleet_.round().value, state, carries_optimizer());
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

  void keep_partners() {
    std::erase_if(partners_, [&](agent_id partner) {
      return !fleet_.is_member(partner) || !linked_both_ways(fleet_.self(), partner);
    });
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
    bool own_tail = false;
  };

  /// What each agent trained, in the order of the members; adds up the losses and the times of the round.
  std::vector<training_report> exchange_training_reports() {
    evaluation loss = training_.own_loss;
    std::vector<agent_id> broken = training_.dropped;
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
    if (fleet_.survives()) {
      message.write(std::uint8_t{training_.own_tail}).write((training_.end - training_.begin).value());
      roster asking;
      for (const auto& [id, life] : fleet_.transport().asking()) asking.take_in(id, life);
      write_roster(message, asking);
      next_members_ = fleet_.transport().members().among(fleet_.members());
      last_training_ = {};
    }

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
      if (!fleet_.survives()) return;
      report.own_tail = from.read<std::uint8_t>() != 0;
      last_training_ = std::max(last_training_, seconds{from.read<double>()});
      const roster asking = read_roster(from, fleet_.links().agents());
      for (std::size_t i = 0; i < asking.ids.size(); ++i) next_members_.take_in(asking.ids[i], asking.lives[i]);
    });
    fleet_.record_wait(training_.end, end);
    train_loss_ = sum.mean_loss();
    saved_ = end_alone - end;
    return reports;
  }

  /// Whether both halves of an agent's model stayed finite.
  [[nodiscard]] bool usable(const pairing::plan& plan, const std::vector<training_report>& reports,
                            std::size_t rank) const {
    const pairing::assignment* pair = pair_of(plan, fleet_.members()[rank]);
    if (!reports[rank].finite || pair == nullptr || reports[rank].own_tail) return reports[rank].finite;
    return fleet_.is_member(pair->fast) &&
           std::ranges::count(reports[fleet_.rank_of(pair->fast)].broken_guests, fleet_.members()[rank]) == 0;
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

  // of the checkpoint that it goes on from
  round_index first_{};
  seconds before_{};  ///< of the run, when this transport's clock was at zero
  seconds wall_before_{};
  std::uint16_t attempt_ = 0;  ///< in which the last result was made

  // of the current round
  double learning_rate_ = 0;
  std::vector<fleet::status> statuses_;
  double train_loss_ = 0;
  bytes weight_bytes_{};
  std::vector<agent_id> sat_out_;
  bytes taken_bytes_{};  ///< of the state that was handed over to it
  seconds saved_{};      ///< by helpers

  // of the current round, where somebody may be lost
  bool entered_ = false;             ///< whether there is one
  std::vector<agent_id> beginners_;  ///< who was to take part
  roster next_members_;              ///< of the next round
  resumption resumed_from_ = resumption::plan;
  pairing::plan plan_;
  std::optional<replica> joined_;  ///< its result, until that is committed
  std::uint64_t adopted_digest_ = 0;
  seconds last_training_{};  ///< of anyone, as it was in the round before

  run_so_far so_far_;  ///< over all agents, those included that were there when this one was not
};

}  // namespace comdml::learn
