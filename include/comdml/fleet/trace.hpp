// SPDX-License-Identifier: BSL-1.0
/// \file
/// A trace: how a fleet's speeds, links and presence change over time, as a CSV file.
///
///     round,agent,to,batches_per_second,present,mbps,latency_ms
///     10,3,,0.5,,,              from round 10 on, agent 3 makes 0.5 batches/s
///     20,3,,,0,,                from round 20 on, agent 3 is away (1: it is back)
///     20,0,2,,,20,5             from round 20 on, the link from agent 0 to agent 2 has 20 Mbps and 5 ms (0: no link)
///
/// The first line names the columns, in any order; those but `round` and `agent` may be left out. Rounds are counted
/// from 1 and never fall, agents from 0. What an empty cell speaks of stays as it was. Empty lines and what follows a #
/// do not count.
#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/text_file.hpp"
#include "comdml/core/units.hpp"
#include "comdml/fleet/fleet.hpp"

namespace comdml::fleet {

namespace detail {

/// Reads the lines of a trace into a description.
class trace_reader {
 public:
  trace_reader(std::string file, description& fleet) : file_{std::move(file)}, fleet_{fleet} {}

  void read(std::string_view csv) {
    for (std::size_t begin = 0; begin < csv.size();) {
      const std::size_t end = std::min(csv.find('\n', begin), csv.size());
      ++line_;
      const std::string_view line = trimmed(csv.substr(begin, std::min(csv.find('#', begin), end) - begin));
      begin = end + 1;
      if (line.empty()) continue;
      const std::vector<std::string_view> cells = split(line);
      if (columns_.empty())
        read_names(cells);
      else
        read_change(cells);
    }
    if (columns_.empty()) refuse("names no columns", "begin with a line round,agent,batches_per_second, say");
  }

 private:
  enum column { round, agent, to, speed, present, rate, latency, none };
  static constexpr std::array<std::string_view, none> names{"round",   "agent", "to",        "batches_per_second",
                                                            "present", "mbps",  "latency_ms"};

  [[noreturn]] void refuse(const std::string& what, const std::string& remedy) const {
    throw input_error{text(file_, ", line ", line_), what, remedy};
  }

  static std::string_view trimmed(std::string_view cell) {
    constexpr std::string_view blank = " \t\r";
    const std::size_t first = cell.find_first_not_of(blank);
    if (first == std::string_view::npos) return {};
    return cell.substr(first, cell.find_last_not_of(blank) - first + 1);
  }

  static std::vector<std::string_view> split(std::string_view line) {
    std::vector<std::string_view> cells;
    for (std::size_t begin = 0; begin <= line.size();) {
      const std::size_t end = std::min(line.find(',', begin), line.size());
      cells.push_back(trimmed(line.substr(begin, end - begin)));
      begin = end + 1;
    }
    return cells;
  }

  void read_names(const std::vector<std::string_view>& cells) {
    for (const std::string_view cell : cells) {
      std::size_t which = 0;
      while (which < names.size() && names[which] != cell) ++which;
      if (which == names.size())
        refuse(text('"', cell, "\" is no column"),
               "columns are round, agent, to, batches_per_second, present, mbps and latency_ms");
      for (const column other : columns_)
        if (other == which) refuse(text("column ", cell, " appears twice"), "name each column once");
      columns_.push_back(static_cast<column>(which));
    }
    for (const column needed : {round, agent}) {
      bool found = false;
      for (const column one : columns_) found = found || one == needed;
      if (!found) refuse(text("has no column ", names[needed]), "every line says from which round, and which agent");
    }
  }

