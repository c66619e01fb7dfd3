// SPDX-License-Identifier: BSL-1.0
/// \file
/// One agent of a fleet: it trains on the data it owns and talks to its peers over a transport.
#pragma once

#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/concepts.hpp"
#include "comdml/learn/commit_log.hpp"
#include "comdml/learn/control.hpp"
#include "comdml/learn/free_agent.hpp"
#include "comdml/learn/history.hpp"
#include "comdml/learn/policies.hpp"
#include "comdml/learn/round_report.hpp"
#include "comdml/learn/session.hpp"

namespace comdml::learn {

/// Lets an algorithm choose what it was not told, if it wants to.
template <class A>
void settle(A& algorithm, const comm::routes& ways) {
  if constexpr (requires { algorithm.settle(ways); }) algorithm.settle(ways);
}

/// Whether an algorithm goes on when others take part than in the round before.
template <class A>
[[nodiscard]] bool changing_members(const A& algorithm) {
  if constexpr (requires { algorithm.changing_members(); })
    return algorithm.changing_members();
  else
    return false;
}

/// Whether an algorithm knows no rounds. One that is chosen at run time, and is a model of both kinds, says so by
/// `is_free()`.
template <class Session, class A>
[[nodiscard]] bool is_free(const A& algorithm) {
  if constexpr (requires { algorithm.is_free(); })
    return algorithm.is_free();
  else
    return !Algorithm<A, Session>;
}

/// An agent of a job. All agents of a fleet need the same settings and links.
template <Job J>
class agent {
 public:
  using workspaces = pool<typename types<J>::workspace>;
  /// When a run began, in real time: the same for all agents of a process, who tell of its rounds in turn.
  using instant_of_start = std::chrono::steady_clock::time_point;

  /// \param line    the agent's transport; must outlive the agent
  /// \param fleet   declared links of all agents and the ways along them, and the agent's own speed
  /// \param memory  activation workspaces, shared by the agents of a process; by default the agent's own
  agent(typename J::transport& line, membership fleet, settings<J> how, execution exec = {},
        std::shared_ptr<workspaces> memory = std::make_shared<workspaces>())
      : transport_{line}, fleet_{std::move(fleet)}, settings_{std::move(how)}, exec_{exec}, memory_{std::move(memory)} {
    COMDML_REQUIRE(settings_.rounds > 0 && settings_.batch > 1 && settings_.local_epochs > 0, settings_.rounds,
                   " rounds, batch ", settings_.batch, ", ", settings_.local_epochs, " local epochs");
    COMDML_REQUIRE(settings_.make_model,
                   "settings.make_model is empty, and the model cannot be made of a shape and a "
                   "number of classes");
    if (settings_.survival.wanted && !changing_members(settings_.algorithm))
      throw input_error{"survival", "the algorithm does not go on when an agent is lost", "use comdml or allreduce"};
    settle(settings_.algorithm, fleet_.routes);
  }

  /// Takes part in all rounds but those that it is away from: the history has no entries for these, and ends early if
  /// the run is over when it comes back. Every agent of the fleet must call it. \param images    what the agent owns
  /// and trains on: at least two images \param test      what the agent evaluates, its share of the test set; nullptr =
  /// nothing \throws run_error when a peer is lost, training diverges, or agents disagree
  template <Dataset Images, Dataset Test, Observer O = no_observer>
  history run(const Images& images, const Test* test, O&& observer = {}, const control& hold = {}) {
    history past;
    run_into(past, images, test, observer, hold);
    return past;
  }

  /// The same; `past` grows with every round, and stays when the run throws.
  template <Dataset Images, Dataset Test, Observer O = no_observer>
  void run_into(history& past, const Images& images, const Test* test, O&& observer = {}, const control& hold = {}) {
    take_part(images, test, observer, hold, past, true, std::chrono::steady_clock::now());
  }

  /// The same for agents of one process, which have one history, one observer and one log: the first of those who take
  /// part in a round tells of it. \param log  where hold.keep is set
  template <Dataset Images, Dataset Test, Observer O>
  void run_together(history& past, const Images& images, const Test* test, O& observer, const control& hold = {},
                    fleet_log* log = nullptr, instant_of_start start = std::chrono::steady_clock::now()) {
    take_part(images, test, observer, hold, past, false, start, log);
  }

