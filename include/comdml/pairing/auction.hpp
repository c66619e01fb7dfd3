// SPDX-License-Identifier: BSL-1.0
/// \file
/// Nearly optimal pairing by messages between neighbors: slow agents bid for helpers that are good enough. Model of
/// PairingPolicy.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "comdml/comm/transport.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/detail/supersteps.hpp"
#include "comdml/pairing/neighborhood.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::pairing {

/// Settings of the auction; the same for all agents.
struct auction_rules {
  double grid = .01;           ///< makespans tried differ by this share
  std::int64_t label_cap = 4;  ///< how often a helper changes hands before bidders give it up
};

namespace detail {

/// One agent of the auction. All agents try the same makespan at the same time, as the totals tell them.
class bidder {
 public:
  bidder(neighborhood view, auction_rules rules)
      : view_{std::move(view)}, rules_{rules}, known_(view_.helpers.size(), 0) {}

  [[nodiscard]] bool finished() const noexcept { return finished_; }
  [[nodiscard]] std::optional<local_offer> helper() const {
    if (!best_) return std::nullopt;
    return view_.helpers[*best_];
  }

  tally step(const tally& total, const std::vector<note>& inbox, std::vector<note>& out) {
    tally own;
    switch (phase_) {
      case phase::limits:
        own.high = view_.solo.value();
        own.low = view_.helpers.empty() ? own.high : view_.helpers.front().cost.value();
        phase_ = phase::first_bid;
        break;
      case phase::first_bid:
        set_limits(total);
        if (!finished_) bid(own, out);
        break;
      case phase::answer:
        if (total.given_up > 0 || total.bidding > total.idle || total.bidding == 0) {
          take_result(total.bidding + total.given_up == 0);
          if (!finished_) bid(own, out);
        } else {
          answer(inbox, out);
        }
        break;
      case phase::bid:
        hear(inbox);
        bid(own, out);
        break;
    }
    return own;
  }

 private:
  enum class phase { limits, first_bid, answer, bid };
  /// Notes: a bid is the label believed; an answer is the label, and how it went in the two lowest bits.
  enum : std::int64_t { refused = 0, won = 1, outbid = 2 };

  [[nodiscard]] bool critical() const { return view_.solo.value() > time_; }

  /// The makespans that are tried: low, low (1 + grid), ... Nothing is faster than low; at high nobody needs help.
  void set_limits(const tally& total) {
    double time = total.low;
    if (time <= 0) time = total.high * 1e-6;
    for (; time < total.high && times_.size() < 100'000; time *= 1 + rules_.grid) times_.push_back(time);
    possible_ = times_.size();  // the number of times: nobody is helped
    if (times_.empty())
      finished_ = true;
    else
      try_time(0);
  }

  void try_time(std::size_t number) {
    tried_ = number;
    time_ = times_[number];
    std::ranges::fill(known_, 0);
    current_.reset();
    guest_.reset();
    label_ = 0;
  }

  void take_result(bool success) {
    if (success) {
      possible_ = tried_;
      best_ = current_;
    } else {
      impossible_ = tried_ + 1;
    }
    if (impossible_ >= possible_)
      finished_ = true;
    else
      try_time(impossible_ + (possible_ - impossible_) / 2);
  }

  /// A critical agent without a helper bids for the one, of those that are good enough, that has changed hands least;
  /// of these, for the slowest.
  void bid(tally& own, std::vector<note>& out) {
    phase_ = phase::answer;
    own.idle = !critical() && !guest_ && !view_.suitors.empty();
    if (!critical() || current_) return;
    std::optional<std::size_t> chosen;
    for (std::size_t h = 0; h < view_.helpers.size() && view_.helpers[h].cost.value() <= time_; ++h)
      if (known_[h] < rules_.label_cap && (!chosen || known_[h] <= known_[*chosen])) chosen = h;
    if (!chosen) {
      own.given_up = 1;
      return;
    }
    own.bidding = 1;
    out.push_back({view_.helpers[*chosen].other, known_[*chosen]});
  }

  /// A helper goes to the slowest of those that know its label, whoever had it before.
  void answer(const std::vector<note>& bids, std::vector<note>& out) {
    phase_ = phase::bid;
    std::optional<agent_id> winner;
    for (const local_offer& suitor : view_.suitors) {
      const auto made = std::ranges::find(bids, suitor.other, &note::other);
      if (winner || made == bids.end() || made->value != label_) continue;
      winner = suitor.other;
    }
    if (winner) {
      ++label_;
      if (guest_) out.push_back({*guest_, 4 * label_ + outbid});
      guest_ = winner;
    }
    for (const note& made : bids) out.push_back({made.other, 4 * label_ + (made.other == winner ? won : refused)});
  }

  void hear(const std::vector<note>& answers) {
    for (const note& one : answers) {
      const auto from = std::ranges::find(view_.helpers, one.other, &local_offer::other);
      if (from == view_.helpers.end()) throw run_error{text("auction: agent ", one.other, " answers who did not ask")};
      const auto h = static_cast<std::size_t>(from - view_.helpers.begin());
      known_[h] = one.value / 4;
      if (one.value % 4 == won)
        current_ = h;
      else if (current_ == h)
        current_.reset();
    }
  }

  neighborhood view_;
  auction_rules rules_;
  phase phase_ = phase::limits;
  bool finished_ = false;

  std::vector<double> times_;
  std::size_t impossible_ = 0;  ///< times below this number failed
  std::size_t possible_ = 0;    ///< at this one all critical agents have a helper
  std::size_t tried_ = 0;
  double time_ = 0;

  std::vector<std::int64_t> known_;     ///< labels of the helpers, as last heard
  std::optional<std::size_t> current_;  ///< number of the helper it has
  std::optional<std::size_t> best_;     ///< the same, for the least possible time so far
  std::optional<agent_id> guest_;
  std::int64_t label_ = 0;
};

}  // namespace detail

/// For a makespan T, each agent that takes longer alone bids for a helper with which it would be done by T; a helper
/// goes to a bidder each time it is bid for, and counts how often; who finds only helpers that changed hands
/// `label_cap` times gives up, and T is too short. T is bisected on a grid of 1 %, so the plan is within about that of
/// the best pairs.
///
/// An agent sees its neighbors only. What all need to know (whether anyone still bids, whether anyone gave up) is
/// summed over a tree of links. For links that go both ways and a StarCostModel; each part of a fleet that is not
/// connected to the rest has an auction of its own. Messages per agent: some hundreds.
template <StarCostModel Cost = fleet::overlapped>
struct auction {
  [[no_unique_address]] Cost cost{};
  auction_rules rules{};

