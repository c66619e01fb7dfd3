// SPDX-License-Identifier: BSL-1.0
/// \file
/// An agent's transport with an ear for its peers: while the agent waits for a message of its round, it also hears that
/// somebody is lost, and then agrees with the others on who goes on. Models Transport.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/learn/ear.hpp"
#include "comdml/learn/epoch.hpp"
#include "comdml/learn/standing.hpp"

namespace comdml::learn {

/// Thrown through an agent's code when its round cannot go on as it began; the agent then calls `recover`.
struct disturbed {};

/// Without `survival::wanted` every call is the transport's own. With it, no call lasts longer than the patience of the
/// phase, and any receive may throw `disturbed`.
template <Transport T>
class lifeline {
 public:
  /// How a recovery ended.
  enum class turn {
    again,    ///< the round is taken up again by the members of epoch()
    decided,  ///< the round was over, and this agent has accepted its result; see told()
    entered,  ///< the others had gone on without it, and took it in again; see invitation()
  };

  /// \param agents  that there may be, members or not: all ids are lower
  /// \param life    of this agent; see roster
  lifeline(T& line, const survival& how, std::size_t agents, std::uint32_t life)
      : line_{line}, ear_{line}, how_{how}, agents_{agents}, life_{life} {
    COMDML_REQUIRE(!how.wanted || (how.patience > seconds{} && how.endurance > how.patience), "patience ",
                   how.patience.value(), " s, endurance ", how.endurance.value(), " s");
  }

  // --------------------------------------------------------------------------------------------------- as a Transport
  [[nodiscard]] agent_id self() const { return line_.self(); }
  [[nodiscard]] std::span<const agent_id> peers() const { return line_.peers(); }
  [[nodiscard]] decltype(auto) clock() { return line_.clock(); }
  [[nodiscard]] comm::result send(agent_id to, const comm::tag& what, std::vector<std::byte> data, seconds deadline) {
    return line_.send(to, what, std::move(data), limited(deadline));
  }
  [[nodiscard]] comm::delivery receive(agent_id from, const comm::tag& what, seconds deadline) {
    const comm::channel one{from, what};
    return receive_any(std::span{&one, 1}, deadline);
  }
  [[nodiscard]] comm::delivery receive_any(std::span<const comm::channel> channels, seconds deadline) {
    if (!how_.wanted) return line_.receive_any(channels, deadline);
    react();
    const seconds until = limited(deadline);
    while (true) {
      comm::delivery got = ear_.hear(channels, until);
      if (got.tag != ear<T>::control) return got;
      if (got.result == comm::result::timed_out)
        return channels.empty() ? comm::delivery{} : comm::delivery{got.result, channels[0].from, channels[0].tag};
      if (got.result == comm::result::ok) handle(got);
      react();
    }
  }
  void forget_before(round_index round) { line_.forget_before(round); }
  void publish(std::vector<std::byte> data) { line_.publish(std::move(data)); }
  [[nodiscard]] auto peek(agent_id peer) { return line_.peek(peer); }

  // ----------------------------------------------------------------------------------------------- what a round tells
  [[nodiscard]] T& direct() noexcept { return line_; }
  [[nodiscard]] const T& direct() const noexcept { return line_; }
  [[nodiscard]] const survival& how() const noexcept { return how_; }
  [[nodiscard]] std::uint32_t life() const noexcept { return life_; }
  /// What newcomers need of the round that begins is asked for then, and until the next begins.
  void give_state_by(std::function<std::vector<std::byte>()> give) { state_ = std::move(give); }

