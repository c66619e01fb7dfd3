// SPDX-License-Identifier: BSL-1.0
/// \file
/// Greedy pairing by messages between neighbors: deferred acceptance (Gale, Shapley, 1962) in which helpers prefer the
/// slowest agent. Model of PairingPolicy.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/concepts.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/neighborhood.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::pairing {

namespace detail {

/// One agent. It proposes to its best helper once none of its own suitors can want it any more; a helper keeps
/// proposals until the slowest of its suitors that is still free is among them, and takes that one. Whoever is settled
/// tells all neighbors concerned, and waits until it has heard the same from them, so that no message is left behind.
class acceptance {
 public:
  explicit acceptance(neighborhood view) : view_{std::move(view)} {
    for (const auto* list : {&view_.helpers, &view_.suitors})
      for (const local_offer& one : *list) open_.push_back(one.other);
    std::ranges::sort(open_);
  }

  [[nodiscard]] bool done() const noexcept { return settled_ && open_.empty(); }
  [[nodiscard]] bool waits_for(agent_id other) const { return std::ranges::binary_search(open_, other); }
  [[nodiscard]] bool needs(agent_id) const { return true; }
  [[nodiscard]] const std::optional<local_offer>& helper() const noexcept { return helper_; }

  void start(std::vector<letter>& out) { act(out); }

  void receive(agent_id from, std::span<const std::byte> data, std::vector<letter>& out) {
    comm::message_reader message{data, from};
    const auto what = message.read<std::uint8_t>();
    message.finish();
    if (!waits_for(from) || what > settled) message.fail(text("letter ", int{what}, " is not expected"));
    if (what == proposal) {
      proposals_.push_back(from);
    } else {
      open_.erase(std::ranges::lower_bound(open_, from));
      if (what == acceptance_of) {
        if (settled_ || !asked_ || asked_->other != from) message.fail("it accepts what was not proposed");
        helper_ = asked_;
        settle(out, std::nullopt);
      }
    }
    act(out);
  }

 private:
  enum word : std::uint8_t { proposal, acceptance_of, settled };

  void act(std::vector<letter>& out) {
    if (settled_) return;
    const auto is_open = [&](const local_offer& one) { return waits_for(one.other); };
    if (const auto slowest = std::ranges::find_if(view_.suitors, is_open); slowest != view_.suitors.end()) {
      if (std::ranges::count(proposals_, slowest->other) > 0) settle(out, slowest->other);
      return;
    }
    const auto best = std::ranges::find_if(view_.helpers, is_open);
    if (best == view_.helpers.end()) {
      settle(out, std::nullopt);
    } else if (!asked_ || asked_->other != best->other) {
      asked_ = *best;
      write(out, best->other, proposal);
    }
  }

  /// Tells everyone concerned, those who are settled too: each waits for one last letter from each.
  void settle(std::vector<letter>& out, std::optional<agent_id> guest) {
    settled_ = true;
    for (const auto* list : {&view_.helpers, &view_.suitors})
      for (const local_offer& one : *list) write(out, one.other, guest == one.other ? acceptance_of : settled);
  }

  static void write(std::vector<letter>& out, agent_id to, word what) {
    out.push_back({to, comm::message_writer{}.write(std::uint8_t{what}).take()});
  }

  neighborhood view_;
  std::vector<agent_id> open_;  ///< neighbors whose last letter is still to come; ascending
  std::vector<agent_id> proposals_;
  std::optional<local_offer> asked_;
  std::optional<local_offer> helper_;
  bool settled_ = false;
};

}  // namespace detail

/// The pairs of `greedy`, exactly, without anyone knowing more than its neighbors: for links that go both ways, and a
/// StarCostModel. Messages per agent: one to each neighbor that it could help or that could help it, and its proposals.
template <StarCostModel Cost = fleet::overlapped>
struct deferred_acceptance {
  [[no_unique_address]] Cost cost{};

  [[nodiscard]] neighborhood view(const fleet::instance& fleet, agent_id self) const {
    return view_of(fleet, self, cost);
  }

  /// To be called by every agent at once, with its own view. `what` is a tag that nothing else uses.
  /// Throws run_error if a neighbor is lost or writes nonsense.
  template <Transport T>
  [[nodiscard]] negotiated negotiate(T& transport, neighborhood view, const comm::tag& what) const {
    const std::vector<agent_id> linked = view.linked;
    return detail::negotiate_over(transport, detail::acceptance{std::move(view)}, linked, what);
  }

  /// What each agent would end with, and how many messages it would send.
  [[nodiscard]] std::vector<negotiated> rehearse(const fleet::instance& fleet) const {
    validate(fleet);
    std::vector<detail::acceptance> agents;
    for (std::size_t i = 0; i < fleet.agents.size(); ++i) agents.emplace_back(view(fleet, detail::id_of(i)));
    return detail::negotiate_here(std::move(agents));
  }

  /// The plan that follows from what each agent ended with.
  [[nodiscard]] negotiated_plan agreed(const fleet::instance& fleet, const std::vector<negotiated>& results) const {
    return detail::plan_of(fleet, results, cost);
  }
  [[nodiscard]] negotiated_plan solve(const fleet::instance& fleet) const { return agreed(fleet, rehearse(fleet)); }
  [[nodiscard]] pairing::plan plan(const fleet::instance& fleet) const { return solve(fleet).plan; }
};

static_assert(PairingPolicy<deferred_acceptance<>>);

}  // namespace comdml::pairing
