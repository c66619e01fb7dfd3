// SPDX-License-Identifier: BSL-1.0
/// \file
/// The report of several runs: algorithms against each other, with the spread over seeds.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/report/run.hpp"
#include "comdml/report/run_page.hpp"

namespace comdml::report {

/// Mean and sample deviation; the deviation of one value is 0.
struct mean_and_spread {
  std::size_t count = 0;
  double mean = 0, deviation = 0, low = 0, high = 0;
};
[[nodiscard]] inline mean_and_spread spread_of(const std::vector<double>& values) {
  mean_and_spread found{values.size()};
  if (values.empty()) return found;
  for (const double value : values) found.mean += value / static_cast<double>(values.size());
  double squares = 0;
  for (const double value : values) squares += (value - found.mean) * (value - found.mean);
  if (values.size() > 1) found.deviation = std::sqrt(squares / static_cast<double>(values.size() - 1));
  const auto [low, high] = std::ranges::minmax(values);
  found.low = low;
  found.high = high;
  return found;
}

/// Runs of one algorithm under one setting; they differ in their seeds.
struct run_group {
  std::string algorithm;
  std::vector<const run_entry*> runs;
};
/// Runs that are compared with each other.
struct comparison {
  std::string setting;
  std::vector<run_group> groups;
};

/// In the order of their first appearance.
[[nodiscard]] inline std::vector<comparison> comparisons_of(const std::vector<run_entry>& runs) {
  std::vector<comparison> found;
  for (const run_entry& run : runs) {
    auto here = std::ranges::find(found, run.setting, &comparison::setting);
    if (here == found.end()) here = found.insert(found.end(), {run.setting, {}});
    auto group = std::ranges::find(here->groups, run.algorithm, &run_group::algorithm);
    if (group == here->groups.end()) group = here->groups.insert(here->groups.end(), {run.algorithm, {}});
    group->runs.push_back(&run);
  }
  return found;
}

/// When a run's test accuracy first was at least this; empty if it never was.
[[nodiscard]] inline std::optional<double> time_to(const run_entry& run, double accuracy) {
  for (const round_entry& one : run.rounds)
    if (one.accuracy && *one.accuracy >= accuracy) return run.time_of(one);
  return std::nullopt;
}

/// The largest whole percentage that every run of a comparison reached, 0 .. 1; 0 if one was never evaluated.
[[nodiscard]] inline double common_accuracy(const comparison& all) {
  double common = 1;
  for (const run_group& group : all.groups)
    for (const run_entry* run : group.runs) {
      double best = 0;
      for (const round_entry& one : run->rounds) best = std::max(best, one.accuracy.value_or(0));
      common = std::min(common, best);
    }
  return std::floor(100 * common + 1e-9) / 100;
}

namespace detail {

/// Each algorithm keeps its color and marker throughout a page, and, if it is a known one, from page to page.
class palette {
 public:
  explicit palette(const std::vector<run_entry>& runs) {
    constexpr std::string_view known[]{"comdml",       "allreduce", "fedavg",       "gossip",
                                       "braintorrent", "dpsgd",     "splitlearning"};
    std::vector<std::string> others;
    for (const run_entry& run : runs) {
      const auto slot = std::ranges::find(known, run.algorithm);
      if (slot != std::end(known))
        slots_[run.algorithm] = 1 + static_cast<int>(slot - std::begin(known));
      else if (std::ranges::count(others, run.algorithm) == 0)
        others.push_back(run.algorithm);
    }
    for (const std::string& name : others) {
      int slot = 1;
      while (slot < color_slots && std::ranges::any_of(slots_, [&](const auto& used) { return used.second == slot; }))
        ++slot;
      slots_[name] = slot;
    }
  }
  [[nodiscard]] int operator()(const std::string& algorithm) const { return slots_.at(algorithm); }

