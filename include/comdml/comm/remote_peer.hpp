// SPDX-License-Identifier: BSL-1.0
/// \file
/// What a remote endpoint remembers of one peer: the stream of messages to it, the stream from it, and whether it is
/// there.
///
/// All messages from one agent to another are numbered, whatever their tags. The receiver keeps those that come in
/// order; the sender keeps each until its receiver's agent has taken it. So after a cut, the sender goes on from what
/// the receiver tells, and nothing is lost, doubled or reordered.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "comdml/comm/remote_frame.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm::detail {

/// Messages to a peer.
class out_stream {
 public:
  struct message {
    comm::tag tag{};
    shared_bytes body{};
    seconds due{};     ///< not to be handed to the engine before
    bool bye = false;  ///< no message, but that none follows
  };

  [[nodiscard]] std::size_t unread(const tag& what) const {
    const auto found = unread_.find(what);
    return found == unread_.end() ? 0 : found->second;
  }
  [[nodiscard]] std::uint64_t last() const noexcept { return last_; }
  /// Whether the peer has received everything.
  [[nodiscard]] bool is_received() const noexcept { return received_ == last_; }
  [[nodiscard]] bool is_sent() const noexcept { return next_ > last_; }

  void add(message what) {
    if (!what.bye) ++unread_[what.tag];
    messages_.emplace_hint(messages_.end(), ++last_, std::move(what));
  }
  /// The message to be sent next; nullptr if all are.
  [[nodiscard]] const message* next() const {
    if (next_ > last_) return nullptr;
    return &messages_.find(next_)->second;
  }
  [[nodiscard]] std::uint64_t next_number() const noexcept { return next_; }
  void sent() noexcept { most_sent_ = std::max(most_sent_, next_++); }

  /// The peer has received all up to this number. \returns false if it cannot have.
  [[nodiscard]] bool received(std::uint64_t number) {
    if (number > most_sent_) return false;
    received_ = std::max(received_, number);
    next_ = std::max(next_, received_ + 1);
    return true;
  }
  /// Goes on after the last message that was received.
  void resume() noexcept { next_ = received_ + 1; }
  void taken(std::uint64_t number) {
    const auto found = messages_.find(number);
    if (found == messages_.end() || number > received_ || found->second.bye) return;
    erase(found);
  }
  /// Of those received, only these have not been taken. Ascending.
  void keep_only(std::span<const std::uint64_t> unread) {
    for (auto at = messages_.begin(); at != messages_.end() && at->first <= received_ && !at->second.bye;)
      at = std::ranges::binary_search(unread, at->first) ? std::next(at) : erase(at);
  }

 private:
  using list = std::map<std::uint64_t, message>;

  list::iterator erase(list::iterator at) {
    const auto channel = unread_.find(at->second.tag);
    if (--channel->second == 0) unread_.erase(channel);
    return messages_.erase(at);
  }

  list messages_;  ///< that the peer's agent has not taken
  std::map<comm::tag, std::size_t> unread_;
  std::uint64_t last_ = 0;
  std::uint64_t next_ = 1;
  std::uint64_t most_sent_ = 0;
  std::uint64_t received_ = 0;
};

/// Messages from a peer.
class in_stream {
 public:
  struct message {
    std::uint64_t number = 0;
    seconds arrival{};
    std::vector<std::byte> data{};
  };
  enum class verdict { kept, duplicate, out_of_order, no_room };
  struct limits {
    std::size_t window = 0, channels = 0, bytes = 0;
  };

  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

  /// Messages of rounds before `first` are taken at once.
  verdict add(std::uint64_t number, const tag& what, std::vector<std::byte>& data, seconds now, round_index first,
              const limits& most) {
    if (number <= received_) return verdict::duplicate;
    if (number != received_ + 1) return verdict::out_of_order;
    waiting_ = false;
    if (what.round < first.value) {
      ++received_;
      taken.push_back(number);
      return verdict::kept;
    }
    const auto found = channels_.find(what);
    const std::size_t unread = found == channels_.end() ? 0 : found->second.size();
    if (unread >= most.window || (unread == 0 && channels_.size() >= most.channels) ||
        data.size() > most.bytes - bytes_) {
      refused_ = waiting_ = true;
      return verdict::no_room;
    }
    ++received_;
    bytes_ += data.size();
    channels_[what].push_back({number, now, std::move(data)});
    return verdict::kept;
  }

