// SPDX-License-Identifier: BSL-1.0
/// \file
/// The course of an agent's rounds where somebody may be lost: where a round is taken up again and by whom, when its
/// result stays, and how an agent that missed it comes back in. What the agents say to each other for that is the
/// lifeline's. Where nobody may be lost, every round has one attempt, from the plan on.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/learn/blueprint.hpp"
#include "comdml/learn/epoch.hpp"
#include "comdml/learn/ledger.hpp"
#include "comdml/learn/lifeline.hpp"
#include "comdml/learn/peers.hpp"
#include "comdml/learn/policies.hpp"
#include "comdml/learn/records.hpp"
#include "comdml/learn/standing.hpp"
#include "comdml/learn/state_message.hpp"
#include "comdml/learn/survey.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::learn {

template <Job J>
class recovery {
 public:
  using line = peers<typename J::transport>;
  using states = ledger<typename types<J>::model>;
  using turn = typename lifeline<typename J::transport>::turn;

  recovery(line& fleet, states& held, survey<J>& known) : fleet_{fleet}, held_{held}, survey_{known} {}

  /// How far the agent's run is: where it begins, and the attempt that its last result is of.
  [[nodiscard]] const mark& reached() const noexcept { return reached_; }
  /// It goes on from a checkpoint.
  void go_on_from(const mark& reached) { reached_ = reached; }
  /// Takes part from the start, with these.
  void begin(const std::vector<agent_id>& members) { start(reached_.round, roster::of(members), held_.digest()); }

  // ------------------------------------------------------------------------------------------------- one attempt of it
  /// A round's first attempt, or another one.
  void enter(round_index round) {
    if (fleet_.round() != round || !entered_) fleet_.enter(round, beginners_);
    entered_ = true;
    if (!take_up_formed()) survey_.members_changed();
  }
  /// Where this attempt begins.
  [[nodiscard]] resumption resumed_from() const noexcept { return resumed_from_; }
  /// The round's plan, if an earlier attempt has made one that still holds; nullptr: one is to be made.
  [[nodiscard]] const pairing::plan* plan() const noexcept {
    return resumed_from_ == resumption::plan ? nullptr : &plan_;
  }
  /// The plan that was made last.
  [[nodiscard]] const pairing::plan& last_plan() const noexcept { return plan_; }
  void keep(const pairing::plan& made) {
    if (fleet_.survives()) plan_ = made;
  }
  /// The agent has trained by the plan.
  void has_trained() noexcept { resumed_from_ = resumption::join; }
  /// Goes on with the members of the epoch that the others have formed meanwhile, if they have. \returns whether
  bool take_up_formed() {
    if (!fleet_.transport().formed()) return false;
    take_up(epoch{*fleet_.transport().formed()});
    return true;
  }
  /// Who takes part in the next round: the members, and those who ask for it.
  void invite(const roster& asking) {
    next_members_ = fleet_.transport().members().among(fleet_.members());
    for (std::size_t i = 0; i < asking.ids.size(); ++i) next_members_.take_in(asking.ids[i], asking.lives[i]);
  }
  /// Accepts the round's result. \throws disturbed if it has promised not to, malformed_message if another one was
  /// handed over than had been accepted
  void accept(std::uint64_t digest) {
    if (resumed_from_ == resumption::adopt && digest != adopted_digest_)
      throw comm::malformed_message{giver_.value(), text("round ", fleet_.round().value + 1, ": agent ", *giver_,
                                                         " hands over another result than was accepted")};
    fleet_.transport().accept(digest, fleet_.members(), next_members_);
  }
  /// Ends the round: from here on its result stays.
  void commit(std::uint64_t digest) {
    reached_.attempt = fleet_.transport().attempt();
    held_.commit();
    start(round_index{fleet_.round().value + 1}, next_members_, digest);
  }
  /// Who began the round and does not take part any more.
  [[nodiscard]] std::vector<agent_id> lost() const {
    std::vector<agent_id> missing;
    std::ranges::set_difference(beginners_, fleet_.members(), std::back_inserter(missing));
    return missing;
  }

