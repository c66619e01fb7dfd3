// SPDX-License-Identifier: BSL-1.0
/// \file
/// Rounds without learning: scheduling, traffic and change of a fleet, without a thread per agent. Where learn::session
/// could run the same job under virtual time, the times are equal to the last bit: messages have the same sizes and
/// ways, links and windows the same rules, and sums of times the same order.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "comdml/comm/schedule.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/fleet/attendance.hpp"
#include "comdml/fleet/fleet.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/fleet/rounds.hpp"
#include "comdml/learn/records.hpp"
#include "comdml/learn/timeline.hpp"
#include "comdml/pairing/greedy.hpp"
#include "comdml/pairing/plan.hpp"
#include "comdml/simulation/collectives.hpp"
#include "comdml/simulation/model.hpp"
#include "comdml/simulation/neighbors.hpp"
#include "comdml/simulation/planning.hpp"
#include "comdml/simulation/settings.hpp"
#include "comdml/simulation/training.hpp"
#include "comdml/simulation/wires.hpp"

namespace comdml::simulation {

/// Plays a fleet's rounds.
template <PairingPolicy Policy = pairing::greedy<>, Collective Sum = comm::halving_doubling>
class simulator {
 public:
  /// \param images  that each agent owns
  simulator(fleet::description fleet, model what, std::span<const std::size_t> images, settings<Policy, Sum> how)
      : fleet_{std::move(fleet)},
        model_{std::move(what)},
        how_{std::move(how)},
        played_{fleet_},
        planning_{how_.pairing, model_.profile(), how_.batch},
        training_{model_, how_.batch, how_.join == join::neighbors},
        wires_{std::make_unique<wire_map>(fleet_.links)},
        world_{fleet_, *wires_},
        lonely_{fleet_, *wires_} {
    COMDML_REQUIRE(images.size() == fleet_.agents.size() && !images.empty(), images.size(), " agents with images, ",
                   fleet_.agents.size(), " in the fleet");
    COMDML_REQUIRE(how_.rounds > 0 && how_.batch > 1 && how_.local_epochs > 0, how_.rounds, " rounds, batch ",
                   how_.batch, ", ", how_.local_epochs, " local epochs");
    COMDML_REQUIRE(!how_.recorder || how_.join == join::all_reduce, "only rounds with a common end are recorded");
    world_.recorder = how_.recorder.get();
    for (const std::size_t count : images) work_.emplace_back(count, how_.batch, how_.local_epochs);
    results_.resize(images.size());
  }
  simulator(const simulator&) = delete;
  simulator& operator=(const simulator&) = delete;

  [[nodiscard]] bool done() const noexcept { return next_ == how_.rounds; }
  /// Of the last round.
  [[nodiscard]] const pairing::plan& plan() const noexcept { return how_.paired ? planning_.plan() : nobody_; }
  /// Who took part in the last round, ascending.
  [[nodiscard]] const std::vector<agent_id>& members() const noexcept { return members_; }

  /// Plays the next round. Requires that there is one. \throws run_error if nobody takes part
  round next() {
    COMDML_REQUIRE(!done(), "all ", how_.rounds, " rounds are over");
    const round_index number{static_cast<std::uint32_t>(next_++)};
    begin(number);
    round result{.report = {.round = number, .epoch = epoch_index{number.value}, .rounds_planned = how_.rounds}};
    result.participants = members_.size();
    result.cut_off = played_.participants().size() - members_.size();
    if (how_.join == join::all_reduce)
      play_all_reduce(result);
    else
      play_neighbors(result);
    result.report.activation_bytes = activations_;
    result.report.weight_bytes = weights_;
    result.report.train_loss = std::numeric_limits<double>::quiet_NaN();
    if (how_.paired) {
      result.pairs = plan().pairs.size();
      result.repaired = repaired_;
      if (how_.report_pairs) result.report.plan = plan();
    }
    return result;
  }

 private:
  // -------------------------------------------------------------------------------------------- before every round

  /// Who takes part, over which links, and from when on.
  void begin(round_index number) {
    const bool first = number.value == 0;
    const bool changed = played_.go_to(number);
    world_.begin_round(number);
    lonely_.begin_round(number);
    const bool other_links = links_version_ != played_.links_version();
    if (other_links) {
      auto wires = std::make_unique<wire_map>(played_.links());
      world_.change(*wires);
      lonely_.change(*wires);
      wires_ = std::move(wires);
      links_version_ = played_.links_version();
    }
    changed_ = changed;
    if (!first && !other_links && played_.participants() == wanted_ && played_.present() == present_) return;
    wanted_ = played_.participants();
    present_ = played_.present();
    if (how_.join == join::all_reduce) {
      fleet::turnout turnout = fleet::next_turnout(played_.links(), wanted_, present_, members_);
      for (const auto& [giver, receiver] : turnout.hand_overs) hand_over(giver, receiver);
      members_ = std::move(turnout.members);
      group_.emplace(*wires_, members_, how_.weight_wire);
    } else {
      const agent_set before = fleet::set_of(members_, fleet_.agents.size());
      members_ = wanted_;
      if (!first) {
        join_in(world_, before);
        join_in(lonely_, before);
      }
    }
    if (members_.empty()) throw run_error{text("round ", number.value + 1, ": no agent is there")};
    takes_part_ = fleet::set_of(members_, fleet_.agents.size());
  }

