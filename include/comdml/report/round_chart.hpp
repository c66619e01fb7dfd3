// SPDX-License-Identifier: BSL-1.0
/// \file
/// One round, agent by agent: before pairing (everyone alone, by the cost model) and after (as it went).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "comdml/report/charts.hpp"
#include "comdml/report/run.hpp"
#include "comdml/report/svg.hpp"

namespace comdml::report {

/// Classes of the boxes, by learn::activity; the style gives each a color and a pattern.
inline constexpr std::array<const char*, learn::activities> activity_css{"own",  "guest",    "sending",
                                                                         "wait", "exchange", "reduce"};

/// Times of one agent's round, from the beginning of the round that all share.
struct round_row {
  std::uint32_t agent = 0;
  double alone = 0;
  std::array<double, learn::activities> spent{};
  const learn::track* track = nullptr;
};

/// A round laid out for drawing.
struct round_view {
  std::uint64_t round = 0;
  double begin = 0;               ///< on the transport's clock
  double length = 0;              ///< until the last agent is done
  double longest_alone = 0;       ///< 0 = not known
  std::vector<round_row> rows{};  ///< each slow agent with its helper, the slowest first; then those alone
  double waiting_before = 0;      ///< sum over agents
  double waiting_after = 0;
  bool sensible() const { return !rows.empty() && length > 0; }
};

/// \param pairs  of that round
[[nodiscard]] inline round_view view_of(const shown_round& shown, const std::vector<pair_entry>& pairs) {
  round_view view;
  view.round = shown.round;
  bool first = true;
  double end = 0;
  for (const learn::track& one : shown.tracks) {
    if (one.spans.empty()) continue;
    view.begin = first ? one.spans.front().begin.value() : std::min(view.begin, one.spans.front().begin.value());
    first = false;
    end = std::max(end, one.spans.back().end.value());
    view.longest_alone = std::max(view.longest_alone, one.alone.value());
  }
  view.length = end - view.begin;
  std::vector<std::uint32_t> order;
  std::vector<bool> placed(shown.tracks.size(), false);
  const auto add = [&](std::uint32_t agent) {
    if (agent >= placed.size() || placed[agent] || shown.tracks[agent].spans.empty()) return;
    placed[agent] = true;
    order.push_back(agent);
  };
  std::vector<const pair_entry*> sorted;
  sorted.reserve(pairs.size());
  for (const pair_entry& pair : pairs) sorted.push_back(&pair);
  std::ranges::stable_sort(sorted, [&](const pair_entry* a, const pair_entry* b) {
    const auto alone = [&](const pair_entry* p) {
      return p->slow < shown.tracks.size() ? shown.tracks[p->slow].alone.value() : 0;
    };
    return alone(a) > alone(b);
  });
  std::map<std::uint32_t, std::vector<std::uint32_t>> guests;  // by helper
  for (const pair_entry* pair : sorted) guests[pair->fast].push_back(pair->slow);
  for (const pair_entry* pair : sorted) {
    for (const std::uint32_t guest : guests[pair->fast]) add(guest);  // a star stays together
    guests[pair->fast].clear();
    add(pair->fast);
  }
  std::vector<std::uint32_t> rest(shown.tracks.size());
  std::iota(rest.begin(), rest.end(), 0u);
  std::ranges::stable_sort(
      rest, [&](std::uint32_t a, std::uint32_t b) { return shown.tracks[a].alone > shown.tracks[b].alone; });
  for (const std::uint32_t agent : rest) add(agent);
  for (const std::uint32_t agent : order) {
    const learn::track& one = shown.tracks[agent];
    round_row row{agent, one.alone.value(), {}, &one};
    for (const learn::span_of_time& span : one.spans)
      row.spent[static_cast<std::size_t>(span.what)] += (span.end - span.begin).value();
    view.waiting_after += row.spent[static_cast<std::size_t>(learn::activity::waiting)];
    view.waiting_before += view.longest_alone - row.alone;
    view.rows.push_back(row);
  }
  return view;
}

/// What a round's chart shows.
enum class round_panel {
  before,  ///< work alone, then waiting for the slowest
  after,   ///< as it went
};

/// \param end    right end of the axis, in seconds
/// \param most   rows; the others are left out
[[nodiscard]] inline std::string draw(const round_view& view, round_panel panel, double end, std::size_t most,
                                      double width, bool narrow, std::string_view css) {
  const double row = narrow ? 20 : 22, left = narrow ? 30 : 64, right = width - 12, top = 4;
  const std::size_t count = std::min(most, view.rows.size());
  const double bottom = top + row * static_cast<double>(count) + 2;
  drawing out{width, bottom + 36,
              panel == round_panel::before
                  ? text("Before: every agent alone, ", duration(view.longest_alone), ", by the cost model")
                  : text("After: round ", view.round, " as it went, ", duration(view.length)),
              css};
  const axis_unit unit = unit_of(end, quantity_kind::time);
  const scale x{0, end / unit.divisor, left, right};
  const auto at = [&](double time) { return x(time / unit.divisor); };
  const ticks marks = x.marks(static_cast<std::size_t>(std::clamp((right - left) / 70, 2.0, 12.0)));
  for (const double tick : marks.at) {
    out.line(x(tick), top, x(tick), bottom + 4, "grid");
    out.text(x(tick), bottom + 17, fixed(tick, marks.digits), "tick", "middle");
  }
  out.text((left + right) / 2, bottom + 32,
           "seconds since the round began" + (unit.name == "s" ? "" : ", in " + unit.name), "label", "middle");
  double y = top;
  const auto box = [&](double from, double to, learn::activity what, const std::string& tip, const std::string& name) {
    const double begin = at(from), size = at(to) - at(from);
    if (size < 0.08) return;
    out.box(begin, y + 3, size, row - 6, text("act ", activity_css[static_cast<std::size_t>(what)]), tip);
    if (!name.empty() && text_width(name, 11) + 8 < size) {
      out.box(begin + size / 2 - text_width(name, 11) / 2 - 3, y + 4.5, text_width(name, 11) + 6, row - 9, "plate");
      out.text(begin + size / 2, y + row / 2 + 4, name, "inside", "middle");
    }
  };
  for (std::size_t i = 0; i < count; ++i, y += row) {
    const round_row& one = view.rows[i];
    out.text(left - 6, y + row / 2 + 4, narrow ? text(one.agent) : text("agent ", one.agent), "label", "end");
    if (panel == round_panel::before) {
      box(0, one.alone, learn::activity::own_work, text("agent ", one.agent, " alone: ", duration(one.alone)), "");
      box(one.alone, view.longest_alone, learn::activity::waiting,
          text("agent ", one.agent, " waits ", duration(view.longest_alone - one.alone), " for the slowest"), "");
      continue;
    }
    for (const learn::span_of_time& span : one.track->spans) {
      const bool guest = span.what == learn::activity::guest_work;
      const std::string other = span.other.value == one.agent
                                    ? std::string{}
                                    : text(guest                                   ? " of agent "
                                           : span.what == learn::activity::sending ? " to agent "
                                                                                   : " for agent ",
                                           span.other);
      box(span.begin.value() - view.begin, span.end.value() - view.begin, span.what,
          text("agent ", one.agent, ": ", activity_names[static_cast<std::size_t>(span.what)], other, ", ",
               duration((span.end - span.begin).value()), " from ", duration(span.begin.value() - view.begin)),
          guest ? text("for ", span.other) : "");
    }
  }
  return std::move(out).finish();
}

}  // namespace comdml::report
