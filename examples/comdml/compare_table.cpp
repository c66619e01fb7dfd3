// SPDX-License-Identifier: BSL-1.0
/// \file
/// Tables of experiments.
#include "compare_table.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <utility>

#include <nlohmann/json.hpp>

#include "comdml/core/errors.hpp"
#include "comdml/report/sweep_page.hpp"
#include "texts.hpp"

namespace program {

using comdml::text;
using comdml::report::mean_and_spread;
using json = nlohmann::ordered_json;

namespace {

/// One line of the table: an algorithm under a setting, over the seeds.
struct line {
  const experiment::setting* setting;
  const experiment::contender* contender;
  std::vector<const finding*> found;

  template <class Value>
  [[nodiscard]] mean_and_spread over(const Value& value_of) const {
    std::vector<double> values;
    for (const finding* one : found)
      if (const auto value = value_of(*one)) values.push_back(static_cast<double>(*value));
    return comdml::report::spread_of(values);
  }
  /// Of those values that only count if all seeds have one.
  template <class Value>
  [[nodiscard]] mean_and_spread of_all(const Value& value_of) const {
    const mean_and_spread all = over(value_of);
    return all.count == found.size() ? all : mean_and_spread{};
  }
  [[nodiscard]] std::size_t reached() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(found, [](const finding* one) { return one->seconds.has_value(); }));
  }
  [[nodiscard]] std::size_t failed() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(found, [](const finding* one) { return !one->failure.empty(); }));
  }
};

std::vector<line> lines_of(const experiment& all, const std::vector<finding>& findings) {
  std::vector<line> lines;
  for (std::size_t s = 0; s < all.settings.size(); ++s)
    for (std::size_t c = 0; c < all.contenders.size(); ++c) {
      line next{&all.settings[s], &all.contenders[c], {}};
      for (const finding& one : findings)
        if (one.setting == s && one.contender == c) next.found.push_back(&one);
      lines.push_back(std::move(next));
    }
  return lines;
}

/// A quantity of the table: its name in files, and its value.
struct column {
  const char* name;
  std::optional<double> (*value)(const finding&);
};

std::optional<double> as_number(const std::optional<std::uint64_t>& value) {
  return value ? std::optional{static_cast<double>(*value)} : std::nullopt;
}

constexpr column columns[]{
    {"seconds_to_target", [](const finding& one) { return one.seconds; }},
    {"rounds_to_target", [](const finding& one) { return as_number(one.rounds); }},
    {"seconds_per_round", [](const finding& one) { return one.round_seconds; }},
    {"best_accuracy", [](const finding& one) { return one.best_accuracy; }},
    {"bytes_activations", [](const finding& one) { return std::optional{one.activation_bytes}; }},
    {"bytes_weights", [](const finding& one) { return std::optional{one.weight_bytes}; }},
    {"time_saved_of_allreduce", [](const finding& one) { return one.saved_of_allreduce; }},
    {"time_saved_of_fedavg", [](const finding& one) { return one.saved_of_fedavg; }},
    {"round_saved_of_allreduce", [](const finding& one) { return one.round_saved_of_allreduce; }},
    {"round_saved_of_fedavg", [](const finding& one) { return one.round_saved_of_fedavg; }},
};

/// "12.3 (11.0 .. 14.1)".
std::string with_range(const mean_and_spread& of, int digits, double factor = 1) {
  if (of.count == 0) return "-";
  const std::string mean = fixed(factor * of.mean, digits);
  const std::string low = fixed(factor * of.low, digits);
  const std::string high = fixed(factor * of.high, digits);
  return low == high ? mean : text(mean, " (", low, " .. ", high, ")");
}

std::string outcome(const experiment& all, const line& one) {
  if (!all.learn) return "";
  if (one.reached() == one.found.size()) return with_range(one.of_all(columns[0].value), 0);
  std::string told =
      one.reached() == 0 ? std::string{"not reached"} : text("reached by ", one.reached(), " of ", one.found.size());
  const mean_and_spread best = one.over(columns[3].value);
  if (best.count > 0) told += text(", best ", percent(best.high));
  if (one.failed() > 0) told += text(", ", one.failed(), " failed");
  return told;
}