  /// The state of the last round, to an agent that did not take part in it.
  void hand_over(agent_id giver, agent_id receiver) {
    const std::vector<bool> all_heads(model_.heads(), true);
    const bytes size{static_cast<double>(size_of(learn::state_record({.results = std::vector<double>(next_ - 1)})) +
                                         sizeof(float) * model_.values(all_heads))};
    seconds& time = world_.time[receiver.value];
    time = std::max(time, world_.send(giver, wires_->find(giver, receiver), world_.time[giver.value], size));
    weights_ += size;
  }

  /// Whoever did not take part in the round before begins when that is over for its neighbors.
  void join_in(clocks& world, const agent_set& before) const {
    std::vector<seconds> after = world.time;
    for (const agent_id agent : members_) {
      if (before[agent.value]) continue;
      seconds& own = after[agent.value];
      for (wire_index wire = wires_->begin(agent.value); wire < wires_->end(agent.value); ++wire)
        if (before[wires_->to(wire)]) own = std::max(own, world.time[wires_->to(wire)]);
    }
    world.time = std::move(after);
  }

  void make_plan() {
    const bool current = how_.knowledge == knowledge::current;
    if (changed_) {
      std::vector<fleet::status> statuses;
      statuses.reserve(members_.size());
      for (const agent_id agent : members_)
        statuses.push_back(
            fleet::make_status(current ? played_.speeds()[agent.value] : fleet_.agents[agent.value].speed,
                               work_[agent.value].images * how_.local_epochs, fleet_.agents[agent.value].memory));
      // A link that is gone cannot be used, whatever was declared.
      planning_.change(members_, statuses, current || links_version_ > 0 ? played_.links() : fleet_.links);
    }
    const bool same_wires = std::exchange(planned_links_version_, links_version_) == links_version_;
    if (!planning_.next() && same_wires) {
      repaired_ = 0;
      return;
    }
    std::vector<agent_id> last = std::move(helper_);
    helper_.assign(fleet_.agents.size(), nobody);
    guests_.clear();
    for (const pairing::assignment& pair : plan().pairs) {
      helper_[pair.slow.value] = pair.fast;
      guests_.emplace_back(pair.fast,
                           guest_work{pair.slow, *pairing::entry_of(model_.profile(), pair),
                                      wires_->find(pair.slow, pair.fast), wires_->find(pair.fast, pair.slow)});
    }
    std::ranges::sort(guests_, [](const auto& a, const auto& b) {
      return std::pair{a.first, a.second.slow} < std::pair{b.first, b.second.slow};
    });
    repaired_ = 0;
    if (!last.empty())
      for (std::size_t i = 0; i < helper_.size(); ++i)
        repaired_ += helper_[i] != nobody && helper_[i] != last[i] ? 1 : 0;
  }

  // ------------------------------------------------------------------------------------------------- while training

  void train_paired() {
    std::size_t next = 0;
    std::vector<guest_work> served;
    for (const agent_id agent : members_) {
      if (helper_[agent.value] != nobody) continue;
      served.clear();
      for (; next < guests_.size() && guests_[next].first == agent; ++next) served.push_back(guests_[next].second);
      if (served.empty())
        training_.alone(world_, agent, work_[agent.value], speed(agent), results_[agent.value]);
      else
        training_.together(world_, agent, served, work_, played_.speeds(), results_, activations_, weights_);
    }
  }
  void train_alone(clocks& world) {
    for (const agent_id agent : members_)
      training_.alone(world, agent, work_[agent.value], speed(agent), results_[agent.value]);
  }
  [[nodiscard]] batches_per_second speed(agent_id agent) const { return played_.speeds()[agent.value]; }
  /// What its own training takes if nobody helps.
  [[nodiscard]] seconds time_alone(agent_id agent) const {
    const std::size_t images = work_[agent.value].images * how_.local_epochs;
    return fleet::compute_time(1, images, how_.batch, speed(agent));
  }
  void tell_times_alone() const {
    if (!how_.recorder) return;
    for (const agent_id agent : members_) how_.recorder->would_take(agent, time_alone(agent));
  }

  [[nodiscard]] seconds latest(const clocks& world) const {
    seconds end{};
    for (const agent_id agent : members_) end = std::max(end, world.time[agent.value]);
    return end;
  }

  // ---------------------------------------------------------------------------------------------------- whole rounds