 private:
  /// \param always  whether the history is this agent's own
  template <Dataset Images, Dataset Test, Observer O>
  void take_part(const Images& images, const Test* test, O& observer, const control& hold, history& past, bool always,
                 instant_of_start start, fleet_log* together = nullptr) {
    const auto shown_at = [this](std::size_t instant) {
      return evaluated(static_cast<std::uint32_t>(instant)) || instant + 1 == settings_.rounds;
    };
    using free = free_agent<session<J, Images>, Test, typename J::schedule, decltype(shown_at)>;
    constexpr bool may_be_free = FreeAlgorithm<typename J::algorithm, free>;
    static_assert(may_be_free || Algorithm<typename J::algorithm, session<J, Images>>);
    COMDML_REQUIRE(images.size() > 1, "agent ", transport_.self(), " owns ", images.size(), " images, needs 2");
    session<J, Images> work{transport_, fleet_, settings_, images, *memory_, exec_, hold};
    typename J::schedule schedule = settings_.schedule;
    if constexpr (may_be_free) {
      if (is_free<session<J, Images>>(settings_.algorithm)) {
        if (hold.keep || hold.resume) refuse_checkpoints();
        try {
          free self{work, test, work.beside().when(), schedule, shown_at};
          settings_.algorithm.live(self);
          self.finish();
        } catch (const interrupted&) {
          work.beside().show(transport_.self(), work.committed().body);
          if (always || work.leads()) past.interrupted = true;
        }
        return;
      }
    }
    if constexpr (Algorithm<typename J::algorithm, session<J, Images>>) {
      std::optional<commit_log> own;
      keeper keep;
      if (together != nullptr && hold.keep) {
        keep = [&](checkpoint&& now) {
          together->add(transport_.self(), work.fleet().members().size(), std::move(now));
        };
      } else if (hold.keep) {
        own.emplace(hold.keep, !hold.resume);
        keep = [&](checkpoint&& now) { own->add(std::move(now)); };
      }
      try {
        take_turns(work, schedule, test, observer, past, always, start, keep);
      } catch (...) {
        if (own) own->finish_if_possible();
        throw;
      }
      if (own) own->finish();
    }
  }

  /// Takes what a run can be gone on with; empty where nothing is kept.
  using keeper = std::function<void(checkpoint&&)>;
  [[noreturn]] static void refuse_checkpoints() {
    throw input_error{"checkpoint", "the agents of this algorithm hold different models, and one is kept",
                      "leave checkpoints out, or choose comdml, allreduce, fedavg or splitlearning"};
  }