  void read_change(const std::vector<std::string_view>& cells) {
    if (cells.size() != columns_.size())
      refuse(text(cells.size(), " cells under ", columns_.size(), " columns"),
             "leave a cell empty, commas included, for what does not change");
    std::array<std::string_view, none> row{};
    for (std::size_t i = 0; i < cells.size(); ++i) row[columns_[i]] = cells[i];

    const auto when = static_cast<std::uint32_t>(whole(row, round, 1, 4'000'000'000));
    if (when < last_)
      refuse(text("time runs backwards: round ", when, " after round ", last_), "sort the lines by their rounds");
    last_ = when;
    const round_index from{when - 1};
    const agent_id who = agent_of(row, agent);
    if (!row[to].empty()) {
      const agent_id other = agent_of(row, to);
      if (other == who) refuse(text("link of agent ", who, " to itself"), "join two agents");
      if (!row[speed].empty() || !row[present].empty())
        refuse("a line about a link that speaks of an agent, too", "leave `to` empty, or give two lines");
      link_change change{.from = from, .sender = who, .receiver = other};
      if (!row[rate].empty()) change.rate = megabits_per_second(number(row, rate, 0, 1e12));
      if (!row[latency].empty()) change.latency = 1e-3 * seconds{number(row, latency, 0, 1e9)};
      if (!change.rate && !change.latency) refuse("a link, and nothing new of it", "give mbps or latency_ms");
      fleet_.link_changes.push_back(change);
      return;
    }
    if (!row[rate].empty() || !row[latency].empty())
      refuse("mbps or latency_ms of no link", "give the agent at its other end under `to`");
    if (row[speed].empty() && row[present].empty())
      refuse(text("nothing new of agent ", who), "give batches_per_second or present");
    if (!row[speed].empty()) fleet_.changes.push_back({from, who, batches_per_second{number(row, speed, 1e-6, 1e12)}});
    if (!row[present].empty()) fleet_.presence.push_back({from, who, whole(row, present, 0, 1) == 1});
  }

  double number(const std::array<std::string_view, none>& row, column which, double least, double most) const {
    const std::string_view cell = row[which];
    double value = 0;
    const auto [end, failure] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (failure != std::errc{} || end != cell.data() + cell.size() || !(value >= least && value <= most))  // and NaN
      refuse(text(names[which], " \"", cell, "\" will not do"), text("give a number from ", least, " to ", most));
    return value;
  }
  std::uint64_t whole(const std::array<std::string_view, none>& row, column which, std::uint64_t least,
                      std::uint64_t most) const {
    const std::string_view cell = row[which];
    std::uint64_t value = 0;
    const auto [end, failure] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (failure != std::errc{} || end != cell.data() + cell.size() || value < least || value > most)
      refuse(text(names[which], " \"", cell, "\" will not do"), text("give a whole number from ", least, " to ", most));
    return value;
  }
  agent_id agent_of(const std::array<std::string_view, none>& row, column which) const {
    const std::uint64_t value = whole(row, which, 0, std::numeric_limits<std::uint32_t>::max());
    if (value >= fleet_.agents.size())
      refuse(text("agent ", value, " is not there: the fleet has agents 0 to ", fleet_.agents.size() - 1),
             "give an agent of the fleet, or more agents");
    return agent_id{static_cast<std::uint32_t>(value)};
  }

  std::string file_;
  description& fleet_;
  std::size_t line_ = 0;
  std::uint32_t last_ = 0;
  std::vector<column> columns_;
};

}  // namespace detail

/// Adds the changes that a trace lists to those of a fleet, behind them; `file` stands in messages only. The fleet is
/// as it was if the trace will not do.
/// \throws input_error that names the file, the line and the remedy
inline void add_trace(description& fleet, std::string_view csv, std::string file) {
  description changed = fleet;
  detail::trace_reader{std::move(file), changed}.read(csv);
  fleet = std::move(changed);
}

/// The same, from a file.
inline void read_trace(description& fleet, const std::filesystem::path& file) {
  add_trace(fleet,
            read_text_file(file, {.most = 1U << 30,
                                  .what = "a trace",
                                  .if_missing = "give a trace in CSV",
                                  .if_too_large = "leave out what does not change"}),
            file.string());
}

}  // namespace comdml::fleet