 private:
  std::map<std::string, int> slots_;
};

/// Mean and deviation. \param largest  of a column of times: all of them get its unit
[[nodiscard]] inline std::string with_spread(const mean_and_spread& of, quantity_kind kind, double largest = 0) {
  if (of.count == 0) return "";
  const auto told = [&](double value) {
    return kind == quantity_kind::time ? duration(value, largest) : written(value, kind);
  };
  const bool alike = of.deviation <= 5e-4 * std::abs(of.mean);
  return of.count == 1 || alike ? told(of.mean) : told(of.mean) + " ± " + told(of.deviation);
}

/// Mean over the runs of a group, with the range from the lowest to the highest run, where all of them have a value.
[[nodiscard]] inline curve mean_over_rounds(const run_group& group, int color) {
  curve mean{.label = group.algorithm, .color = color, .dashed = false, .points = {}};
  std::map<std::uint64_t, std::vector<double>> values;
  for (const run_entry* run : group.runs)
    for (const round_entry& one : run->rounds)
      if (one.accuracy) values[one.round].push_back(*one.accuracy);
  for (const auto& [round, found] : values) {
    if (found.size() != group.runs.size()) continue;
    const mean_and_spread sum = spread_of(found);
    mean.points.emplace_back(static_cast<double>(round), sum.mean);
    if (sum.count > 1) mean.band.push_back({static_cast<double>(round), sum.low, sum.high});
  }
  return mean;
}

/// The same over time, at evenly spaced moments; between two evaluations a run's accuracy is taken to change evenly.
[[nodiscard]] inline curve mean_over_time(const run_group& group, int color, std::size_t moments = 40) {
  curve mean{.label = group.algorithm, .color = color, .dashed = false, .points = {}};
  double begin = 0, end = std::numeric_limits<double>::infinity();
  std::vector<std::vector<std::pair<double, double>>> evaluations;
  for (const run_entry* run : group.runs) {
    auto& evaluated = evaluations.emplace_back();
    for (const round_entry& one : run->rounds)
      if (one.accuracy) evaluated.emplace_back(run->time_of(one), *one.accuracy);
    if (evaluated.empty()) return mean;
    begin = std::max(begin, evaluated.front().first);
    end = std::min(end, evaluated.back().first);
  }
  if (group.runs.size() == 1) {
    mean.points = std::move(evaluations.front());
    return mean;
  }
  for (std::size_t i = 0; i <= moments && begin <= end; ++i) {
    const double moment = std::min(end, begin + (end - begin) * static_cast<double>(i) / static_cast<double>(moments));
    std::vector<double> values;
    for (const auto& evaluated : evaluations) {
      const auto next = std::ranges::lower_bound(evaluated, moment, {}, &std::pair<double, double>::first);
      const auto& after = next == evaluated.end() ? evaluated.back() : *next;
      const auto& before = next == evaluated.begin() || next == evaluated.end() ? after : next[-1];
      const double share = after.first > before.first ? (moment - before.first) / (after.first - before.first) : 1;
      values.push_back(before.second + share * (after.second - before.second));
    }
    const mean_and_spread sum = spread_of(values);
    mean.points.emplace_back(moment, sum.mean);
    mean.band.push_back({moment, sum.low, sum.high});
    if (begin == end) break;
  }
  return mean;
}

/// What others' times are compared with: all-reduce if it is there, else the slowest on average.
[[nodiscard]] inline const run_group& reference_of(const comparison& all, double target) {
  const auto usual = std::ranges::find(all.groups, "allreduce", &run_group::algorithm);
  if (usual != all.groups.end()) return *usual;
  const auto mean = [&](const run_group& group) {
    double sum = 0;
    for (const run_entry* run : group.runs)
      sum += target > 0 ? time_to(*run, target).value_or(std::numeric_limits<double>::infinity())
                        : run->time_of(run->last());
    return sum / static_cast<double>(group.runs.size());
  };
  return *std::ranges::max_element(all.groups, {}, mean);
}

/// One setting: a table, accuracy curves, and bars of time.
/// \param wanted  the accuracy to be reached; empty: what all reached
[[nodiscard]] inline std::string comparison_section(const comparison& all, const palette& colors,
                                                    const std::optional<double>& wanted) {
  const double common = common_accuracy(all);
  const double target = common > 0 ? wanted.value_or(common) : 0;
  const bool whole = std::abs(100 * target - std::round(100 * target)) < 1e-9;
  const std::string goal = target > 0 ? "to " + fixed(100 * target, whole ? 0 : 1) + " %" : "in all";
  const auto time_of = [&](const run_entry& run) {
    return target > 0 ? time_to(run, target) : std::optional{run.time_of(run.last())};
  };
  const run_group& reference = reference_of(all, target);
  bool simulated = true;
  std::size_t seeds = 0;
  for (const run_group& group : all.groups) {
    seeds = std::max(seeds, group.runs.size());
    for (const run_entry* run : group.runs) simulated = simulated && run->simulated();
  }
  const std::string clock = simulated ? "simulated time" : "real time";

  table sums{{"algorithm", "#runs", "#last accuracy", "#time " + goal, "#saved against " + reference.algorithm,
              "#time per round", "#sent per round"},
             {}};
  bar_chart bars{"Time " + goal + " by algorithm", quantity_kind::time, {}};
  curve_chart rounds{"Test accuracy over rounds", "round", quantity_kind::count, quantity_kind::share, false, {}};
  curve_chart times{"Test accuracy over " + clock, clock, quantity_kind::time, quantity_kind::share, false, {}};
  double longest = 0, longest_round = 0;
  for (const run_group& group : all.groups)
    for (const run_entry* run : group.runs) {
      longest = std::max(longest, time_of(*run).value_or(0));
      longest_round = std::max(longest_round, run->time_of(run->last()) / static_cast<double>(run->last().round));
    }
  for (const run_group& group : all.groups) {
    std::vector<double> accuracy, time, per_round, sent, saved;
    for (const run_entry* run : group.runs) {
      const auto count = static_cast<double>(run->last().round);
      if (run->accuracy()) accuracy.push_back(*run->accuracy());
      const std::optional<double> needed = time_of(*run);
      if (needed) time.push_back(*needed);
      per_round.push_back(run->time_of(run->last()) / count);
      sent.push_back((run->last().activation_bytes + run->last().weight_bytes) / count);
      // Of the same seed, where there is one: the same fleet and the same data.
      const auto same = std::ranges::find(reference.runs, run->seed, [](const run_entry* one) { return one->seed; });
      const std::optional<double> usual = same != reference.runs.end() ? time_of(**same) : std::nullopt;
      if (needed && usual && *usual > 0) saved.push_back(1 - *needed / *usual);
    }
    const bool reached = time.size() == group.runs.size();
    const mean_and_spread span = spread_of(time);
    sums.rows.push_back({group.algorithm, text(group.runs.size()),
                         with_spread(spread_of(accuracy), quantity_kind::share),
                         reached ? with_spread(span, quantity_kind::time, longest)
                                 : text("not reached by ", group.runs.size() - time.size(), " of ", group.runs.size()),
                         &group == &reference || !reached ? "" : with_spread(spread_of(saved), quantity_kind::share),
                         with_spread(spread_of(per_round), quantity_kind::time, longest_round),
                         with_spread(spread_of(sent), quantity_kind::size)});
    if (reached) {
      bars.bars.push_back({group.algorithm, span.mean, colors(group.algorithm), {}, {}, duration(span.mean, longest)});
      if (span.count > 1) bars.bars.back().spread = {span.low, span.high};
    }
    rounds.curves.push_back(mean_over_rounds(group, colors(group.algorithm)));
    times.curves.push_back(mean_over_time(group, colors(group.algorithm)));
  }
  const bool evaluated = std::ranges::any_of(rounds.curves, [](const curve& one) { return !one.points.empty(); });
  const char* const band = seeds > 1 ? "Line: mean over seeds. Band: from the lowest to the highest run." : "";
  return drawn(sums) +
         paragraph(
             text("Time ", goal,
                  wanted && target > 0 ? ": until the test accuracy was first at least that, the sweep's target. "
                  : target > 0 ? ": until the test accuracy was first at least that, which every run here has reached. "
                  : evaluated  ? ": of all rounds, for some run was never evaluated. "
                               : ": of all rounds. ",
                  seeds > 1 ? "± is one standard deviation over seeds." : ""),
             "quiet") +
         "<div class=\"columns\">" +
         (evaluated ? figure("Over rounds", rounds, band) +
                          figure(simulated ? "Over simulated time" : "Over real time", times, band)
                    : std::string{}) +
         (bars.bars.empty()
              ? std::string{}
              : figure("Time " + goal, drawn(bars),
                       seeds > 1 ? "Bar: mean over seeds. Line: from the fastest to the slowest run." : "", {})) +
         "</div>";
}

[[nodiscard]] inline table runs_table(const sweep_entry& sweep) {
  table all{{"run", "setting", "algorithm", "#seed", "#rounds", "#accuracy", "#time", "#activations", "#weights"}, {}};
  for (const run_entry& run : sweep.runs) {
    const auto accuracy = run.accuracy();
    all.rows.push_back({run.name, run.setting, run.algorithm, run.seed, text(run.rounds.size()),
                        accuracy ? percent(*accuracy) : "", duration(run.time_of(run.last())),
                        data_size(run.last().activation_bytes), data_size(run.last().weight_bytes)});
  }
  return all;
}

/// The run that is looked at more closely: the one of this name, if one is given, else one with pairs and a timeline if
/// there is one, ComDML's before others.
[[nodiscard]] inline const run_entry& closer(const std::vector<run_entry>& runs, const std::string& name) {
  if (!name.empty()) {
    const auto found = std::ranges::find(runs, name, &run_entry::name);
    if (found != runs.end()) return *found;
    throw input_error{name, text("is none of the ", runs.size(), " runs"),
                      text("give a name as the report's table of all runs has it, like \"", runs.front().name, '"')};
  }
  const auto worth = [](const run_entry& run) {
    return (run.timeline ? 4 : 0) + (run.last().pairs.empty() ? 0 : 2) + (run.algorithm.starts_with("comdml") ? 1 : 0);
  };
  return *std::ranges::max_element(runs, {}, worth);
}

/// A run beside another one in which everybody trained alone: the same setting and seed. nullptr if there is none.
[[nodiscard]] inline const run_entry* unpaired_beside(const run_entry& run, const std::vector<run_entry>& runs) {
  const auto found = std::ranges::find_if(runs, [&](const run_entry& other) {
    return other.algorithm == "allreduce" && other.setting == run.setting && other.seed == run.seed && &other != &run;
  });
  return found == runs.end() ? nullptr : &*found;
}

}  // namespace detail

/// The report of a sweep. \param closer  name of the run that is looked at more closely; empty: it is chosen
/// \throws input_error if no run has that name
[[nodiscard]] inline std::string html(const sweep_entry& sweep, std::optional<std::uint64_t> round = {},
                                      const std::string& closer = {}) {
  const std::vector<comparison> all = comparisons_of(sweep.runs);
  const detail::palette colors{sweep.runs};
  std::set<std::string> algorithms, seeds;
  for (const run_entry& run : sweep.runs) algorithms.insert(run.algorithm), seeds.insert(run.seed);

  std::string body = detail::notes_of(sweep.notes);
  for (const run_entry& run : sweep.runs)
    for (const std::string& note : run.notes) body += paragraph(run.name + ": " + note, "note");
  for (const comparison& one : all)
    body += section(one.setting.empty() ? "Algorithms compared" : one.setting,
                    detail::comparison_section(one, colors, sweep.target));

  const run_entry& shown = detail::closer(sweep.runs, closer);
  body += section("A closer look at one run",
                  paragraph(text("What follows is of the run ", shown.name, ": ", shown.algorithm,
                                 shown.seed.empty() ? "" : ", seed ", shown.seed, shown.setting.empty() ? "" : ", ",
                                 shown.setting, ". comdml report --run looks at another one.")));
  body += detail::details_of(shown, round, detail::unpaired_beside(shown, sweep.runs));

  std::string made;
  if (!sweep.command.empty())
    made = paragraph("The sweep was made with this command:") + "<pre>" + escaped(sweep.command) + "</pre>";
  made += "<h3>The run looked at</h3>" + detail::settings_section(shown);
  body += section("All runs", drawn(detail::runs_table(sweep))) + section("Settings and command", made);

  const auto count = [](std::size_t n, const char* one, const char* many) { return text(n, ' ', n == 1 ? one : many); };
  return page(sweep.title,
              count(sweep.runs.size(), "run", "runs") + ", " + count(algorithms.size(), "algorithm", "algorithms") +
                  ", " + count(all.size(), "setting", "settings") + ", " + count(seeds.size(), "seed", "seeds"),
              body);
}

}  // namespace comdml::report