  /// A round begins. `now.members` are those that its result needs a quorum of.
  void begin(standing now) {
    now_ = std::move(now);
    began_ = true;
    current_ = now_.members.ids;
    attempt_ = promised_ = 0;
    accepted_.clear();
    plan_.reset();
    formed_.reset();
    ear_.listen_to_all();
    timeouts_.clear();
    unreachable_.clear();
    distrusted_.clear();
    disbelieved_.clear();
    replaced_.clear();
    told_.reset();
    // One gives its state to all who come in; if it does not arrive, they ask the others for it.
    const std::map<agent_id, std::uint32_t> asking = entrance_.lives();
    const auto giver = std::ranges::find_if(now_.members.ids, [&](agent_id id) { return !asking.contains(id); });
    for (const auto& [id, life] : asking)
      if (now_.members.has(id, life)) {
        if (giver != now_.members.ids.end() && *giver == self()) welcome_in(id);
        entrance_.forget(id);
      }
    // Of the round before, its members may still want to hear who stops.
    if (how_.wanted && now_.round > round_index{}) line_.forget_before(round_index{now_.round.value - 1});
  }
  /// Training begins, by a plan with this digest; it should end at `end`. Until trained(), only what makes training
  /// useless disturbs it.
  void training(std::uint64_t plan, seconds end) {
    plan_ = plan;
    end_ = end;
    busy_ = true;
  }
  void trained() noexcept { busy_ = false; }
  /// What the next exchanges should take at most, beyond patience.
  void expect(seconds duration) noexcept { expected_ = duration; }
  /// Says what came in; in training, to be called now and then.
  void poll() {
    if (!how_.wanted) return;
    while (true) {
      const comm::delivery got = ear_.hear({}, line_.clock().now());
      if (got.result == comm::result::timed_out) break;
      if (got.result == comm::result::ok) handle(got);
    }
    react();
  }
  /// Members of an epoch that was formed while the agent trained; nothing otherwise. To be asked when it has trained.
  [[nodiscard]] const std::optional<epoch>& formed() const noexcept { return formed_; }
  /// The epoch is taken over.
  void enter(const epoch& next) {
    attempt_ = next.attempt;
    current_ = next.members;
    if (next.from == resumption::plan) plan_.reset();
    // No other result was chosen before, and none will be: only those count that the agent still holds.
    std::erase_if(accepted_,
                  [&](const acceptance& one) { return next.from != resumption::adopt || one.digest != next.digest; });
    expected_ = std::max(expected_, next.remaining);
    formed_.reset();
  }
  [[nodiscard]] std::uint16_t attempt() const noexcept { return attempt_; }
  /// An exchange with a peer failed.
  void missed(agent_id peer, comm::result how) {
    if (how == comm::result::peer_lost || ++timeouts_[peer.value] > 1) unreachable_.insert(peer);
  }
  /// A peer says what makes no sense: until the round is over, it is taken for lost, whatever else it says.
  void distrust(agent_id peer) { distrusted_.insert(peer); }
  /// What a peer tells of the round that was missed, or of the run, makes no sense: until another round begins, others
  /// are heard.
  void disbelieve(agent_id peer) {
    disbelieved_.insert(peer);
    told_.reset();
  }
  /// Who asks to take part, and in which life.
  [[nodiscard]] const std::map<agent_id, std::uint32_t>& asking() const noexcept { return entrance_.lives(); }
  /// Whether a member of the round was started again: it does not know the round, and asks to be taken in.
  [[nodiscard]] bool replaced(agent_id member) const { return replaced_.contains(member); }
  /// Those who began the round.
  [[nodiscard]] const roster& members() const noexcept { return now_.members; }

  /// The agent has the round's result. From now on it goes on only with agents that have it, or know it was not chosen.
  /// \throws disturbed if it has promised not to
  void accept(std::uint64_t digest, std::vector<agent_id> makers, roster next_members) {
    if (promised_ > attempt_) throw disturbed{};
    accepted_.push_back({attempt_, digest, std::move(makers), std::move(next_members)});
  }

  /// What others said of the round that this agent has missed the end of.
  [[nodiscard]] const standing& told() const { return *told_; }
  [[nodiscard]] const welcome& invitation() const { return *invitation_; }

  /// The run is over for this agent, but perhaps not for others, who miss the end of it: answers them as long as they
  /// may take to ask, or until all are gone. \param look  is called now and then, and may throw
  template <class Look>
  void answer_late_ones(Look&& look) {
    ear_.listen_to_all();
    const seconds until = limited(seconds::infinity()) + how_.patience;
    while (line_.clock().now() < until && ear_.gone().size() < line_.peers().size()) {
      const comm::delivery got = ear_.hear({}, std::min(until, line_.clock().now() + how_.patience * .1));
      if (got.result == comm::result::ok) handle(got);
      look();
    }
  }