  /// Something that all members do at once, recorded; until `ready` they wait for the last one of them.
  template <class Action>
  void together(learn::activity what, Action&& act, seconds ready = {}) {
    if (!how_.recorder) return act();
    const std::vector<seconds> begin = world_.time;
    act();
    for (const agent_id agent : members_) {
      const seconds from = begin[agent.value];
      const seconds to = world_.time[agent.value];
      const seconds middle = std::clamp(ready, from, to);
      world_.record(agent, learn::activity::waiting, agent, from, middle);
      world_.record(agent, what, agent, middle, to);
    }
  }
  void exchange(std::size_t first, std::size_t others, seconds ready = {}) {
    together(
        learn::activity::exchange, [&] { group_->exchange(world_, first, others); }, ready);
  }
  void exchange(std::size_t record, seconds ready = {}) { exchange(record, record, ready); }

  void play_all_reduce(round& result) {
    for (const agent_id agent : members_)
      if (how_.recorder) how_.recorder->begin_round(agent, result.report.round);
    if (how_.paired) {
      exchange(size_of(learn::status_record({})));
      make_plan();
      if (!planning_.planned_by_all()) exchange(planning_.message_size(), 0);
      exchange(size_of(learn::plan_record({})));
      tell_times_alone();
      train_paired();
    } else {
      tell_times_alone();
      train_alone(world_);
    }
    seconds end{};
    seconds end_alone{};
    seconds computing{};
    for (const agent_id agent : members_) {
      const trained& own = results_[agent.value];
      end = std::max(end, own.end);
      end_alone = std::max(end_alone, own.begin + time_alone(agent));
      computing += own.computing;
    }
    exchange(size_of(learn::training_record({})), end);
    saved_ += end_alone - end;

    std::vector<bool> used(model_.heads());
    if (how_.paired)
      for (const pairing::assignment& pair : plan().pairs)
        if (work_[pair.slow.value].images > 0) used[model_.head_of(pair.split)] = true;
    together(learn::activity::all_reduce,
             [&] { weights_ += group_->sum(world_, how_.collective, model_.values(used)); });
    result.report.elapsed = latest(world_);
    result.report.elapsed_alone = result.report.elapsed + saved_;
    const seconds time = static_cast<double>(members_.size()) * (result.report.elapsed - elapsed_);
    result.idle = time > seconds{} ? 1 - computing / time : 0;
    elapsed_ = result.report.elapsed;
    exchange(size_of(learn::round_record({})));
    exchange(size_of(learn::verdict_record(false)));
  }

  void play_neighbors(round& result) {
    if (how_.paired) {  // the same fleet, had nobody been helped
      train_alone(lonely_);
      (void)exchange_with_neighbors(lonely_, members_, takes_part_, model_.whole());
    }
    seconds begin{};
    for (const agent_id agent : members_) begin += world_.time[agent.value];
    if (how_.paired) {
      (void)exchange_with_neighbors(world_, members_, takes_part_,
                                    bytes{static_cast<double>(size_of(learn::status_record({})))});
      make_plan();
      train_paired();
    } else {
      train_alone(world_);
    }
    weights_ += exchange_with_neighbors(world_, members_, takes_part_, model_.whole());
    seconds end{};
    seconds computing{};
    for (const agent_id agent : members_) {
      end += world_.time[agent.value];
      computing += results_[agent.value].computing;
    }
    result.idle = end > begin ? 1 - computing / (end - begin) : 0;
    result.report.elapsed = elapsed_ = std::max(elapsed_, latest(world_));
    elapsed_alone_ = std::max(elapsed_alone_, latest(lonely_));
    result.report.elapsed_alone = how_.paired ? elapsed_alone_ : elapsed_;
  }

  [[nodiscard]] static std::size_t size_of(comm::message_writer&& message) { return message.take().size(); }

  static constexpr agent_id nobody{0xFFFFFFFFU};

  fleet::description fleet_;
  model model_;
  settings<Policy, Sum> how_;
  fleet::rounds played_;
  planning<Policy> planning_;
  training training_;
  std::unique_ptr<wire_map> wires_;
  clocks world_;
  clocks lonely_;  ///< with join::neighbors: if nobody were helped
  std::optional<collectives> group_;
  std::vector<own_batches> work_;  ///< by agent
  std::size_t next_ = 0;

  // of the round
  bool changed_ = true;
  std::size_t links_version_ = 0;
  std::size_t planned_links_version_ = 0;  ///< whose wires the guests have
  std::vector<agent_id> members_;
  agent_set takes_part_;
  std::vector<agent_id> wanted_;                         ///< who would take part
  std::vector<agent_id> present_;                        ///< who is there
  std::vector<agent_id> helper_;                         ///< by slow agent
  std::vector<std::pair<agent_id, guest_work>> guests_;  ///< ascending by helper, then guest
  std::size_t repaired_ = 0;
  std::vector<trained> results_;
  pairing::plan nobody_;

  // since the first round
  seconds elapsed_{};
  seconds elapsed_alone_{};
  seconds saved_{};
  bytes activations_{};
  bytes weights_{};
};

}  // namespace comdml::simulation