  [[nodiscard]] const message* first(const tag& what) const {
    const auto found = channels_.find(what);
    return found == channels_.end() ? nullptr : &found->second.front();
  }
  [[nodiscard]] std::vector<std::byte> take(const tag& what) {
    const auto found = channels_.find(what);
    std::vector<std::byte> data = std::move(found->second.front().data);
    drop_first(found, data.size());
    return data;
  }
  /// \returns whether it came in order
  bool add_bye(std::uint64_t number) {
    answer = true;
    if (number != received_ + 1) return false;
    ++received_;
    return true;
  }
  void forget_before(round_index round) {
    for (auto at = channels_.begin(); at != channels_.end() && at->first.round < round.value;) {
      auto next = std::next(at);
      for (std::size_t left = at->second.size(); left > 0; --left) drop_first(at, at->second.front().data.size());
      at = next;
    }
  }
  /// Numbers of the messages that have not been taken, ascending.
  [[nodiscard]] std::vector<std::uint64_t> unread() const {
    std::vector<std::uint64_t> numbers;
    for (const auto& [what, messages] : channels_)
      for (const message& one : messages) numbers.push_back(one.number);
    std::ranges::sort(numbers);
    return numbers;
  }

  /// What was told to the sender may have been lost.
  void tell_anew() { again |= waiting_ && !refused_; }

  std::vector<std::uint64_t> taken;  ///< and not yet told to the sender
  bool again = false;                ///< the sender is to be asked for what was not kept
  bool answer = false;               ///< the sender wants to know what was received

 private:
  using channel_map = std::map<comm::tag, std::deque<message>>;

  void drop_first(channel_map::iterator at, std::size_t size) {
    taken.push_back(at->second.front().number);
    bytes_ -= size;
    at->second.pop_front();
    if (at->second.empty()) channels_.erase(at);
    again |= std::exchange(refused_, false);
  }

  channel_map channels_;  ///< none is empty
  std::uint64_t received_ = 0;
  std::size_t bytes_ = 0;
  bool refused_ = false;  ///< a message, for want of room; none was dropped since
  bool waiting_ = false;  ///< for the first message that was refused
};

/// One peer. Times are those of the endpoint's first clock.
struct remote_peer {
  /// A hello that waits for its answer.
  struct asked {
    std::uint64_t nonce = 0;
    std::uint64_t from = 0;
  };

  bool connected = false;
  bool ready = false;             ///< it is known what the peer received, so the stream to it runs
  std::uint64_t incarnation = 0;  ///< 0: never heard of
  std::uint64_t nonce = 0;        ///< of the hello sent over this connection
  std::uint64_t missed = 0;       ///< the incarnation of which data came before it was known
  seconds away_since{};           ///< unless it is there
  bool left = false;              ///< it said bye: nothing more will come of it
  std::size_t window = 0;         ///< of a channel to it

  out_stream out{};
  in_stream in{};
  seconds link_free{};               ///< when an emulated link has sent all that it was given
  std::optional<published> board{};  ///< here `age` is the time of arrival

  bool hello_due = false;
  bool board_due = false;
  bool bye_added = false;
  std::vector<asked> welcomes_due{};
  std::optional<asked> last_asked{};

  [[nodiscard]] bool is_there() const noexcept { return connected && ready; }
  /// When it is given up, unless it comes back.
  [[nodiscard]] seconds lost_at(seconds grace) const noexcept {
    if (left) return seconds{};
    return is_there() ? seconds::infinity() : away_since + grace;
  }
  /// It is another process now.
  void restart(std::uint64_t other) {
    out = {};
    in = {};
    board.reset();
    left = false;
    bye_added = false;
    incarnation = other;
  }
};

}  // namespace comdml::comm::detail
