// SPDX-License-Identifier: BSL-1.0
/// \file
/// Work in steps that all agents of a tree take together, so that nothing hangs on the order in which letters arrive.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/pairing/neighborhood.hpp"

namespace comdml::pairing::detail {

/// What all agents together know after a step.
struct tally {
  double low = 0;             ///< largest
  double high = 0;            ///< largest
  std::int64_t bidding = 0;   ///< sum
  std::int64_t given_up = 0;  ///< sum
  std::int64_t idle = 0;      ///< sum

  void add(const tally& other) {
    low = std::max(low, other.low);
    high = std::max(high, other.high);
    bidding += other.bidding;
    given_up += other.given_up;
    idle += other.idle;
  }
};

/// A number for a neighbor.
struct note {
  agent_id other;  ///< who gets it, or who sent it
  std::int64_t value;
};

/// A negotiator made of a worker with `step(total, inbox, outbox) -> tally`, `finished()` and `helper()`. `inbox` has
/// the notes of the step before, ascending by sender (one sender's in their order), `total` the sum of all agents'
/// tallies of that step; the first step gets neither. Each note is acknowledged, and a step ends, by word from the
/// root, when all notes have arrived: tallies go up the tree, the total comes down.
template <class Worker>
class supersteps {
 public:
  supersteps(Worker worker, tree_place place, std::vector<agent_id> linked)
      : worker_{std::move(worker)}, place_{std::move(place)}, linked_{std::move(linked)} {}

  [[nodiscard]] bool done() const noexcept { return worker_.finished(); }
  [[nodiscard]] bool waits_for(agent_id other) const { return std::ranges::binary_search(linked_, other); }
  /// Others may be done before this agent hears of it. A loss that matters goes from parent to child and back.
  [[nodiscard]] bool needs(agent_id other) const {
    return place_.parent == other || std::ranges::count(place_.children, other) > 0;
  }
  [[nodiscard]] std::optional<local_offer> helper() const { return worker_.helper(); }

  void start(std::vector<letter>& out) { begin({}, out); }

  void receive(agent_id from, std::span<const std::byte> data, std::vector<letter>& out) {
    comm::message_reader message{data, from};
    const auto what = message.read<std::uint8_t>();
    const auto step = message.read<std::uint32_t>();
    const auto expect = [&](bool good) {
      if (!good) message.fail(text("letter ", int{what}, " of step ", step, " in step ", step_));
    };
    switch (what) {
      case word::number:
        expect(step == step_ || step == step_ + 1);
        inbox_[step % 2].push_back({from, message.read<std::int64_t>()});
        write(out, from, word::receipt, step);
        break;
      case word::receipt:
        expect(step == step_ && receipts_ > 0);
        --receipts_;
        break;
      case word::up:
        expect(step == step_ && reports_ < place_.children.size());
        own_.add(read_tally(message));
        ++reports_;
        break;
      case word::down:
        expect(step == step_ && place_.parent == from);
        conclude(read_tally(message), out);
        message.finish();
        return;
      default:
        expect(false);
    }
    message.finish();
    report(out);
  }

 private:
  struct word {
    static constexpr std::uint8_t number = 0, receipt = 1, up = 2, down = 3;
  };

  void begin(const tally& total, std::vector<letter>& out) {
    std::vector<note>& inbox = inbox_[(step_ + 1) % 2];  // of the step before
    std::ranges::stable_sort(inbox, {}, &note::other);
    std::vector<note> outbox;
    own_ = worker_.step(total, std::exchange(inbox, {}), outbox);
    if (worker_.finished()) return;
    receipts_ = outbox.size();
    reports_ = 0;
    reported_ = false;
    for (const note& one : outbox) {
      comm::message_writer message;
      out.push_back({one.other, message.write(word::number).write(step_).write(one.value).take()});
    }
    report(out);
  }

  /// Tells the parent once there is nothing more to wait for; the root then ends the step.
  void report(std::vector<letter>& out) {
    if (reported_ || receipts_ > 0 || reports_ < place_.children.size()) return;
    reported_ = true;
    if (place_.parent)
      write_tally(out, *place_.parent, word::up, own_);
    else
      conclude(tally{own_}, out);
  }

  void conclude(const tally& total, std::vector<letter>& out) {
    for (const agent_id child : place_.children) write_tally(out, child, word::down, total);
    ++step_;
    begin(total, out);
  }

  static void write(std::vector<letter>& out, agent_id to, std::uint8_t what, std::uint32_t step) {
    comm::message_writer message;
    out.push_back({to, message.write(what).write(step).take()});
  }
  void write_tally(std::vector<letter>& out, agent_id to, std::uint8_t what, const tally& sum) const {
    comm::message_writer message;
    message.write(what)
        .write(step_)
        .write(sum.low)
        .write(sum.high)
        .write(sum.bidding)
        .write(sum.given_up)
        .write(sum.idle);
    out.push_back({to, message.take()});
  }
  static tally read_tally(comm::message_reader& message) {
    tally sum;
    sum.low = message.read<double>();
    sum.high = message.read<double>();
    sum.bidding = message.read<std::int64_t>();
    sum.given_up = message.read<std::int64_t>();
    sum.idle = message.read<std::int64_t>();
    return sum;
  }

  Worker worker_;
  tree_place place_;
  std::vector<agent_id> linked_;
  std::uint32_t step_ = 0;
  std::array<std::vector<note>, 2> inbox_;  ///< by the parity of their step
  std::size_t receipts_ = 0;                ///< still to come
  std::size_t reports_ = 0;                 ///< of children, come
  bool reported_ = false;
  tally own_;  ///< with the children's
};

}  // namespace comdml::pairing::detail