  // ---------------------------------------------------------------------------------------------------------- recovery
  /// Agrees with the others on how the round goes on. \throws run_error if for long no quorum answers
  [[nodiscard]] turn recover() {
    if (std::exchange(busy_, false)) plan_.reset();  // what was trained is of no use
    ear_.listen_to_all();
    const seconds give_up = line_.clock().now() + how_.endurance;
    bool asked = promised_ > attempt_;  // by another: it will tell
    while (line_.clock().now() < give_up) {
      if (!asked && !formed_ && !told_) ask();
      asked = false;
      // Who asks next does so one after the other: in the order of their ids.
      const double turns = 1 + static_cast<double>(self().value + 1) / static_cast<double>(agents_);
      std::set<agent_id> away = ear_.gone();
      for (seconds until = line_.clock().now() + answer_time() * turns; line_.clock().now() < until;) {
        if (formed_) return turn::again;
        if (told_) return catch_up(give_up);
        const std::uint16_t before = promised_;
        const comm::delivery got = ear_.hear({}, std::min(until, line_.clock().now() + interval()));
        if (got.result == comm::result::ok) handle(got);
        if (promised_ > before) until = line_.clock().now() + answer_time() * turns;
        if (got.result != comm::result::timed_out) continue;
        // Whoever was away when this agent asked may be back, and knows more: perhaps the agent itself was cut off.
        if (!std::ranges::includes(ear_.gone(), away)) break;
        away = ear_.gone();
        ear_.listen_to_all();
      }
    }
    throw run_error{text("agent ", self(), ", round ", now_.round.value + 1, ": too few of the ",
                         now_.members.ids.size(), " agents that took part in the last round answer for it to go on")};
  }

  /// Asks to be taken in until somebody does, see invitation(), or until all of `founders` ask and no other's saved run
  /// is ahead of this agent's. \returns whether it founds the fleet: the members, all founders, come in by its welcome
  /// \throws run_error if nobody answers for long
  [[nodiscard]] std::optional<roster> ask_in(std::span<const agent_id> founders, const mark& own) {
    saved_ = own;
    if (join(line_.clock().now() + how_.endurance, founders)) return std::nullopt;
    if (auto all = founded_by(founders)) return all;
    throw run_error{text("agent ", self(), " asked to take part, and no running fleet answered: is one there?")};
  }

 private:
  enum class word : std::uint8_t { prepare = 1, promise, epoch, standing, join, welcome };

  /// In which a member answers that is there: who evaluates, say, hears nothing meanwhile.
  [[nodiscard]] seconds answer_time() const { return how_.patience + expected_; }

  /// How often the agent looks who is there when it cannot go on.
  [[nodiscard]] seconds interval() const { return std::min(how_.patience * .5, seconds{1}); }

  [[nodiscard]] seconds limited(seconds deadline) {
    if (!how_.wanted) return deadline;
    return std::min(deadline, line_.clock().now() + expected_ * 3 + how_.patience);
  }

  /// Leaves what the agent does if that is of no use any more.
  void react() const {
    const auto lacks_one = [this] {
      return std::ranges::any_of(current_, [this](agent_id member) { return replaced(member); });
    };
    if (busy_ ? formed_ && formed_->from != resumption::join : promised_ > attempt_ || formed_ || told_ || lacks_one())
      throw disturbed{};
  }

  void handle(const comm::delivery& got) {
    timeouts_.erase(got.from.value);  // it is there
    unreachable_.erase(got.from);
    try {
      comm::message_reader message{got.data, got.from};
      const auto what = message.read<std::uint8_t>();
      const round_index round{message.read<std::uint32_t>()};
      switch (static_cast<word>(what)) {
        case word::prepare:
          return on_prepare(got.from, round, message);
        case word::promise:
          return on_promise(got.from, round, message);
        case word::epoch:
          return on_epoch(round, message);
        case word::standing:
          return on_standing(message);
        case word::join:
          return on_join(got.from, round, message);
        case word::welcome:
          return on_welcome(message);
      }
    } catch (const run_error&) {  // a malformed message is as good as none
    }
  }

