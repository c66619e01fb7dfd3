// SPDX-License-Identifier: BSL-1.0
/// \file
/// Reads what a run left in its folder: metrics.jsonl, and run.json and timeline.json if they are there. The files may
/// hold anything; what cannot be is an input_error that names file, line and key.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "comdml/core/errors.hpp"
#include "comdml/core/text_file.hpp"
#include "comdml/report/run.hpp"
#include "comdml/report/timeline.hpp"

namespace comdml::report {

namespace detail {

inline constexpr double most_seconds = 1e15;
inline constexpr std::uint32_t most_agent = 10'000'000;
inline constexpr double most_bytes = 1e18;

/// One JSON object of a file, whose values are asked for by name and checked.
class hostile {
 public:
  hostile(std::string where, const nlohmann::json& object) : where_{std::move(where)}, object_{&object} {
    if (!object_->is_object()) fail("is not a JSON object");
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw input_error{where_, what, "give a folder that comdml train --out has written, unchanged"};
  }

  [[nodiscard]] bool has(const char* key) const { return object_->contains(key) && !object_->at(key).is_null(); }

  [[nodiscard]] double number(const char* key, double least, double most) const {
    const nlohmann::json& value = at(key);
    if (!value.is_number()) fail(text('"', key, "\" is not a number"));
    const auto found = value.get<double>();
    if (!(found >= least && found <= most))
      fail(text('"', key, "\" is ", found, ", and should be between ", least, " and ", most));
    return found;
  }
  [[nodiscard]] std::optional<double> known(const char* key, double least, double most) const {
    return has(key) ? std::optional{number(key, least, most)} : std::nullopt;
  }
  template <class Integer>
  [[nodiscard]] Integer whole(const char* key, Integer most) const {
    const nlohmann::json& value = at(key);
    if (!value.is_number_integer() || value < 0 || value > most)
      fail(text('"', key, "\" is not a whole number between 0 and ", most));
    return value.get<Integer>();
  }
  [[nodiscard]] std::uint32_t agent(const char* key) const { return whole<std::uint32_t>(key, most_agent); }

  [[nodiscard]] std::string words(const char* key, std::size_t most = 10'000) const {
    const nlohmann::json& value = at(key);
    if (!value.is_string()) fail(text('"', key, "\" is not a string"));
    const auto& found = value.get_ref<const std::string&>();
    if (found.size() > most) fail(text('"', key, "\" has ", found.size(), " letters"));
    return found;
  }
  [[nodiscard]] const nlohmann::json& list(const char* key) const {
    const nlohmann::json& value = at(key);
    if (!value.is_array()) fail(text('"', key, "\" is not a list"));
    return value;
  }
  /// Empty where it is null: not known.
  [[nodiscard]] const nlohmann::json& known_list(const char* key) const {
    static const nlohmann::json none = nlohmann::json::array();
    return at(key).is_null() ? none : list(key);
  }
  /// Entry `index` of a list, or a member, as an object.
  [[nodiscard]] hostile part(const std::string& name, const nlohmann::json& object) const {
    return {where_ + ", " + name, object};
  }
  [[nodiscard]] hostile member(const char* key) const { return part(key, at(key)); }

  void require_schema(int known) const {
    if (whole<std::uint64_t>("schema", std::numeric_limits<std::int64_t>::max()) != static_cast<std::uint64_t>(known))
      throw input_error{where_, text("is of schema ", at("schema").dump(), ", and this program knows ", known),
                        "use the version of the program that wrote it"};
  }

 private:
  [[nodiscard]] const nlohmann::json& at(const char* key) const {
    const auto found = object_->find(key);
    if (found == object_->end()) fail(text("has no \"", key, '"'));
    return *found;
  }