  // ------------------------------------------------------------------------------------------ when it has missed one
  /// Whether the others begin the next round without this agent: it is new, or was lost when they chose who takes part.
  [[nodiscard]] bool left_out() const {
    return fleet_.survives() && !fleet_.transport().members().has(fleet_.self(), fleet_.transport().life());
  }
  /// Asks to be taken in. \returns the first round that it takes part in \throws run_error if for long nobody answers
  [[nodiscard]] round_index come_in() {
    const bool new_here = fleet_.transport().members().ids.empty();
    const std::vector<agent_id> founders =
        new_here && fleet_.is_member(fleet_.self()) ? fleet_.members() : std::vector<agent_id>{};
    if (const std::optional<roster> all = fleet_.transport().ask_in(founders, reached_)) {
      survey_.forget_partners();
      start(reached_.round, *all, held_.digest());
      return reached_.round;
    }
    return accept_invitation();
  }
  /// After `disturbed` or the loss of a peer: agrees with the others on how the round goes on. \throws run_error if
  /// there are too few
  [[nodiscard]] turn recover() { return fleet_.transport().recover(); }
  /// After turn::decided: takes over what the others tell of the round. \returns the digest of its result
  [[nodiscard]] std::uint64_t hear_result() {
    const standing now = fleet_.transport().told();
    fleet_.transport().disbelieve(now.teller);  // until the next round begins: only if this makes no sense
    comm::message_reader story{now.story, now.teller};
    run_so_far run = read_record_of_run(story, fleet_.round().value + 1);
    story.finish();
    held_.so_far = std::move(run);
    next_members_ = now.members;
    survey_.forget_partners();
    return now.digest;
  }
  /// After turn::entered. \returns the round that it takes part in
  [[nodiscard]] round_index accept_invitation() {
    const welcome invited = fleet_.transport().invitation();
    fleet_.transport().disbelieve(invited.giver);  // as in hear_result
    held_.receive(invited.state, invited.giver, invited.round.value, held_.committed());
    held_.drop_result();
    survey_.forget_partners();
    fleet_.start_over();
    start(invited.round, invited.members, held_.digest());
    return invited.round;
  }

  // -------------------------------------------------------------------------------------------------- handing over
  void give(agent_id to, const replica& state) {
    fleet_.require_ok(
        "handing the state over", to,
        fleet_.transport().send(to, fleet_.tag(message_kind::state), held_.write(state), seconds::infinity()));
  }
  /// \returns whether there was one: nobody stays for those who come when the run is over
  [[nodiscard]] bool take(agent_id from, replica& state) {
    const comm::delivery got = fleet_.transport().receive(from, fleet_.tag(message_kind::state), seconds::infinity());
    if (got.result == comm::result::peer_lost) return false;
    fleet_.require_ok("waiting for the state", from, got.result);
    held_.receive(got.data, from, fleet_.round().value, state);
    return true;
  }

 private:
  void start(round_index round, const roster& members, std::uint64_t digest) {
    next_members_ = members;
    beginners_ = members.ids;
    resumed_from_ = resumption::plan;
    fleet_.transport().begin(
        {.round = round, .members = members, .digest = digest, .story = state_record(held_.so_far).take()});
  }

  /// Goes on with the members of an epoch.
  void take_up(const epoch& next) {
    fleet_.transport().enter(next);
    fleet_.enter(fleet_.round(), next.members);
    fleet_.start_over();
    resumed_from_ = next.from;
    if (next.from == resumption::join)
      survey_.members_changed();
    else
      survey_.forget_partners();
    if (next.from != resumption::adopt) {
      held_.drop_result();
      return;
    }
    adopted_digest_ = next.digest;
    next_members_ = next.next_members;
    const auto has_it = [&](agent_id member) { return !std::ranges::binary_search(next.lacking, member); };
    const auto first = std::ranges::find_if(next.members, has_it);
    const agent_id giver = first != next.members.end() ? *first : agent_id{};
    giver_.reset();
    if (giver == fleet_.self()) {
      for (const agent_id to : next.lacking) give(to, held_.result());
    } else if (!has_it(fleet_.self())) {
      giver_ = giver;
      if (!take(giver, held_.begin_result())) throw disturbed{};
    }
  }

  line& fleet_;
  states& held_;
  survey<J>& survey_;
  mark reached_{};

  // of the current round
  bool entered_ = false;             ///< whether there is one
  std::vector<agent_id> beginners_;  ///< who was to take part
  roster next_members_;              ///< of the next round
  resumption resumed_from_ = resumption::plan;
  pairing::plan plan_;
  std::uint64_t adopted_digest_ = 0;  ///< of the result that was accepted before this attempt
  std::optional<agent_id> giver_;     ///< of that result, where this agent lacked it
};

}  // namespace comdml::learn
