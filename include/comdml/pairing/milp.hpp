// SPDX-License-Identifier: BSL-1.0
/// \file
/// Pairing as an integer program, solved by GLPK. Model of PairingPolicy. Opt-in: link comdml::milp.
///
/// GLPK is licensed under the GNU GPL, version 3: a program that links it must be distributed under terms that the GPL
/// allows. Nothing else in this library includes this header.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <glpk.h>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/pairing/bottleneck.hpp"
#include "comdml/pairing/detail/offers.hpp"
#include "comdml/pairing/plan.hpp"

namespace comdml::pairing {

/// How the problem is written down.
enum class milp_form {
  /// One binary per pair, both directions and all cuts decided beforehand:
  /// minimize T with T + sum_j (tau_i - c_ij) y_ij >= tau_i for each agent i, sum_j y_ij <= 1. Needs no large
  /// constants.
  reduced,
  /// The paper's variables: x_ijm = 1 if i is slow, j its helper and m the cut; T >= c_ijm x_ijm for each of them,
  /// T >= tau_i (1 - sum of all x that i is part of), each agent in at most one pair.
  paper,
};

/// What the solver reached. Times are those of the plan and of what no plan can beat, as far as is known.
struct milp_result {
  pairing::plan plan;
  seconds bound;         ///< no pairing is faster
  bool optimal = false;  ///< proved
  seconds solving;       ///< real time

  /// Makespan over bound, less one; infinite where no bound is known.
  [[nodiscard]] double gap() const {
    if (plan.makespan <= bound) return 0;
    return bound > seconds{} ? plan.makespan / bound - 1 : std::numeric_limits<double>::infinity();
  }
};

/// Starts from the plan of `bottleneck`, which it returns unless GLPK finds a faster one; so it is never worse, and
/// with a time limit it always has a plan. As `bottleneck` is exact, what it adds is a second proof of that.
///
/// The bound is GLPK's, or the longest time that some agent takes with its best helper, whichever is more; zero if the
/// time was over before that was known. Takes about a second for 10 agents in the paper's form, for 50 in the reduced
/// one.
template <CostModel Cost = fleet::overlapped>
struct milp {
  [[no_unique_address]] Cost cost{};
  milp_form form = milp_form::reduced;
  seconds time_limit = seconds::infinity();
  /// Whether to start from the plan of `bottleneck`; otherwise from nobody helping anybody.
  bool seeded = true;

  /// Not a pure function when the time limit ends it: then one agent plans for all.
  [[nodiscard]] bool planned_by_all() const { return time_limit == seconds::infinity(); }
  [[nodiscard]] pairing::plan plan(const fleet::instance& fleet) const { return solve(fleet).plan; }