  void on_prepare(agent_id from, round_index round, comm::message_reader& message) {
    const auto number = message.read<std::uint16_t>();
    message.finish();
    if (is_behind(from, round)) return tell_standing(from);
    if (round > now_.round || !began_ || number <= promised_) return;
    promised_ = number;
    formed_.reset();
    comm::message_writer answer = begin_message(word::promise);
    answer.write(number);
    write_promise(answer, own_promise());
    ear_.tell(from, answer);
  }
  void on_promise(agent_id from, round_index round, comm::message_reader& message) {
    const auto number = message.read<std::uint16_t>();
    if (is_behind(from, round)) return tell_standing(from);  // it was away when it was asked
    if (round != now_.round || number != asking_number_) return;
    promise answer = read_promise(message, agents_);
    message.finish();
    if (std::ranges::find(answers_, from, &promise::from) == answers_.end()) answers_.push_back(std::move(answer));
  }
  void on_epoch(round_index round, comm::message_reader& message) {
    epoch next = read_epoch(message, agents_);
    message.finish();
    if (round != now_.round || next.attempt != promised_ || next.attempt <= attempt_ ||
        !std::ranges::binary_search(next.members, self()))
      return;
    formed_ = std::move(next);
  }
  void on_standing(comm::message_reader& message) {
    if (disbelieved_.contains(message.sender())) return;
    standing theirs = read_standing(message, agents_);
    if (theirs.round > now_.round || (theirs.round == now_.round && theirs.without_you)) told_ = std::move(theirs);
  }
  void on_join(agent_id from, round_index round, comm::message_reader& message) {
    const request theirs = read_request(message);
    entrance_.heard(from, theirs);
    if (began_ && std::ranges::binary_search(now_.members.ids, from) && !now_.members.has(from, theirs.life))
      replaced_.insert(from);
    // It is to take part in this round, and has never begun it: it makes no difference that it comes late.
    if (began_ && theirs.wants_state && now_.members.has(from, theirs.life) && (!theirs.begun || round < now_.round))
      welcome_in(from);
  }
  void on_welcome(comm::message_reader& message) {
    if (disbelieved_.contains(message.sender())) return;
    welcome what = read_welcome(message, agents_);
    if (joining_ && what.members.has(self(), life_) && (!began_ || what.round > now_.round))
      invitation_ = std::move(what);
  }
  void welcome_in(agent_id to) {
    comm::message_writer message = begin_message(word::welcome);
    write_welcome(message, {.round = now_.round, .members = now_.members, .state = state_()});
    ear_.tell(to, message);
  }

  /// Whether the members of this attempt go on without an agent.
  [[nodiscard]] bool left_out(agent_id other) const {
    return attempt_ > 0 && attempt_ == promised_ && !std::ranges::binary_search(current_, other);
  }
  /// Whether a peer that speaks of a round takes part in one that is over, or that the others go on with without it.
  [[nodiscard]] bool is_behind(agent_id peer, round_index round) const {
    return round < now_.round || (round == now_.round && left_out(peer));
  }
  [[nodiscard]] promise own_promise() {
    promise own{.from = self(), .accepted = accepted_, .plan = plan_};
    if (busy_) own.remaining = std::max(seconds{}, end_ - line_.clock().now());
    std::ranges::set_union(unreachable_, distrusted_, std::back_inserter(own.unreachable));
    return own;
  }

  /// Asks all members of the round who is there, and decides.
  void ask() {
    asking_number_ = next_number();
    promised_ = asking_number_;
    formed_.reset();
    answers_ = {own_promise()};
    std::set<agent_id> awaited;
    for (const agent_id member : now_.members.ids)
      if (member != self()) {
        comm::message_writer message = begin_message(word::prepare);
        message.write(asking_number_);
        if (ear_.tell(member, message) && !replaced(member)) awaited.insert(member);
      }
    const seconds until = line_.clock().now() + answer_time();
    while (!awaited.empty()) {
      const comm::delivery got = ear_.hear({}, until);
      if (got.result == comm::result::timed_out) break;
      if (got.result == comm::result::ok) handle(got);
      for (const promise& one : answers_) awaited.erase(one.from);
      for (const agent_id gone : ear_.gone()) awaited.erase(gone);
      if (promised_ != asking_number_ || told_) return void(asking_number_ = 0);
    }
    asking_number_ = 0;
    std::ranges::sort(answers_, {}, &promise::from);
    std::optional<epoch> next = next_epoch(promised_, now_.members.ids, how_.quorum, answers_);
    if (!next) return;
    for (const agent_id member : next->members)
      if (member != self()) {
        comm::message_writer message = begin_message(word::epoch);
        write_epoch(message, *next);
        ear_.tell(member, message);
      }
    if (std::ranges::binary_search(next->members, self())) formed_ = std::move(next);
  }