  [[nodiscard]] neighborhood view(const fleet::instance& fleet, agent_id self) const {
    return view_of(fleet, self, cost);
  }

  /// To be called by every agent at once, with its own view and place (spanning_trees of the same links on all agents).
  /// `what` is a tag that nothing else uses. Throws run_error if a neighbor is lost or writes nonsense.
  template <Transport T>
  [[nodiscard]] negotiated negotiate(T& transport, neighborhood view, const comm::tag& what) const {
    const std::vector<agent_id> linked = view.linked;
    return detail::negotiate_over(transport, one(std::move(view)), linked, what);
  }

  /// What each agent would end with, and how many messages it would send.
  [[nodiscard]] std::vector<negotiated> rehearse(const fleet::instance& fleet) const {
    validate(fleet);
    std::vector<tree_place> places = spanning_trees(fleet.links);
    std::vector<detail::supersteps<detail::bidder>> agents;
    for (std::size_t i = 0; i < fleet.agents.size(); ++i) {
      neighborhood own = view(fleet, detail::id_of(i));
      own.place = std::move(places[i]);
      agents.push_back(one(std::move(own)));
    }
    return detail::negotiate_here(std::move(agents));
  }

  /// The plan that follows from what each agent ended with.
  [[nodiscard]] negotiated_plan agreed(const fleet::instance& fleet, const std::vector<negotiated>& results) const {
    return detail::plan_of(fleet, results, cost);
  }
  [[nodiscard]] negotiated_plan solve(const fleet::instance& fleet) const { return agreed(fleet, rehearse(fleet)); }

  /// Asked for a plan, it plays all agents' parts: that is too much to be done by each of them.
  [[nodiscard]] static bool planned_by_all() { return false; }

  [[nodiscard]] pairing::plan plan(const fleet::instance& fleet) const { return solve(fleet).plan; }

 private:
  [[nodiscard]] detail::supersteps<detail::bidder> one(neighborhood view) const {
    COMDML_REQUIRE(rules.grid > 1e-4 && rules.label_cap > 0, "grid ", rules.grid, ", label cap ", rules.label_cap);
    std::vector<agent_id> linked = view.linked;
    tree_place place = std::move(view.place);
    return {detail::bidder{std::move(view), rules}, std::move(place), std::move(linked)};
  }
};

static_assert(PairingPolicy<auction<>>);

}  // namespace comdml::pairing