/// Letters, not bytes.
std::size_t width_of(const std::string& words) {
  return static_cast<std::size_t>(
      std::ranges::count_if(words, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string quoted(const std::string& words) {
  if (words.find_first_of(",\"\n") == std::string::npos) return words;
  std::string out = "\"";
  for (const char letter : words) out += letter == '"' ? std::string{"\"\""} : std::string{letter};
  return out + '"';
}

/// A number as JSON has it, null for none.
json known(const std::optional<double>& value) { return value ? json(*value) : json(nullptr); }

}  // namespace

void compare_findings(const experiment& all, std::vector<finding>& findings) {
  const auto reference = [&](const finding& one, const char* algorithm) -> const finding* {
    for (const finding& other : findings) {
      const experiment::contender& contender = all.contenders[other.contender];
      if (other.setting == one.setting && other.seed == one.seed && contender.algorithm == algorithm &&
          !contender.timed_by_training)
        return &other;
    }
    return nullptr;
  };
  const auto saved = [](const std::optional<double>& own, const std::optional<double>& of) -> std::optional<double> {
    if (!own || !of || *of <= 0) return std::nullopt;
    return 1 - *own / *of;
  };
  for (finding& one : findings) {
    if (const finding* const other = reference(one, "allreduce")) {
      one.saved_of_allreduce = saved(one.seconds, other->seconds);
      one.round_saved_of_allreduce = saved(one.round_seconds, other->round_seconds);
    }
    if (const finding* const other = reference(one, "fedavg")) {
      one.saved_of_fedavg = saved(one.seconds, other->seconds);
      one.round_saved_of_fedavg = saved(one.round_seconds, other->round_seconds);
    }
  }
}

std::string table_for_people(const experiment& all, const std::vector<finding>& findings) {
  std::ostringstream out;
  out << all.title << '\n';
  if (all.learn) out << "target: " << percent(all.target) << " test accuracy; ";
  out << "seeds: " << all.seeds.size() << "; times are simulated, mean (least .. most) over the seeds\n";
  std::vector<std::vector<std::string>> cells;
  if (all.learn)
    cells.push_back({"algorithm", "seconds to target", "rounds", "seconds a round", "saved of allreduce, %",
                     "saved of fedavg, %", "GB"});
  else
    cells.push_back({"algorithm", "seconds a round", "saved of allreduce, %", "saved of fedavg, %", "GB a run"});
  const std::vector<line> lines = lines_of(all, findings);
  std::vector<const experiment::setting*> begins{nullptr};  // of which setting a row is the first
  const experiment::setting* last = nullptr;
  for (const line& one : lines) {
    const auto bytes =
        one.over([](const finding& f) { return std::optional{1e-9 * (f.activation_bytes + f.weight_bytes)}; });
    if (all.learn)
      cells.push_back({one.contender->name, outcome(all, one), with_range(one.of_all(columns[1].value), 1),
                       with_range(one.of_all(columns[2].value), 1), with_range(one.of_all(columns[6].value), 1, 100),
                       with_range(one.of_all(columns[7].value), 1, 100), with_range(bytes, 2)});
    else
      cells.push_back({one.contender->name, with_range(one.of_all(columns[2].value), 1),
                       with_range(one.of_all(columns[8].value), 1, 100),
                       with_range(one.of_all(columns[9].value), 1, 100), with_range(bytes, 2)});
    begins.push_back(one.setting != last ? one.setting : nullptr);
    last = one.setting;
  }
  std::vector<std::size_t> widths(cells.front().size());
  for (const auto& row : cells)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  for (std::size_t r = 0; r < cells.size(); ++r) {
    if (begins[r] != nullptr) out << "\n" << begins[r]->name << '\n';
    std::string row = "  ";
    for (std::size_t c = 0; c < cells[r].size(); ++c)
      row += cells[r][c] + std::string(widths[c] - width_of(cells[r][c]) + 2, ' ');
    row.erase(row.find_last_not_of(' ') + 1);
    out << row << '\n';
  }
  return out.str();
}

std::string table_as_csv(const experiment& all, const std::vector<finding>& findings) {
  std::ostringstream out;
  out << "setting,algorithm,seeds,reached,failed";
  for (const column& one : columns) out << ',' << one.name << "_mean," << one.name << "_least," << one.name << "_most";
  out << '\n';
  for (const line& row : lines_of(all, findings)) {
    out << quoted(row.setting->name) << ',' << quoted(row.contender->name) << ',' << row.found.size() << ','
        << row.reached() << ',' << row.failed();
    for (const column& one : columns) {
      const mean_and_spread all_seeds = row.of_all(one.value);
      if (all_seeds.count == 0)
        out << ",,,";
      else
        out << ',' << to_text(all_seeds.mean) << ',' << to_text(all_seeds.low) << ',' << to_text(all_seeds.high);
    }
    out << '\n';
  }
  return out.str();
}

std::string table_as_json(const experiment& all, const std::vector<finding>& findings) {
  json lines = json::array();
  for (const line& row : lines_of(all, findings)) {
    json entry{{"setting", row.setting->name},
               {"algorithm", row.contender->name},
               {"seeds", row.found.size()},
               {"reached", row.reached()},
               {"failed", row.failed()}};
    for (const column& one : columns) {
      const mean_and_spread all_seeds = row.of_all(one.value);
      entry[one.name] = all_seeds.count == 0 ? json(nullptr)
                                             : json{{"mean", all_seeds.mean},
                                                    {"deviation", all_seeds.deviation},
                                                    {"least", all_seeds.low},
                                                    {"most", all_seeds.high}};
    }
    lines.push_back(std::move(entry));
  }
  json runs = json::array();
  for (const finding& one : findings) {
    json entry{{"setting", all.settings[one.setting].name},
               {"algorithm", all.contenders[one.contender].name},
               {"seed", one.seed},
               {"reached", one.seconds.has_value()},
               {"failure", one.failure},
               {"folder", one.folder}};
    for (const column& each : columns) entry[each.name] = known(each.value(one));
    runs.push_back(std::move(entry));
  }
  const json table{{"schema", 1},
                   {"title", all.title},
                   {"target_accuracy", all.learn ? json(all.target) : json(nullptr)},
                   {"seeds", all.seeds},
                   {"table", std::move(lines)},
                   {"runs", std::move(runs)}};
  return table.dump(1, ' ', false, json::error_handler_t::replace) + '\n';
}

}  // namespace program
