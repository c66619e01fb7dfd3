// SPDX-License-Identifier: BSL-1.0
/// \file
/// Who helps whom: slow agents on the left, their helpers on the right, circles as large as agents are fast; and why,
/// in words.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "comdml/report/run.hpp"
#include "comdml/report/svg.hpp"

namespace comdml::report {

namespace detail {

[[nodiscard]] inline std::string units(std::uint64_t count) { return text(count, count == 1 ? " unit" : " units"); }

/// Facts of one agent, if they are known.
[[nodiscard]] inline const run_facts::agent* agent_of(const run_entry& run, std::uint32_t agent) {
  return run.facts && agent < run.facts->agents.size() ? &run.facts->agents[agent] : nullptr;
}
[[nodiscard]] inline const run_facts::cut* cut_of(const run_entry& run, const pair_entry& pair) {
  if (!run.facts) return nullptr;
  const auto found = std::ranges::find_if(
      run.facts->cuts, [&](const run_facts::cut& one) { return one.split == pair.split && one.wire == pair.wire; });
  return found == run.facts->cuts.end() ? nullptr : &*found;
}
/// Mbps; empty if not known or without a limit.
[[nodiscard]] inline std::optional<double> link_of(const run_entry& run, std::uint32_t from, std::uint32_t to) {
  if (!run.facts || from >= run.facts->links.size() || to >= run.facts->links.size()) return std::nullopt;
  const double rate = run.facts->links[from][to];
  return std::isfinite(rate) ? std::optional{rate} : std::nullopt;
}
[[nodiscard]] inline std::string speed_text(const run_facts::agent* agent) {
  return agent == nullptr ? std::string{} : plain_number(agent->speed) + " batches/s";
}

}  // namespace detail

/// \param most  pairs that are drawn
[[nodiscard]] inline std::string draw_pairs(const run_entry& run, const round_entry& round, std::size_t most,
                                            double width, bool narrow, std::string_view css) {
  const std::vector<pair_entry>& pairs = round.pairs;
  double fastest = 0;
  if (run.facts)
    for (const run_facts::agent& one : run.facts->agents) fastest = std::max(fastest, one.speed);
  const auto radius = [&](std::uint32_t agent) {
    const run_facts::agent* const known = detail::agent_of(run, agent);
    return known == nullptr || fastest <= 0 ? 14.0 : 9 + 10 * std::sqrt(known->speed / fastest);
  };
  std::map<std::uint32_t, std::vector<const pair_entry*>> stars;  // by helper
  std::vector<std::uint32_t> helpers;                             // in the order of the plan
  for (const pair_entry& pair : pairs) {
    if (helpers.size() == most) break;
    if (stars[pair.fast].empty()) helpers.push_back(pair.fast);
    if (stars[pair.fast].size() < most) stars[pair.fast].push_back(&pair);
  }
  std::vector<std::uint32_t> alone;
  std::set<std::uint32_t> paired;
  for (const pair_entry& pair : pairs) paired.insert({pair.slow, pair.fast});
  if (round.alone)
    alone = *round.alone;
  else if (run.facts)
    for (std::uint32_t i = 0; i < run.facts->agents.size(); ++i)
      if (!paired.contains(i)) alone.push_back(i);
  const std::size_t unseen = alone.size() > 40 ? alone.size() : 0;
  if (unseen > 0) alone.clear();

  const double row = 52, edge = narrow ? 24 : 116, from = edge, to = width - edge;
  double rows = 0;
  for (const std::uint32_t helper : helpers) rows += static_cast<double>(stars[helper].size());
  const double step = narrow ? 46 : 96;
  const auto across = static_cast<std::size_t>(std::max(1.0, std::floor((width - 16) / step)));
  const double alone_rows = static_cast<double>((alone.size() + across - 1) / across);
  const double alone_top = 26 + row * rows;
  const double height = alone_top + (unseen > 0 ? 24 : alone.empty() ? 0 : 34 + alone_rows * 58);
  drawing out{width, height, text("Pairs: ", pairs.size(), ", arrows from the slow agent to its helper"), css};

  const auto agent = [&](double x, double y, std::uint32_t id, const char* role, const char* side) {
    const run_facts::agent* const known = detail::agent_of(run, id);
    out.circle(x, y, radius(id), text("agent ", role),
               text("agent ", id, known ? ", " : "", detail::speed_text(known)));
    out.text(x, y + 4.5, text(id), text("number ", role), "middle");
    if (known == nullptr || narrow) return;
    const bool end = side == std::string_view{"end"};
    if (side == std::string_view{"middle"})
      out.text(x, y + 36, plain_number(known->speed) + "/s", "tick", "middle");
    else
      out.text(end ? x - 26 : x + 26, y + 4, detail::speed_text(known), "tick", side);
  };
  if (!pairs.empty()) {
    out.text(from, 13, "helped", "label", "middle");
    out.text(to, 13, "helper", "label", "middle");
  }
  double y = 26 + row / 2;
  for (const std::uint32_t helper : helpers) {
    const std::vector<const pair_entry*>& guests = stars[helper];
    const double middle = y + row * (static_cast<double>(guests.size()) - 1) / 2;
    for (const pair_entry* pair : guests) {
      const double dx = to - from, dy = middle - y, length = std::hypot(dx, dy);
      const double bx = from + dx / length * (radius(pair->slow) + 5), by = y + dy / length * (radius(pair->slow) + 5);
      const double ex = to - dx / length * (radius(helper) + 5), ey = middle - dy / length * (radius(helper) + 5);
      out.line(bx, by, ex, ey, "arrow");
      const double ux = dx / length, uy = dy / length;
      out.path(text('M', drawing::point(ex, ey), 'L', drawing::point(ex - 9 * ux - 4.5 * uy, ey - 9 * uy + 4.5 * ux),
                    'L', drawing::point(ex - 9 * ux + 4.5 * uy, ey - 9 * uy - 4.5 * ux), 'Z'),
               "head");
      // Nearer to the slow end, where the arrows of a star are apart.
      const double share = guests.size() > 1 ? 0.42 : 0.5;
      const double lx = bx + share * (ex - bx), ly = by + share * (ey - by);
      const std::string name = run.facts && !narrow
                                   ? text("keeps ", pair->split, " of ", run.facts->units, ", ", pair->wire)
                                   : text("keeps ", pair->split, ", ", pair->wire);
      const double plate = 0.9 * text_width(name, 12) + 8;
      out.box(lx - plate / 2, ly - 10, plate, 20, "plate");
      out.text(lx, ly + 4, name, "label strong", "middle");
      const std::optional<double> rate = detail::link_of(run, pair->slow, pair->fast);
      if (rate && guests.size() == 1) out.text(lx, ly + 21, plain_number(*rate) + " Mbps", "tick", "middle");
      agent(from, y, pair->slow, "slow", "end");
      y += row;
    }
    agent(to, middle, helper, "fast", "start");
  }
  if (unseen > 0) out.text(8, alone_top + 16, text(unseen, " agents train alone"), "label");
  if (!alone.empty()) {
    out.text(8, alone_top + 16, pairs.empty() ? "all alone" : "alone", "label");
    for (std::size_t i = 0; i < alone.size(); ++i)
      agent(8 + step * (static_cast<double>(i % across) + 0.5), alone_top + 48 + 58 * static_cast<double>(i / across),
            alone[i], "single", "middle");
  }
  return std::move(out).finish();
}

/// Why a pair was chosen, as sentences. Plain text.
[[nodiscard]] inline std::string reason(const run_entry& run, const pair_entry& pair) {
  const run_facts::agent* const slow = detail::agent_of(run, pair.slow);
  const run_facts::agent* const fast = detail::agent_of(run, pair.fast);
  const run_facts::cut* const cut = detail::cut_of(run, pair);
  const auto with = [](const std::string& more) { return more.empty() ? std::string{} : " (" + more + ")"; };
  std::string told = text("Agent ", pair.slow, with(detail::speed_text(slow)));
  if (pair.solo) told += text(" would need ", duration(*pair.solo), " alone. It");
  told += text(" keeps ", detail::units(pair.split), run.facts ? text(" of ", run.facts->units) : std::string{});
  if (cut != nullptr) told += with(percent(cut->slow_share) + " of the work, with the small head on the cut");
  told += text(" and sends activations as ", pair.wire);
  if (cut != nullptr) told += text(", ", data_size(cut->bytes_per_batch), " a batch,");
  told += text(" to agent ", pair.fast, with(detail::speed_text(fast)));
  if (const auto rate = detail::link_of(run, pair.slow, pair.fast))
    told += text(" over ", plain_number(*rate), " Mbps");
  told += text("; both are done after ", duration(pair.time));
  if (pair.solo && *pair.solo > 0 && pair.time < *pair.solo)
    told += text(", ", percent(1 - pair.time / *pair.solo), " sooner");
  told += ". ";
  if (pair.refused && pair.refused->time >= pair.time)
    told += text("The best other offer was agent ", pair.refused->fast, ", keeping ",
                 detail::units(pair.refused->split), ": ", duration(pair.refused->time), ".");
  else if (pair.refused)  // a star whose helper got more guests later, or a plan that minds the whole round
    told += text("Agent ", pair.refused->fast, " offered ", duration(pair.refused->time), " by itself, keeping ",
                 detail::units(pair.refused->split), "; the plan minds all pairs together, and helpers' other guests.");
  else if (pair.solo)
    told += "No other agent that was still free could have helped.";
  return told;
}

}  // namespace comdml::report
