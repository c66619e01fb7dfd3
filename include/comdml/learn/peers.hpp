// SPDX-License-Identifier: BSL-1.0
/// \file
/// An agent's line to the rest of the fleet: exchanges of small records with all, agreement, and what happens when a
/// peer does not answer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "comdml/comm/collective.hpp"
#include "comdml/comm/message.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/learn/control.hpp"
#include "comdml/learn/epoch.hpp"
#include "comdml/learn/lifeline.hpp"
#include "comdml/learn/membership.hpp"
#include "comdml/learn/timeline.hpp"

namespace comdml::learn {

/// Thrown through an agent's code when the embedding program asked it to stop.
struct interrupted {};

/// A peer ended or did not answer in time. Where several agents fail, another error is the cause of this one.
class peer_lost_error : public run_error {
 public:
  using run_error::run_error;
};

/// Kinds of message, the `kind` of a comm::tag.
enum class message_kind : std::uint16_t {
  status = 1,
  smashed_data,
  training_report,
  weights,
  round_counts,
  verdict,
  plan,
  plan_digest,
  link_exchange,
  negotiation,
  negotiated,
  neighbor_weights,
  gossip,
  handed_weights,
  returned_gradient,
  final_average,
  state
};

/// All agents of a fleet, as one of them sees them.
template <Transport T>
class peers {
 public:
  peers(T& line, const membership& fleet, const survival& how, const control& hold)
      : line_{line, how, fleet.routes.links().agents(), fleet.life.value_or(0)},
        control_{hold},
        group_{epoch_index{}, fleet.routes},
        stages_{fleet.stages} {}

  [[nodiscard]] lifeline<T>& transport() noexcept { return line_; }
  [[nodiscard]] const lifeline<T>& transport() const noexcept { return line_; }
  /// Whether the others go on when somebody is lost.
  [[nodiscard]] bool survives() const noexcept { return line_.how().wanted; }
  [[nodiscard]] agent_id self() const { return line_.self(); }
  [[nodiscard]] const std::vector<agent_id>& members() const noexcept { return group_.members(); }
  [[nodiscard]] const comm::routes& routes() const noexcept { return group_.routes; }
  [[nodiscard]] const link_matrix& links() const noexcept { return group_.routes.links(); }
  [[nodiscard]] std::size_t rank_of(agent_id agent) const {
    return static_cast<std::size_t>(std::ranges::find(members(), agent) - members().begin());
  }

  /// Goes on to a round, one by one. \returns what is handed over before it
  std::span<const fleet::hand_over> enter(round_index round) {
    round_ = round;
    if (!stages_ || next_stage_ == stages_->size() || (*stages_)[next_stage_].from() > round) return {};
    const stage& begun = (*stages_)[next_stage_];
    turnouts_ += next_stage_ > 0 && begun.members() != (*stages_)[next_stage_ - 1].members() ? 1 : 0;
    there_ = std::ranges::binary_search(begun.members(), self());
    tables_ = there_ ? begun.share() : nullptr;
    if (there_) group_ = {epoch_index{static_cast<std::uint32_t>(next_stage_)}, tables_->routes};
    ++next_stage_;
    return begun.hand_overs();
  }
  /// Goes on with other members, over the same links.
  void enter(round_index round, const std::vector<agent_id>& with) {
    round_ = round;
    there_ = std::ranges::binary_search(with, self());
    if (with == members()) return;
    ++turnouts_;
    tables_ = nullptr;
    group_ = {epoch_index{group_.epoch.value + 1}, comm::routes{links(), with}};
  }
  /// The same members begin anew: what one of them remembers, another may not.
  void start_over() noexcept { ++turnouts_; }
  /// Links between the members, numbered from 0; nullptr where only those of all agents are known.
  [[nodiscard]] const link_matrix* member_links() const noexcept { return tables_ ? &tables_->links : nullptr; }
  /// How often others took part than before, or the same ones began anew.
  [[nodiscard]] std::size_t turnouts() const noexcept { return turnouts_; }
  /// Nobody is where this agent is away.
  [[nodiscard]] bool is_member(agent_id agent) const { return there_ && std::ranges::binary_search(members(), agent); }
  /// Whether this agent is the first of those who take part.
  [[nodiscard]] bool leads() const { return there_ && members().front() == self(); }

  void begin_round(round_index round) {
    round_ = round;
    if (control_.recorder) control_.recorder->begin_round(self(), round);
  }
  [[nodiscard]] round_index round() const noexcept { return round_; }
  [[nodiscard]] comm::tag tag(message_kind kind) const {
    return {round_.value, static_cast<std::uint16_t>(kind), 0, line_.attempt()};
  }

  /// Tells the recorder, if there is one, what the time from `begin` until now went to. `other`: see span_of_time.
  void record(activity what, agent_id other, seconds begin) {
    if (control_.recorder) control_.recorder->add(self(), {what, other, begin, line_.clock().now()});
  }
  /// The same for an exchange that began at `begin` with the wait for the last agent, which was ready at `ready`.
  void record_wait(seconds begin, seconds ready) {
    if (!control_.recorder) return;
    const seconds end = line_.clock().now();
    const seconds middle = std::clamp(ready, begin, end);
    control_.recorder->add(self(), {activity::waiting, self(), begin, middle});
    control_.recorder->add(self(), {activity::exchange, self(), middle, end});
  }
  /// What the own training would take without help.
  void record_alone(seconds alone) {
    if (control_.recorder) control_.recorder->would_take(self(), alone);
  }

