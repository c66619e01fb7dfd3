// SPDX-License-Identifier: BSL-1.0
/// \file
/// What an agent publishes.
#include "agent_board.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <iomanip>
#include <sstream>

#include "comdml/core/errors.hpp"
#include "texts.hpp"

namespace program {

using comdml::agent_id;
using comdml::text;
using json = nlohmann::ordered_json;

namespace {

/// Seconds since 1970: the only clock that the machines of a fleet share, more or less.
double unix_time() {
  return std::chrono::duration<double>{std::chrono::system_clock::now().time_since_epoch()}.count();
}

json numbers(const std::vector<agent_id>& agents) {
  json list = json::array();
  for (const agent_id agent : agents) list.push_back(agent.value);
  return list;
}

/// Of an answer from another process: hostile until looked at.
std::string printable(std::string what) {
  constexpr std::size_t longest = 400;
  if (what.size() > longest) what = what.substr(0, longest) + "...";
  for (char& letter : what)
    if (static_cast<unsigned char>(letter) < ' ' || letter == 127) letter = ' ';
  return what;
}
std::string listed(const json& numbers) {
  std::string words;
  for (const json& one : numbers) words += (words.empty() ? "" : " ") + std::to_string(one.get<std::uint64_t>());
  return words.empty() ? "none" : words;
}
std::string age_of(double then) {
  const double age = std::max(0.0, unix_time() - then);
  return age < 100 ? fixed(age, 1) + " s ago" : fixed(age / 60, 0) + " min ago";
}
std::string size_of(double bytes) {
  return bytes < 1e6   ? fixed(bytes / 1e3, 1) + " kB"
         : bytes < 1e9 ? fixed(bytes / 1e6, 1) + " MB"
                       : fixed(bytes / 1e9, 2) + " GB";
}

}  // namespace

std::vector<agent_id> members_of(const comdml::learn::round_report& report) {
  std::vector<agent_id> members = report.plan.alone;
  for (const auto& pair : report.plan.pairs) {
    members.push_back(pair.slow);
    members.push_back(pair.fast);
  }
  std::ranges::sort(members);
  members.erase(std::unique(members.begin(), members.end()), members.end());  // a helper of several guests
  std::erase_if(members, [&](agent_id one) { return std::ranges::find(report.lost, one) != report.lost.end(); });
  return members;
}

std::string hexadecimal(std::uint64_t digest) {
  std::ostringstream out;
  out << std::hex << std::setw(16) << std::setfill('0') << digest;
  return out.str();
}

agent_board::agent_board(const train_task& task, std::uint64_t agent) : measures_{task.options.replan == "measured"} {
  json speeds = json::array();
  for (const auto& one : task.fleet.agents) speeds.push_back(one.speed.value());
  board_ = {{"schema", 1},
            {"program", "comdml " COMDML_VERSION},
            {"agent", agent},
            {"phase", "waiting"},
            {"missing", json::array()},
            {"round", 0},
            {"rounds", task.options.rounds},
            {"members", json::array()},
            {"lost", json::array()},
            {"pairs", json::array()},
            {"alone", json::array()},
            {"speeds", std::move(speeds)},
            {"speeds_are", "declared"},
            {"bytes_activations", 0},
            {"bytes_weights", 0},
            {"test_accuracy", nullptr},
            {"train_loss", nullptr},
            {"digest", nullptr},
            {"elapsed_seconds", 0},
            {"round_unix_time", nullptr},
            {"last_error", nullptr},
            {"last_error_unix_time", nullptr},
            {"unix_time", unix_time()}};
}

void agent_board::note_error(const std::string& what) {
  const std::lock_guard lock{mutex_};
  board_["last_error"] = printable(what);
  board_["last_error_unix_time"] = unix_time();
}
void agent_board::wait_for(const std::vector<agent_id>& missing) {
  const std::lock_guard lock{mutex_};
  board_["missing"] = numbers(missing);
}
void agent_board::begin() {
  const std::lock_guard lock{mutex_};
  board_["phase"] = "joining";
}
void agent_board::on_round(const comdml::learn::round_report& report) {
  const std::lock_guard lock{mutex_};
  board_["phase"] = report.round.value + 1 == report.rounds_planned ? "over" : "training";
  board_["missing"] = json::array();
  board_["round"] = report.round.value + 1;
  board_["members"] = numbers(members_of(report));
  board_["lost"] = numbers(report.lost);
  json pairs = json::array();
  for (const auto& pair : report.plan.pairs)
    pairs.push_back({{"slow", pair.slow.value}, {"fast", pair.fast.value}, {"cut", pair.split.value}});
  board_["pairs"] = std::move(pairs);
  board_["alone"] = numbers(report.plan.alone);
  for (const auto& [agent, speed] : report.speeds) board_["speeds"].at(agent.value) = speed.value();
  if (measures_ && report.round.value > 0) board_["speeds_are"] = "measured";
  board_["bytes_activations"] = report.activation_bytes.value();
  board_["bytes_weights"] = report.weight_bytes.value();
  if (report.test_accuracy) board_["test_accuracy"] = *report.test_accuracy;
  board_["train_loss"] = report.train_loss;
  board_["digest"] = hexadecimal(report.digest);
  board_["elapsed_seconds"] = report.elapsed.value();
  board_["round_unix_time"] = unix_time();
}

std::string agent_board::text() const {
  const std::lock_guard lock{mutex_};
  json now = board_;
  now["unix_time"] = unix_time();
  return now.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool is_running(const std::string& board) {
  const json told = json::parse(board, nullptr, false);
  return told.is_object() && told.value("phase", json{}) == "training";
}

std::string line_of(const std::string& board) {
  const json told = json::parse(board, nullptr, false);
  if (told.is_discarded()) throw comdml::run_error{"the agent's answer is no status"};
  return told.dump(-1, ' ', true, json::error_handler_t::replace);
}

std::string screen_of(const std::string& board) {
  try {
    const json told = json::parse(board);
    if (told.at("schema") != 1) throw comdml::run_error{"the agent's status is of another version of this program"};
    std::ostringstream out;
    const auto line = [&](const char* name, const std::string& value) {
      out << std::left << std::setw(10) << name << printable(value) << '\n';
    };
    const auto phase = told.at("phase").get<std::string>();
    line("agent", text(told.at("agent").get<std::uint64_t>(), ", ", phase, ", told ",
                       age_of(told.at("unix_time").get<double>())));
    if (phase == "waiting") line("missing", listed(told.at("missing")));
    const json& ended = told.at("round_unix_time");
    line("round", text(told.at("round").get<std::uint64_t>(), " of ", told.at("rounds").get<std::uint64_t>(), ", ",
                       fixed(told.at("elapsed_seconds").get<double>(), 1), " s",
                       ended.is_null() ? "" : ", ended " + age_of(ended.get<double>())));
    line("members", listed(told.at("members")));
    line("lost", listed(told.at("lost")));
    std::string pairs;
    for (const json& pair : told.at("pairs"))
      pairs += text(pairs.empty() ? "" : " ", pair.at("slow").get<std::uint64_t>(), '>',
                    pair.at("fast").get<std::uint64_t>(), '@', pair.at("cut").get<std::uint64_t>());
    line("pairs", pairs.empty() ? "none" : pairs + "  (slow>fast@cut)");
    std::string speeds;
    for (const json& speed : told.at("speeds")) speeds += text(speeds.empty() ? "" : " ", to_text(speed.get<double>()));
    line("speeds", speeds + " batches/s, " + told.at("speeds_are").get<std::string>());
    line("sent", size_of(told.at("bytes_activations").get<double>()) + " of activations, " +
                     size_of(told.at("bytes_weights").get<double>()) + " of weights, by all");
    if (const json& accuracy = told.at("test_accuracy"); !accuracy.is_null())
      line("accuracy", percent(accuracy.get<double>()));
    if (const json& digest = told.at("digest"); !digest.is_null()) line("digest", digest.get<std::string>());
    if (const json& error = told.at("last_error"); !error.is_null())
      line("error", error.get<std::string>() + ", " + age_of(told.at("last_error_unix_time").get<double>()));
    return out.str();
  } catch (const json::exception&) {
    throw comdml::run_error{"the agent's answer is no status"};
  }
}

}  // namespace program