  /// The next number that is this agent's: no two agents ask under the same.
  [[nodiscard]] std::uint16_t next_number() const {
    const std::size_t own = (promised_ / agents_ + 1) * agents_ + self().value;
    if (own > std::numeric_limits<std::uint16_t>::max())
      throw run_error{text("agent ", self(), ", round ", now_.round.value + 1, ": begun anew too often")};
    return static_cast<std::uint16_t>(own);
  }

  /// After others told how far they are.
  [[nodiscard]] turn catch_up(seconds give_up) {
    const bool next_round = !told_->without_you && told_->round.value == now_.round.value + 1;
    const bool has_result = std::ranges::find(accepted_, told_->digest, &acceptance::digest) != accepted_.end();
    if (next_round && has_result && told_->members.has(self(), life_)) return turn::decided;
    told_.reset();
    if (join(give_up)) return turn::entered;
    if (formed_) return turn::again;
    throw run_error{text("agent ", self(), " was left out in round ", now_.round.value + 1,
                         ", asked to take part again, and nobody answered")};
  }

  [[nodiscard]] std::optional<roster> founded_by(std::span<const agent_id> founders) const {
    return entrance_.founded_by(self(), life_, saved_, founders);
  }

  /// \returns whether there is an invitation
  [[nodiscard]] bool join(seconds give_up, std::span<const agent_id> founders = {}) {
    joining_ = true;
    invitation_.reset();
    const auto done = [&] { return invitation_ || formed_ || founded_by(founders); };
    // One after the other is asked for the state, at growing distances: it may be under way for long.
    std::size_t givers_asked = 0;
    for (std::size_t asked = 0, next_giver = 0; !done() && line_.clock().now() < give_up; ++asked) {
      ear_.listen_to_all();  // some may not have been there before
      const bool wants_state = asked == next_giver;
      for (std::size_t i = 0; i < line_.peers().size(); ++i) {
        comm::message_writer message = begin_message(word::join);
        write_request(message, {began_, wants_state && i == givers_asked % line_.peers().size(), life_, saved_});
        ear_.tell(line_.peers()[i], message);
      }
      if (wants_state) {
        ++givers_asked;
        next_giver += std::size_t{1} << std::min<std::size_t>(givers_asked / 2, 5);
      }
      const seconds until = line_.clock().now() + interval();
      while (!done()) {
        const comm::delivery got = ear_.hear({}, until);
        if (got.result == comm::result::timed_out) break;
        if (got.result == comm::result::ok) handle(got);
        told_.reset();
      }
    }
    joining_ = false;
    return invitation_.has_value();
  }

  [[nodiscard]] comm::message_writer begin_message(word what) const {
    comm::message_writer message;
    message.write(static_cast<std::uint8_t>(what)).write(now_.round.value);
    return message;
  }
  void tell_standing(agent_id to) {
    comm::message_writer message = begin_message(word::standing);
    write_standing(message, now_, left_out(to));
    ear_.tell(to, message);
  }

  T& line_;
  ear<T> ear_;
  survival how_;
  std::size_t agents_;
  std::uint32_t life_;
  std::function<std::vector<std::byte>()> state_;
  seconds expected_{};

  standing now_;
  bool began_ = false;
  std::vector<agent_id> current_;  ///< members of the epoch
  std::uint16_t attempt_ = 0;      ///< that this agent takes part in
  std::uint16_t promised_ = 0;     ///< the highest number that it has answered to
  std::vector<acceptance> accepted_;
  std::optional<std::uint64_t> plan_;
  seconds end_{};
  bool busy_ = false;
  std::map<std::uint32_t, std::size_t> timeouts_;
  std::set<agent_id> unreachable_;
  std::set<agent_id> distrusted_;
  std::set<agent_id> disbelieved_;
  std::set<agent_id> replaced_;  ///< members that were started again
  entrance entrance_;
  mark saved_;

  std::uint16_t asking_number_ = 0;  ///< 0: this agent asks nobody
  std::vector<promise> answers_;
  std::optional<epoch> formed_;
  std::optional<standing> told_;
  std::optional<welcome> invitation_;
  bool joining_ = false;
};

}  // namespace comdml::learn