  /// Between two mini-batches: the place to stop or to pause.
  void check() {
    if (control_.pause) control_.pause->wait(control_.stop);
    if (control_.stop.stop_requested()) throw interrupted{};
  }
  /// The same where the agent can also hear of others that are lost.
  void listen() {
    check();
    line_.poll();
  }

  /// Does nothing if the result is ok. `what` failed otherwise.
  void require_ok(const char* what, agent_id peer, comm::result result) {
    if (result == comm::result::ok) return;
    if (control_.stop.stop_requested()) throw interrupted{};  // the peer left because it was asked to, too
    line_.missed(peer, result);
    throw peer_lost_error{text("agent ", self(), ", round ", round_.value + 1, ": ", what, ": agent ", peer,
                               result == comm::result::timed_out ? " did not answer in time" : " was lost")};
  }

  /// The same for what the agent can do without, if the others are to survive a loss. \returns whether it is ok
  [[nodiscard]] bool reached(const char* what, agent_id peer, comm::result result) {
    if (result == comm::result::ok) return true;
    if (!survives() || control_.stop.stop_requested()) require_ok(what, peer, result);
    line_.missed(peer, result);
    return false;
  }
  /// A peer has sent what makes no sense: remembers what, until the next report.
  void refuse(const comm::malformed_message& error) { refused_.push_back(error.what()); }
  /// The same, and takes it for lost in this round. Of a message of its own that makes no sense to itself, the others
  /// will say so.
  void distrust(const comm::malformed_message& error) {
    refuse(error);
    if (error.sender() != self()) line_.distrust(error.sender());
  }
  [[nodiscard]] std::vector<std::string> take_refused() { return std::exchange(refused_, {}); }
  /// The run is over, but not all others may know: answers them for a while. \throws interrupted
  void answer_late_ones() {
    line_.answer_late_ones([this] { check(); });
  }
  /// Whether the others have decided to go on without an agent, or will.
  [[nodiscard]] bool gone(agent_id agent) const {
    if (line_.replaced(agent)) return true;
    return line_.formed() && !std::ranges::binary_search(line_.formed()->members, agent);
  }

  /// All agents' records of one kind: read(reader, sender) is called in the order of the members.
  template <class Read>
  void exchange(message_kind kind, comm::message_writer&& own, Read&& read) {
    const seconds begin = line_.clock().now();
    const comm::gathered all = comm::all_gather(line_, group_, tag(kind), own.take(), seconds::infinity());
    require_ok("an exchange with all", all.outcome.culprit.value_or(self()), all.outcome.result);
    for (std::size_t rank = 0; rank < members().size(); ++rank) {
      comm::message_reader from{all.records[rank], members()[rank]};
      read(from, members()[rank]);
      from.finish();
    }
    if (kind != message_kind::training_report) record(activity::exchange, self(), begin);  // see record_wait
  }

  /// Sums the vectors of all agents. \returns bytes that this agent sent, as a relay too
  template <Collective C, WireCodec W>
  bytes sum(const C& collective, message_kind kind, std::span<float> values, const W& codec) {
    const seconds begin = line_.clock().now();
    constexpr seconds forever = seconds::infinity();
    std::optional<comm::outcome> done;
    // A transport's own sum hears nothing of losses, which whoever chooses it must not want to survive.
    if (std::string_view{codec.name} == comm::fp32::name)
      done = comm::own_sum(line_.direct(), collective, group_, tag(kind), values, forever);
    if (!done) done = comm::all_reduce(line_, collective, group_, tag(kind), values, forever, codec);
    require_ok("the all-reduce", done->culprit.value_or(self()), done->result);
    record(activity::all_reduce, self(), begin);
    return done->sent;
  }

  /// That all members hold the same. Those that hold another than more than half are done without, where the others go
  /// on when somebody is lost. \throws disturbed then; otherwise, and for one of them, run_error that names them
  void require_agreement(const char* what, const std::vector<std::pair<agent_id, std::uint64_t>>& digests) {
    if (std::ranges::all_of(digests, [&](const auto& one) { return one.second == digests.front().second; })) return;
    const auto holders = [&](const auto& one) {
      return std::ranges::count(digests, one.second, &std::pair<agent_id, std::uint64_t>::second);
    };
    const std::pair<agent_id, std::uint64_t> common = *std::ranges::max_element(digests, {}, holders);
    std::vector<agent_id> others;
    std::string names;
    for (const auto& [agent, digest] : digests) {
      if (digest == common.second) continue;
      others.push_back(agent);
      names += text(names.empty() ? "" : ", ", agent);
    }
    const auto problem = [&](const std::string& who) {
      return text("round ", round_.value + 1, ": ", who, " another ", what, " than agent ", common.first);
    };
    const bool most = 2 * others.size() < digests.size();
    if (!survives() || !most || std::ranges::binary_search(others, self()))
      throw run_error{problem(text("agents ", names, " hold")) +
                      "; do all run the same program with the same settings?"};
    for (const agent_id one : others) distrust({one, problem(text("agent ", one, " holds"))});
    throw disturbed{};
  }

 private:
  lifeline<T> line_;
  const control& control_;
  comm::group group_;
  std::shared_ptr<const std::vector<stage>> stages_;
  std::size_t next_stage_ = 0;
  std::shared_ptr<const stage::tables> tables_;  ///< of the stage
  bool there_ = true;
  std::size_t turnouts_ = 0;
  round_index round_{};
  std::vector<std::string> refused_;
};

}  // namespace comdml::learn
