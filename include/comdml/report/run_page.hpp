// SPDX-License-Identifier: BSL-1.0
/// \file
/// The report of one run, as one HTML file that needs no network.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/report/page.hpp"
#include "comdml/report/pair_graph.hpp"
#include "comdml/report/round_chart.hpp"
#include "comdml/report/run.hpp"

namespace comdml::report {

namespace detail {

[[nodiscard]] inline const char* time_name(const run_entry& run) {
  return run.simulated() ? "simulated time" : "real time";
}

/// Names of activities with the boxes that stand for them.
[[nodiscard]] inline std::string activity_legend() {
  std::string out = "<ul class=\"legend\">";
  for (std::size_t a = 0; a < learn::activities; ++a) {
    drawing swatch{26, 14, activity_names[a], "swatch"};
    swatch.box(0.5, 0.5, 25, 13, text("act ", activity_css[a]));
    const bool stalled = static_cast<learn::activity>(a) == learn::activity::sending;
    out += "<li>" + std::move(swatch).finish() + activity_names[a] + (stalled ? " (stalled)" : "") + "</li>";
  }
  return out + "</ul>";
}

/// The round of a timeline to show: the one asked for, or the last.
[[nodiscard]] inline const shown_round* pick(const run_entry& run, std::optional<std::uint64_t> wanted) {
  if (!run.timeline || run.timeline->rounds.empty()) return nullptr;
  if (!wanted) return &run.timeline->rounds.back();
  const auto found = std::ranges::find(run.timeline->rounds, *wanted, &shown_round::round);
  return found == run.timeline->rounds.end() ? nullptr : &*found;
}

[[nodiscard]] inline const round_entry& entry_of(const run_entry& run, std::uint64_t round) {
  const auto found = std::ranges::find(run.rounds, round, &round_entry::round);
  return found == run.rounds.end() ? run.last() : *found;
}

inline constexpr std::size_t most_rows = 24;

/// The timeline of a round, before and after. \param unpaired  another run of the same fleet, whose agents all train
/// alone; nullptr if there is none
[[nodiscard]] inline std::string round_section(const run_entry& run, const shown_round& shown,
                                               const std::vector<pair_entry>& pairs, const run_entry* unpaired) {
  const round_view view = view_of(shown, pairs);
  if (!view.sensible()) return paragraph("Nothing was recorded in this round.", "note");
  const shown_round* const same = unpaired == nullptr ? nullptr : pick(*unpaired, shown.round);
  const round_view lonely = same == nullptr ? round_view{} : view_of(*same, pairs);
  const double shared = std::max({view.length, view.longest_alone, lonely.length});
  const auto both_of = [](const round_view& drawn, round_panel panel, double end) {
    return draw(drawn, panel, end, most_rows, 1060, false, "wide") +
           draw(drawn, panel, end, most_rows, narrow_figure, true, "narrow");
  };
  const auto both = [&](round_panel panel, double end) { return both_of(view, panel, end); };
  const char* const clock = run.timeline->simulated ? "simulated" : "real";
  std::string out = activity_legend();
  if (view.longest_alone > 0) {
    out += figure(text("Before: everyone alone, ", duration(view.longest_alone)), both(round_panel::before, shared),
                  "Planned: what each agent's own training takes by the cost model, then waiting for the slowest. The "
                  "all-reduce, which follows either way, is not drawn.",
                  {});
  }
  table data{{"agent", "#alone"}, {}};
  for (const char* const name : activity_names) data.head.push_back(text('#', name));
  for (const round_row& row : view.rows) {
    std::vector<std::string> cells{text(row.agent), duration(row.alone)};
    for (const double spent : row.spent) cells.push_back(duration(spent));
    data.rows.push_back(std::move(cells));
  }
  const bool enlarged = view.length < 0.7 * shared;
  out += figure(text("After: round ", view.round, ", ", duration(view.length), pairs.empty() ? ", no pairs" : ""),
                both(round_panel::after, shared),
                text("As it went, in ", clock, " time", view.longest_alone > 0 ? ", on the same scale." : "."),
                enlarged ? table{} : data);
  if (enlarged)
    out += figure("The same, enlarged", both(round_panel::after, view.length), "Batches of the same work are joined.",
                  data);
  if (lonely.sensible())
    out += figure(text("Without pairs: ", unpaired->algorithm, ", round ", lonely.round, ", ", duration(lonely.length)),
                  both_of(lonely, round_panel::after, shared),
                  text("The same round of the same fleet as ", unpaired->name, " went, the all-reduce included."), {});
  if (view.rows.size() > most_rows)
    out += paragraph(text(most_rows, " of ", view.rows.size(), " agents are drawn; the table has them all."), "quiet");
  return out;
}

/// Seconds that all agents together waited in all rounds: had nobody been helped, and as it went, stalls included.
struct waiting_sums {
  double before = 0;
  double after = 0;
};
[[nodiscard]] inline waiting_sums waiting_of(const std::vector<round_sums>& totals) {
  waiting_sums sums;
  for (const round_sums& one : totals) {
    sums.before += one.waiting_alone;
    sums.after += one.spent[static_cast<std::size_t>(learn::activity::waiting)] +
                  one.spent[static_cast<std::size_t>(learn::activity::sending)];
  }
  return sums;
}

/// Waiting, before and after, by agent and over the rounds.
[[nodiscard]] inline std::string idle_section(const run_entry& run, const shown_round& shown,
                                              const std::vector<pair_entry>& pairs) {
  const round_view view = view_of(shown, pairs);
  std::string out;
  const auto [before, after] = waiting_of(run.timeline->totals);
  if (before > 0)
    out += paragraph(
        text("Over ", run.timeline->totals.size(), " rounds, all agents together waited ", duration(after, before),
             ", stalls while sending included. With nobody helped it would have been ", duration(before, before), ": ",
             after <= before ? percent(1 - after / before) + " less." : percent(after / before - 1) + " more."));
  if (!view.sensible()) return out;
  bar_chart by_agent{
      text("Waiting in round ", view.round, " by agent, before and after pairing"), quantity_kind::time, {}};
  table data{{"agent", "#waiting alone", "#waiting as it went"}, {}};
  for (const round_row& row : view.rows) {
    const double waited = row.spent[static_cast<std::size_t>(learn::activity::waiting)] +
                          row.spent[static_cast<std::size_t>(learn::activity::sending)];
    const double alone = std::max(0.0, view.longest_alone - row.alone);
    data.rows.push_back({text(row.agent), duration(alone), duration(waited)});
    if (by_agent.bars.size() < most_rows)
      by_agent.bars.push_back(
          {text("agent ", row.agent),
           waited,
           1,
           alone,
           {},
           duration(waited, std::max(waited, alone)) + " of " + duration(alone, std::max(waited, alone))});
  }
  out +=
      "<div class=\"columns\">" +
      figure(text("By agent, round ", view.round), drawn(by_agent),
             "Outline: waiting for the slowest if nobody were helped, by the cost model. Filled: waited and stalled as "
             "it went.",
             data);
  curve now{.label = "as it went", .color = 1, .dashed = false, .points = {}};
  curve alone{.label = "nobody helped", .color = 8, .dashed = true, .points = {}};
  for (const round_sums& one : run.timeline->totals) {
    now.points.emplace_back(static_cast<double>(one.round),
                            one.spent[static_cast<std::size_t>(learn::activity::waiting)] +
                                one.spent[static_cast<std::size_t>(learn::activity::sending)]);
    alone.points.emplace_back(static_cast<double>(one.round), one.waiting_alone);
  }
  const curve_chart over{
      "Waiting of all agents together by round", "round", quantity_kind::count, quantity_kind::time, true,
      {std::move(alone), std::move(now)}};
  return out + figure("All agents together, by round", over, "Summed over agents.") + "</div>";
}

[[nodiscard]] inline std::string pairs_section(const run_entry& run, const round_entry& round) {
  const char* const nobody = "Nobody was paired: no pair would have been faster, or none was asked for.";
  if (round.pairs.empty() && !run.facts) return paragraph(nobody);
  std::string out =
      "<div class=\"columns\"><figure>" + draw_pairs(run, round, most_rows, wide_figure, false, "wide") +
      draw_pairs(run, round, most_rows, narrow_figure, true, "narrow") + "<figcaption>" +
      escaped(
          text("Round ", round.round,
               ". Arrows lead from a slow agent to its helper; on them, the units that the slow agent keeps and how "
               "activations travel. Larger circles are faster agents.")) +
      "</figcaption>";
  table data{{"#slow", "#helper", "#keeps", "wire", "#time", "#alone", "#refused", "#its time"}, {}};
  for (const pair_entry& pair : round.pairs)
    data.rows.push_back({text(pair.slow), text(pair.fast), text(pair.split), pair.wire, duration(pair.time),
                         pair.solo ? duration(*pair.solo) : "", pair.refused ? text(pair.refused->fast) : "",
                         pair.refused ? duration(pair.refused->time) : ""});
  if (!data.rows.empty()) out += unfold("Data of this chart", drawn(data));
  out += "</figure>";
  if (round.pairs.empty()) return out + "<div>" + paragraph(nobody) + "</div></div>";
  std::string reasons = "<ol class=\"why\">";
  const std::size_t told = std::min(most_rows, round.pairs.size());
  for (std::size_t i = 0; i < told; ++i) reasons += "<li>" + escaped(reason(run, round.pairs[i])) + "</li>";
  reasons += "</ol>";
  if (told < round.pairs.size())
    reasons += paragraph(text("And ", round.pairs.size() - told, " more; the table has them all."), "quiet");
  return out + "<div><h3>Why these pairs</h3>" + reasons + "</div></div>";
}

[[nodiscard]] inline std::string traffic_section(const run_entry& run) {
  curve activations{.label = "activations", .color = 2, .dashed = false, .points = {}};
  curve weights{.label = "weights", .color = 3, .dashed = false, .points = {}};
  for (const round_entry& one : run.rounds) {
    activations.points.emplace_back(static_cast<double>(one.round), one.activation_bytes);
    weights.points.emplace_back(static_cast<double>(one.round), one.weight_bytes);
  }
  const curve_chart chart{
      "Bytes sent since the start by round",       "round", quantity_kind::count, quantity_kind::size, true,
      {std::move(activations), std::move(weights)}};
  return figure("", chart, "Summed over all agents since the start. Weights: the average's, relayed bytes included.");
}

[[nodiscard]] inline std::string settings_section(const run_entry& run) {
  std::string out;
  if (run.facts) {
    out += paragraph(text("Made by ", run.facts->program, " with this command:")) + "<pre>" +
           escaped(run.facts->command) + "</pre>";
  } else {
    out += paragraph("The command is not on record (no run.json).", "note");
  }
  if (run.options.empty()) return out + paragraph("The options are not on record (no config.toml).", "note");
  table options{{"option", "value"}, {}, true};
  for (const auto& [name, value] : run.options) options.rows.push_back({name, value});
  return out + unfold("All options", drawn(options));
}

/// What is particular to one run: its timeline, pairs, waiting, traffic. \param unpaired  see round_section
[[nodiscard]] inline std::string details_of(const run_entry& run, std::optional<std::uint64_t> wanted,
                                            const run_entry* unpaired = nullptr) {
  const shown_round* const shown = pick(run, wanted);
  const round_entry& round = entry_of(run, wanted ? *wanted : shown != nullptr ? shown->round : run.last().round);
  std::string out;
  if (shown != nullptr) {
    out += section("One round, agent by agent", round_section(run, *shown, round.pairs, unpaired));
  } else {
    std::string why =
        "This run left no timeline.json: it was killed, made by an older version, or is of a kind that is not "
        "recorded.";
    if (run.timeline) {
      why = text("Round ", wanted.value_or(0), " is not in the timeline, which has these:");
      for (const shown_round& one : run.timeline->rounds) why += text(' ', one.round);
    }
    out += section("One round, agent by agent", paragraph(why, "note"));
  }
  out += section("Who helps whom", pairs_section(run, round));
  if (shown != nullptr) out += section("Waiting", idle_section(run, *shown, round.pairs));
  return out + section("Bytes sent", traffic_section(run));
}

[[nodiscard]] inline std::string notes_of(const std::vector<std::string>& notes) {
  std::string out;
  for (const std::string& note : notes) out += paragraph(note, "note");
  return out;
}

[[nodiscard]] inline std::string title_of(const run_entry& run) {
  const std::string data = run.option("dataset"), model = run.option("model");
  if (data.empty() || model.empty()) return run.name;
  const std::string agents = run.option("agents");
  return data + ", " + model +
         (agents.empty() ? std::string{} : ", " + agents + (agents == "1" ? " agent" : " agents"));
}

}  // namespace detail

/// The report of a run. \param round  to show agent by agent, counted from 1; by default the last one recorded
[[nodiscard]] inline std::string html(const run_entry& run, std::optional<std::uint64_t> round = {}) {
  const round_entry& last = run.last();
  const bool simulated = run.simulated();
  const std::string unit_name = detail::time_name(run);
  std::vector<tile> tiles;
  const auto accuracy = run.accuracy();
  if (accuracy)
    tiles.push_back(
        {"Test accuracy", percent(*accuracy), text("after ", last.round, last.round == 1 ? " round" : " rounds")});
  const double time = run.time_of(last);
  const bool helped = simulated && last.simulated_alone && *last.simulated_alone > 0;
  tiles.push_back({simulated ? "Simulated time" : "Real time", duration(time, helped ? *last.simulated_alone : time),
                   helped ? duration(*last.simulated_alone, *last.simulated_alone) + " with nobody helped"
                          : text(run.rounds.size(), " rounds")});
  if (helped) tiles.push_back({"Time saved", percent(1 - time / *last.simulated_alone), "by helping, same rounds"});
  if (run.timeline) {
    const auto [before, after] = detail::waiting_of(run.timeline->totals);
    if (before > 0)
      tiles.push_back({"Waiting saved", percent(1 - after / before),
                       duration(after, before) + " instead of " + duration(before, before)});
  }
  tiles.push_back({"Sent", data_size(last.activation_bytes + last.weight_bytes),
                   data_size(last.activation_bytes) + " activations, " + data_size(last.weight_bytes) + " weights"});

  curve by_round{.label = run.algorithm, .color = 1, .dashed = false, .points = {}};
  curve by_time = by_round;
  curve by_time_alone{.label = "nobody helped", .color = 8, .dashed = true, .points = {}};
  for (const round_entry& one : run.rounds) {
    if (!one.accuracy) continue;
    by_round.points.emplace_back(static_cast<double>(one.round), *one.accuracy);
    by_time.points.emplace_back(run.time_of(one), *one.accuracy);
    if (helped && one.simulated_alone) by_time_alone.points.emplace_back(*one.simulated_alone, *one.accuracy);
  }
  const curve_chart rounds{"Test accuracy over rounds", "round", quantity_kind::count,
                           quantity_kind::share,        false,   {by_round}};
  curve_chart times{
      text("Test accuracy over ", unit_name), unit_name, quantity_kind::time, quantity_kind::share, false, {by_time}};
  if (!by_time_alone.points.empty()) times.curves.push_back(by_time_alone);

  std::string below = run.algorithm;
  if (const std::string pairing = run.option("pairing"); !pairing.empty() && run.algorithm.starts_with("comdml"))
    below += ", pairing " + pairing;
  if (const std::string fleet = run.option("fleet"); !fleet.empty()) below += ", fleet " + fleet;
  below += text(", ", run.rounds.size(), run.rounds.size() == 1 ? " round" : " rounds");
  if (!run.seed.empty()) below += ", seed " + run.seed;

  return page(
      detail::title_of(run), below,
      detail::notes_of(run.notes) + drawn(tiles) +
          (accuracy
               ? section(
                     "Accuracy",
                     "<div class=\"columns\">" +
                         figure("Over rounds", rounds, "Of the averaged model, on the test images.") +
                         figure(
                             simulated ? "Over simulated time" : "Over real time", times,
                             helped
                                 ? "Dashed: the same rounds at the times they would have ended with nobody helped, by "
                                   "the cost model."
                                 : "") +
                         "</div>")
               : section("Accuracy", paragraph("In this run nothing was measured."))) +
          detail::details_of(run, round) + section("Settings and command", detail::settings_section(run)));
}

}  // namespace comdml::report