  std::string where_;
  const nlohmann::json* object_;
};

[[nodiscard]] inline nlohmann::json parse(const std::string& where, std::string_view content) {
  try {
    return nlohmann::json::parse(content);
  } catch (const nlohmann::json::exception& error) {
    throw input_error{where, text("is not JSON (", error.what(), ")"),
                      "give a file that comdml has written, unchanged"};
  }
}

[[nodiscard]] inline round_entry to_round(const hostile& line) {
  line.require_schema(1);
  round_entry round;
  round.round = line.whole<std::uint64_t>("round", 1'000'000'000);
  if (round.round == 0) line.fail("\"round\" is 0, and rounds count from 1");
  round.accuracy = line.known("test_accuracy", 0, 1);
  round.loss = line.known("test_loss", 0, 1e12);
  round.train_loss = line.known("train_loss", 0, 1e12);
  round.simulated = line.known("simulated_seconds", 0, most_seconds);
  round.simulated_alone = line.known("simulated_seconds_alone", 0, most_seconds);
  round.wall = line.number("wall_seconds", 0, most_seconds);
  round.activation_bytes = line.number("bytes_activations", 0, most_bytes);
  round.weight_bytes = line.number("bytes_weights", 0, most_bytes);
  std::size_t count = 0;
  for (const nlohmann::json& entry : line.known_list("pairs")) {
    const hostile one = line.part(text("pair ", ++count), entry);
    pair_entry& pair = round.pairs.emplace_back();
    pair.slow = one.agent("slow");
    pair.fast = one.agent("fast");
    if (pair.slow == pair.fast) one.fail("an agent is paired with itself");
    pair.split = one.agent("split");
    pair.wire = one.words("wire", 100);
    pair.time = one.number("time_s", 0, most_seconds);
    pair.solo = one.known("solo_s", 0, most_seconds);
    if (!one.has("refused")) continue;
    const hostile other = one.member("refused");
    pair.refused = {other.agent("fast"), other.agent("split"), other.number("time_s", 0, most_seconds)};
  }
  // Without pairs and without anyone alone, it is not known who took part.
  if (line.has("alone") && (!round.pairs.empty() || !line.list("alone").empty())) {
    round.alone.emplace();
    for (const nlohmann::json& id : line.list("alone")) {
      if (!id.is_number_unsigned() || id.get<std::uint64_t>() > most_agent) line.fail("\"alone\" lists no agents");
      round.alone->push_back(id.get<std::uint32_t>());
    }
  }
  return round;
}

}  // namespace detail

/// metrics.jsonl. A last line that was cut off, as a killed run may leave it, is left out, and noted.
inline void read_metrics(const std::filesystem::path& file, run_entry& run) {
  const std::string content = read_text_file(
      file, {.most = 1u << 28,
             .what = "metrics",
             .if_missing = "give a folder that comdml train --out has written, or a folder of such folders",
             .if_too_large = "give a shorter run"});
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < content.size();) {
    ++number;
    const std::size_t end = content.find('\n', begin);
    const bool whole = end != std::string::npos;
    const std::string_view line = std::string_view{content}.substr(begin, whole ? end - begin : std::string::npos);
    begin = whole ? end + 1 : content.size();
    const std::string where = text(file.string(), ", line ", number);
    if (!whole && !nlohmann::json::accept(line)) {
      run.notes.push_back(text("The last line of metrics.jsonl is cut off; the ", run.rounds.size(),
                               run.rounds.size() == 1 ? " round before it is" : " rounds before it are", " shown."));
      break;
    }
    const nlohmann::json parsed = detail::parse(where, line);
    const detail::hostile object{where, parsed};
    run.rounds.push_back(detail::to_round(object));
    if (run.rounds.size() < 2) continue;
    const round_entry& before = run.rounds.end()[-2];
    const round_entry& now = run.rounds.back();
    if (now.round <= before.round) object.fail(text("round ", now.round, " comes after round ", before.round));
    if (now.simulated && before.simulated && *now.simulated < *before.simulated)
      object.fail("simulated time runs backwards");
    if (now.simulated.has_value() != before.simulated.has_value())
      object.fail("\"simulated_seconds\" is known in some rounds only");
    if (now.wall < before.wall) object.fail("wall time runs backwards");
  }
  if (run.rounds.empty())
    throw input_error{file.string(), "holds no finished round", "give a run that has finished at least one"};
}

/// run.json.
[[nodiscard]] inline run_facts read_facts(const std::filesystem::path& file) {
  const nlohmann::json parsed = detail::parse(
      file.string(),
      read_text_file(file, {.most = 1u << 26, .what = "a description of a run", .if_missing = "", .if_too_large = ""}));
  const detail::hostile object{file.string(), parsed};
  object.require_schema(1);
  run_facts facts;
  facts.program = object.words("program");
  facts.command = object.words("command", 1'000'000);
  facts.units = object.whole<std::uint64_t>("units", 1'000'000);
  std::size_t count = 0;
  for (const nlohmann::json& entry : object.list("agents")) {
    const detail::hostile one = object.part(text("agent ", count++), entry);
    facts.agents.push_back({one.number("speed", 0, 1e12), one.whole<std::uint64_t>("images", 1'000'000'000'000)});
  }
  if (object.has("links_mbps"))
    for (const nlohmann::json& row : object.list("links_mbps")) {
      if (!row.is_array() || row.size() != facts.agents.size())
        object.fail("\"links_mbps\" is not a square of numbers");
      std::vector<double>& rates = facts.links.emplace_back();
      for (const nlohmann::json& rate : row) {  // null: no limit
        if (!rate.is_null() && (!rate.is_number() || !(rate.get<double>() >= 0)))
          object.fail("\"links_mbps\" is not a square of numbers");
        rates.push_back(rate.is_null() ? std::numeric_limits<double>::infinity() : rate.get<double>());
      }
    }
  if (!facts.links.empty() && facts.links.size() != facts.agents.size())
    object.fail("\"links_mbps\" is not a square of numbers");
  count = 0;
  for (const nlohmann::json& entry : object.list("splits")) {
    const detail::hostile one = object.part(text("split ", ++count), entry);
    facts.cuts.push_back({one.agent("split"), one.words("wire", 100), one.number("slow_share", 0, 1e6),
                          one.number("fast_share", 0, 1e6), one.number("bytes_per_batch", 0, detail::most_bytes)});
  }
  return facts;
}

/// timeline.json, as report::trace makes it.
[[nodiscard]] inline recorded_timeline read_timeline(const std::filesystem::path& file) {
  const nlohmann::json parsed = detail::parse(
      file.string(),
      read_text_file(file, {.most = 1u << 28, .what = "a timeline", .if_missing = "", .if_too_large = ""}));
  const detail::hostile object{file.string(), parsed};
  const detail::hostile other = object.member("otherData");
  other.require_schema(1);
  recorded_timeline timeline;
  timeline.simulated = other.words("time") == "simulated";
  const nlohmann::json& alone = other.list("alone");
  const nlohmann::json& shown = other.list("rounds_shown");
  if (shown.size() != alone.size()) other.fail("\"rounds_shown\" and \"alone\" differ in length");
  for (std::size_t r = 0; r < shown.size(); ++r) {
    if (!shown[r].is_number_unsigned() || !alone[r].is_array()) other.fail("\"rounds_shown\" or \"alone\" is broken");
    shown_round& round = timeline.rounds.emplace_back();
    round.round = shown[r].get<std::uint64_t>();
    if (r > 0 && round.round <= timeline.rounds[r - 1].round) other.fail("\"rounds_shown\" is not in order");
    if (alone[r].size() > 1'000'000 / shown.size()) other.fail("\"alone\" has more agents than a timeline shows");
    for (std::uint32_t agent = 0; agent < alone[r].size(); ++agent) {
      const nlohmann::json& time = alone[r][agent];
      const double micro = time.is_number() ? time.get<double>() : 0;
      if (!(micro >= 0 && micro <= 1e6 * detail::most_seconds)) other.fail("\"alone\" holds an impossible time");
      round.tracks.push_back({round_index{}, agent_id{agent}, seconds{micro / 1e6}, {}});
    }
  }
  std::size_t count = 0;
  for (const nlohmann::json& entry : object.list("traceEvents")) {
    const detail::hostile event = object.part(text("event ", count++), entry);
    if (event.words("ph") != "X") continue;
    const detail::hostile arguments = event.member("args");
    const auto kind = std::ranges::find(activity_names, event.words("cat"));
    const auto round =
        std::ranges::find(timeline.rounds, arguments.whole<std::uint64_t>("round", 1'000'000'000), &shown_round::round);
    const std::uint32_t agent = event.agent("pid");
    if (kind == activity_names.end() || round == timeline.rounds.end() || agent >= round->tracks.size())
      event.fail("is of an unknown kind, round or agent");
    const seconds begin{event.number("ts", 0, 1e6 * detail::most_seconds) / 1e6};
    round->tracks[agent].spans.push_back({static_cast<learn::activity>(kind - activity_names.begin()),
                                          agent_id{arguments.has("other") ? arguments.agent("other") : agent}, begin,
                                          begin + seconds{event.number("dur", 0, 1e6 * detail::most_seconds) / 1e6}});
  }
  for (shown_round& round : timeline.rounds)
    for (learn::track& one : round.tracks) std::ranges::stable_sort(one.spans, {}, &learn::span_of_time::begin);
  count = 0;
  for (const nlohmann::json& entry : other.list("totals")) {
    const detail::hostile one = other.part(text("total ", ++count), entry);
    round_sums& sums = timeline.totals.emplace_back();
    sums.round = one.whole<std::uint64_t>("round", 1'000'000'000);
    for (std::size_t a = 0; a < learn::activities; ++a)
      sums.spent[a] = one.number(activity_names[a], 0, 1e6 * detail::most_seconds) / 1e6;
    sums.waiting_alone = one.number("waiting_alone", 0, 1e6 * detail::most_seconds) / 1e6;
  }
  return timeline;
}

/// A run's folder, but for the program's own config.toml. \throws input_error
[[nodiscard]] inline run_entry read_run(const std::filesystem::path& folder) {
  run_entry run;
  run.name = folder.filename().empty() ? folder.parent_path().filename().string() : folder.filename().string();
  read_metrics(folder / "metrics.jsonl", run);
  std::error_code failure;
  if (std::filesystem::exists(folder / "run.json", failure)) run.facts = read_facts(folder / "run.json");
  if (std::filesystem::exists(folder / "timeline.json", failure))
    run.timeline = read_timeline(folder / "timeline.json");
  return run;
}

/// What a sweep's folder says of its runs, before they are read.
struct sweep_index {
  struct item {
    std::string name, algorithm, setting, seed;
    std::filesystem::path folder;
  };
  std::string title;
  std::string command;
  std::vector<item> runs{};
  std::optional<double> target{};  ///< see sweep_entry
};

/// sweep.json: `schema` 1, `title`, `command`, `target_accuracy` (may be missing, or null), and `runs`, each with
/// `name`, `algorithm`, `setting`, `seed` (number or string) and `folder`, a path inside the sweep's.
[[nodiscard]] inline sweep_index read_sweep_index(const std::filesystem::path& file) {
  const nlohmann::json parsed = detail::parse(
      file.string(), read_text_file(file, {.most = 1u << 26, .what = "a sweep", .if_missing = "", .if_too_large = ""}));
  const detail::hostile object{file.string(), parsed};
  object.require_schema(1);
  sweep_index index{object.words("title"), object.has("command") ? object.words("command", 1'000'000) : std::string{}};
  index.target = object.known("target_accuracy", 0, 1);
  std::size_t count = 0;
  for (const nlohmann::json& entry : object.list("runs")) {
    const detail::hostile one = object.part(text("run ", ++count), entry);
    const std::filesystem::path folder = std::filesystem::path{one.words("folder")}.lexically_normal();
    if (folder.empty() || folder.is_absolute() || *folder.begin() == "..")
      one.fail("\"folder\" does not lie inside the sweep's");
    const std::string seed = !one.has("seed") ? std::string{}
                             : entry["seed"].is_string()
                                 ? one.words("seed")
                                 : text(one.whole<std::uint64_t>("seed", ~std::uint64_t{0} >> 1));
    index.runs.push_back({one.words("name"), one.words("algorithm"),
                          one.has("setting") ? one.words("setting") : std::string{}, seed,
                          file.parent_path() / folder});
  }
  return index;
}

}  // namespace comdml::report