  /// Round after round.
  template <class Session, Dataset Test, Observer O>
  void take_turns(Session& work, typename J::schedule& schedule, const Test* test, O& observer, history& past,
                  bool always, instant_of_start start, const keeper& keep) {
    const auto tells = [&] { return always || work.leads(); };
    if (tells()) past.state = work.committed().body.model;
    try {
      std::uint32_t round = work.first_round().value;
      if (round > 0) {
        schedule = schedule_after(work.results());
        // What follows a checkpoint, but for those who were away. That nobody wished to stop is known.
        if (!work.fleet().survives() && !over_after(work, round) && work.fleet().is_member(transport_.self()))
          static_cast<void>(work.anyone_stops(false));
      }
      while (work.course().left_out() || !over_after(work, round)) {
        if (work.course().left_out()) {  // of a run that is over, too: it may know the end of it, or others may
          const bool taken_in = undisturbed(work, [&] { round = work.course().come_in().value; });
          if (taken_in) schedule = schedule_after(work.results());
          continue;
        }
        std::optional<round_report> report;
        bool away = false;
        const bool whole = undisturbed(work, [&] {
          const auto how = work.enter(round_index{round});
          away = how == Session::entry::away || how == Session::entry::over;
          if (how == Session::entry::over) round = static_cast<std::uint32_t>(settings_.rounds);
          if (away) return;
          if (how == Session::entry::back) schedule = schedule_after(work.results());
          work.begin_round(round_index{round}, schedule.rate(settings_.optimizer.learning_rate));
          const pairing::plan plan = settings_.algorithm.round(work);
          const bool last = round + 1 == settings_.rounds;
          report = work.report(plan, evaluated(round) || last ? test : nullptr);
        });
        if (!whole) report = go_on(work, round, schedule);
        if (away && round == settings_.rounds) return;
        if (away) ++round;
        if (!report) continue;

        ++round;  // the last one is over, whatever comes
        report->wall = work.wall_before() +
                       seconds{std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
        if (report->test_accuracy) schedule.observe(*report->test_accuracy);
        schedule.next_round();
        if (keep && !work.common()) refuse_checkpoints();
        std::optional<checkpoint> kept;
        if (keep) kept = work.memory(tells(), *report);
        if (kept && always) keep(*std::exchange(kept, std::nullopt));
        verdict wish = verdict::go_on;
        // An agent that told of the round may have been lost before the others heard of its end.
        if (tells() && (always || past.rounds.empty() || past.rounds.back().round < report->round)) {
          wish = observer.on_round(*report);
          past.rounds.push_back(*std::move(report));
          past.state = work.committed().body.model;  // what the report speaks of, should the next round be interrupted
          past.target_reached = target_reached(work);
        }
        // Of a fleet in one process not before: what is gone on from, the observer knows.
        if (kept) keep(*std::move(kept));
        if (target_reached(work) && !work.fleet().survives()) break;
        bool over = over_after(work, round);
        // Where somebody may be lost, all stay until everyone knows of the end.
        const bool all_know = undisturbed(work, [&] { over = work.anyone_stops(wish == verdict::stop) || over; });
        if (!all_know && over) work.fleet().answer_late_ones();
        if (!all_know && !over) static_cast<void>(go_on(work, round, schedule));
        if (over) break;
      }
      if (tells()) past.target_reached = target_reached(work);  // perhaps with a state that others gave
      if (!work.common()) work.average_models();
      if (tells()) past.state = work.committed().body.model;  // also that of rounds that it heard of later
    } catch (const interrupted&) {
      if (tells()) past.interrupted = true;
    }
  }

  /// Runs a step. \returns false if it was cut short because somebody was lost, and the others are to go on
  template <class Session, class Step>
  static bool undisturbed(Session& work, Step&& step) {
    try {
      step();
      return true;
    } catch (const disturbed&) {
    } catch (const peer_lost_error&) {
      if (!work.fleet().survives()) throw;
    } catch (const comm::malformed_message& error) {
      if (!work.fleet().survives()) throw;
      work.fleet().distrust(error);
    }
    return false;
  }

  /// Agrees with the others on how the round goes on. \returns its report, if they have ended it
  template <class Session>
  std::optional<round_report> go_on(Session& work, std::uint32_t& round, typename J::schedule& schedule) const {
    using turn = typename recovery<J>::turn;
    std::optional<round_report> report;
    const auto recover = [&] {
      switch (work.course().recover()) {
        case turn::decided:
          report = work.report_of_others();
          break;
        case turn::entered:
          round = work.course().accept_invitation().value;
          schedule = schedule_after(work.results());
          break;
        case turn::again:
          break;
      }
    };
    while (!undisturbed(work, recover)) {
    }
    return report;
  }

  /// Whether the run is over after so many rounds.
  template <class Session>
  [[nodiscard]] bool over_after(const Session& work, std::uint32_t rounds) const {
    return rounds >= settings_.rounds || target_reached(work);
  }
  /// Whether the last round's test accuracy is the one that is wanted; not-a-number is not.
  template <class Session>
  [[nodiscard]] bool target_reached(const Session& work) const {
    return settings_.target_accuracy && !work.results().empty() && work.results().back() >= *settings_.target_accuracy;
  }

  /// As it is after rounds with these test accuracies.
  [[nodiscard]] typename J::schedule schedule_after(const std::vector<double>& accuracies) const {
    typename J::schedule schedule = settings_.schedule;
    for (const double accuracy : accuracies) {
      if (!std::isnan(accuracy)) schedule.observe(accuracy);
      schedule.next_round();
    }
    return schedule;
  }

  [[nodiscard]] bool evaluated(std::uint32_t round) const {
    return settings_.evaluate_every > 0 && (round + 1) % settings_.evaluate_every == 0;
  }

  typename J::transport& transport_;
  membership fleet_;
  settings<J> settings_;
  execution exec_;
  std::shared_ptr<workspaces> memory_;
};

}  // namespace comdml::learn