  /// Throws contract_error if GLPK fails.
  [[nodiscard]] milp_result solve(const fleet::instance& fleet) const {
    validate(fleet);
    const auto start = std::chrono::steady_clock::now();
    const auto spent = [&] {
      return seconds{std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
    };
    milp_result result{.plan = seeded ? bottleneck<Cost>{.cost = cost}.plan(fleet) : complete(fleet, {}, cost),
                       .bound = {},
                       .solving = {}};
    problem all{fleet, cost, form, result.plan.makespan, [&] { return spent() >= time_limit; }};
    result.bound = std::min(all.least(), result.plan.makespan);
    result.optimal = result.bound == result.plan.makespan;
    // Before the first simplex is done there is no better bound, and writing a large problem down takes time, too.
    if (!result.optimal && all.complete() && spent() < time_limit) {
      const solution found = all.solve(time_limit - spent(), time_limit < seconds::infinity());
      result.bound = std::min(std::max(result.bound, found.bound), result.plan.makespan);
      result.optimal = found.optimal;
      if (found.any) {
        std::vector<assignment> pairs = all.pairs(fleet, cost);
        detail::name_refused(fleet, cost, pairs);
        pairing::plan next = complete(fleet, std::move(pairs), cost);
        if (next.makespan < result.plan.makespan) result.plan = std::move(next);
      }
    }
    if (result.optimal) result.bound = result.plan.makespan;
    result.solving = spent();
    return result;
  }

 private:
  struct solution {
    bool any = false;
    bool optimal = false;
    seconds bound{};
  };

  /// A GLPK problem and what its columns mean. Column 1 is T.
  class problem {
   public:
    /// \param expired  asked while the problem is written down, which ends when it says so
    template <class Expired>
    problem(const fleet::instance& fleet, const Cost& model, milp_form how, seconds known, const Expired& expired)
        : program_{glp_create_prob(), glp_delete_prob} {
      detail::offers<Cost> prices{fleet, model};
      const std::vector<seconds>& solo = prices.solo();
      const std::size_t agents = solo.size();
      std::vector<seconds> best = solo;  // of each agent, in any pair
      const auto add = [&](std::uint32_t slow, agent_id fast, std::size_t entry, seconds time) {
        // What is as slow as the plan at hand, or as both of them alone, is not worth a column.
        if (time >= known || time >= std::max(solo[slow], solo[fast.value])) return;
        columns_.push_back({agent_id{slow}, fast, entry, time});
        for (const std::uint32_t one : {slow, fast.value}) best[one] = std::min(best[one], time);
      };
      for (std::uint32_t i = 0; i < agents; ++i) {
        if (expired()) return;
        fleet.links.for_each_link(agent_id{i}, [&](agent_id fast, link_matrix::kind_index to) {
          if (fast.value == i) return;
          if (how == milp_form::reduced) {
            const detail::offer offer = prices.best(agent_id{i}, fast, to);
            add(i, fast, offer.entry, offer.cost);
          } else {
            for (std::size_t entry = 0; entry < fleet.profile.splits.size(); ++entry)
              add(i, fast, entry, model.pair(fleet, agent_id{i}, fast, entry));
          }
        });
      }
      for (std::size_t i = 0; i < agents; ++i) least_ = std::max(least_, best[i]);
      complete_ = write(solo, how, known, expired);
    }

    /// Whether there was time to write all of it down.
    [[nodiscard]] bool complete() const noexcept { return complete_; }
    /// Zero if there was not even the time to look at all pairs.
    [[nodiscard]] seconds least() const noexcept { return least_; }

    /// Branch and cut. `glp_simplex` stops at its own limit only, which is set as well.
    solution solve(seconds limit, bool limited) {
      constexpr double most = 2e9;  // ms
      const auto milliseconds = static_cast<int>(limited ? std::clamp(1e3 * limit.value(), 1.0, most) : most);
      const auto start = std::chrono::steady_clock::now();
      glp_smcp simplex;
      glp_init_smcp(&simplex);
      simplex.msg_lev = GLP_MSG_OFF;
      simplex.tm_lim = milliseconds;
      const terminal_off quiet;
      solution found;
      if (glp_simplex(program_.get(), &simplex) != 0) return found;
      // Columns are faster than the plan at hand: if they do not suffice, it cannot be beaten.
      found.optimal = glp_get_status(program_.get()) == GLP_NOFEAS;
      if (glp_get_status(program_.get()) != GLP_OPT) return found;
      found.bound = seconds{glp_get_obj_val(program_.get()) * (1 - 1e-9)};
      glp_iocp cut;
      glp_init_iocp(&cut);
      cut.msg_lev = GLP_MSG_OFF;
      cut.tm_lim = milliseconds;
      if (limited) {
        const auto gone = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
        cut.tm_lim = std::max(1, milliseconds - static_cast<int>(gone));
      }
      cut.cov_cuts = GLP_ON;
      cut.clq_cuts = GLP_ON;
      cut.mir_cuts = GLP_ON;
      cut.cb_func = [](glp_tree* tree, void* bound) {
        const int node = glp_ios_best_node(tree);
        if (node != 0) *static_cast<double*>(bound) = glp_ios_node_bound(tree, node);
      };
      double bound = glp_get_obj_val(program_.get());
      cut.cb_info = &bound;
      const int failure = glp_intopt(program_.get(), &cut);
      COMDML_REQUIRE(failure == 0 || failure == GLP_ETMLIM || failure == GLP_EMIPGAP, "glp_intopt ends with ", failure);
      const int status = glp_mip_status(program_.get());
      found.any = status == GLP_OPT || status == GLP_FEAS;
      found.optimal = failure == 0 && (status == GLP_OPT || status == GLP_NOFEAS);
      found.bound = std::max(found.bound, seconds{bound * (1 - 1e-9)});
      return found;
    }

    /// Those of the solution that was found.
    [[nodiscard]] std::vector<assignment> pairs(const fleet::instance& fleet, const Cost& model) const {
      std::vector<assignment> chosen;
      for (std::size_t c = 0; c < columns_.size(); ++c)
        if (glp_mip_col_val(program_.get(), number(c)) > .5)
          chosen.push_back(assign(fleet, columns_[c].slow, columns_[c].fast, columns_[c].entry, model));
      detail::sort_slowest_first(chosen);
      return chosen;
    }

   private:
    struct column {
      agent_id slow;
      agent_id fast;
      std::size_t entry;
      seconds cost;
    };
    struct terminal_off {
      terminal_off() : before{glp_term_out(GLP_OFF)} {}
      ~terminal_off() { glp_term_out(before); }
      terminal_off(const terminal_off&) = delete;
      terminal_off& operator=(const terminal_off&) = delete;
      int before;
    };

    static int number(std::size_t column) { return static_cast<int>(column) + 2; }

    /// \returns false if time was over before the end
    template <class Expired>
    bool write(const std::vector<seconds>& solo, milp_form how, seconds known, const Expired& expired) {
      glp_prob* const p = program_.get();
      COMDML_REQUIRE(p != nullptr && columns_.size() < 100'000'000, columns_.size(), " columns");
      glp_set_obj_dir(p, GLP_MIN);
      glp_add_cols(p, static_cast<int>(columns_.size()) + 1);
      glp_set_col_bnds(p, 1, GLP_DB, least_.value() * (1 - 1e-9), std::max(known.value(), least_.value()) * (1 + 1e-9));
      glp_set_obj_coef(p, 1, 1);
      std::vector<std::vector<std::size_t>> of(solo.size());  // columns that an agent is part of
      for (std::size_t c = 0; c < columns_.size(); ++c) {
        glp_set_col_kind(p, number(c), GLP_BV);
        of[columns_[c].slow.value].push_back(c);
        of[columns_[c].fast.value].push_back(c);
      }
      std::vector<int> where{0};
      std::vector<double> factors{0};
      const auto row = [&](int kind, double low, double high) {
        const int r = glp_add_rows(p, 1);
        glp_set_row_bnds(p, r, kind, low, high);
        glp_set_mat_row(p, r, static_cast<int>(where.size()) - 1, where.data(), factors.data());
        where.resize(1);
        factors.resize(1);
      };
      const auto term = [&](int at, double factor) {
        where.push_back(at);
        factors.push_back(factor);
      };
      for (std::size_t i = 0; i < of.size(); ++i) {
        if (expired()) return false;
        if (!of[i].empty()) {
          for (const std::size_t c : of[i]) term(number(c), 1);
          row(GLP_UP, 0, 1);
        }
        if (solo[i] <= least_) continue;  // T >= tau_i anyway, and no pair of the agent counts more
        term(1, 1);
        const double tau = solo[i].value();
        for (const std::size_t c : of[i])
          term(number(c), how == milp_form::reduced ? tau - columns_[c].cost.value() : tau);
        row(GLP_LO, tau, 0);
      }
      for (std::size_t c = 0; c < columns_.size(); ++c) {
        if (c % 256 == 0 && expired()) return false;
        const bool stated = how == milp_form::reduced &&
                            (solo[columns_[c].slow.value] > least_ || solo[columns_[c].fast.value] > least_);
        if (stated || columns_[c].cost <= least_) continue;
        term(1, 1);
        term(number(c), -columns_[c].cost.value());
        row(GLP_LO, 0, 0);
      }
      return true;
    }

    std::unique_ptr<glp_prob, void (*)(glp_prob*)> program_;
    std::vector<column> columns_;
    seconds least_{};
    bool complete_ = false;
  };
};

static_assert(PairingPolicy<milp<>>);

}  // namespace comdml::pairing
