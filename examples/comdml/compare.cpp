// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml compare: algorithms against each other, over settings and seeds.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "comdml/core/atomic_file.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/text_file.hpp"
#include "comdml/report/metrics.hpp"
#include "comdml/report/timeline.hpp"
#include "compare_learning.hpp"
#include "compare_table.hpp"
#include "compare_time.hpp"
#include "experiment.hpp"
#include "interruption.hpp"
#include "report_facts.hpp"
#include "report_file.hpp"

namespace program {

namespace {

namespace fs = std::filesystem;
using comdml::input_error;
using comdml::text;
using comdml::learn::round_report;
using json = nlohmann::ordered_json;

struct compare_options {
  std::vector<std::string> files;
  std::string preset;
  std::string out;
  std::uint64_t stop_after = 0;
  bool json = false;
};

/// One algorithm under one setting with one seed: when its rounds end, and which training run tells what it learns.
struct cell {
  std::size_t setting;
  std::size_t contender;
  std::uint64_t seed;
  std::vector<std::size_t> images;  ///< that each agent trains on in a round that is timed
  timing played;
  std::shared_ptr<const learning_run> learning{};
  std::string key{};
};

/// Letters and digits of a name, for a folder.
std::string slug(const std::string& name) {
  std::string out;
  for (const char letter : name) {
    const bool plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                       (letter >= '0' && letter <= '9') || letter == '.';
    if (plain)
      out += letter;
    else if (!out.empty() && out.back() != '-')
      out += '-';
  }
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out;
}

bool without_rounds(const std::string& algorithm) { return algorithm == "gossip" || algorithm == "braintorrent"; }
/// Whether the training run's own clock tells the time.
bool timed_by_learning(const experiment::contender& contender) {
  return contender.timed_by_training || contender.algorithm == "dpsgd" || without_rounds(contender.algorithm);
}

/// Plays the rounds of all cells, and finds out which training runs they need.
std::vector<cell> cells_of(const experiment& all) {
  const std::uint64_t rounds = all.learn ? all.learn->rounds : all.time.rounds;
  std::vector<cell> cells;
  std::map<std::pair<std::size_t, std::uint64_t>, dealt> deals;
  for (std::size_t s = 0; s < all.settings.size(); ++s)
    for (const std::uint64_t seed : all.seeds) {
      const experiment::setting& setting = all.settings[s];
      const std::size_t agents = fleet_of(setting, rounds, seed).agents.size();
      if (!deals.contains({agents, seed})) deals[{agents, seed}] = deal_images(all, agents, seed);
      const dealt& images = deals.at({agents, seed});
      const experiment::contender average{.name = "allreduce", .algorithm = "allreduce"};
      const timing together = play(all, setting, average, images.timed, rounds, seed);
      for (std::size_t c = 0; c < all.contenders.size(); ++c) {
        const experiment::contender& contender = all.contenders[c];
        const bool playable = !timed_by_learning(contender) && contender.algorithm != "allreduce";
        cell next{.setting = s,
                  .contender = c,
                  .seed = seed,
                  .images = images.timed,
                  .played = playable ? play(all, setting, contender, images.timed, rounds, seed) : together};
        if (all.learn) {
          next.learning = std::make_shared<const learning_run>(
              learning_of(all, setting, contender, seed, images, next.played, together));
          next.key = next.learning->key();
        }
        cells.push_back(std::move(next));
      }
    }
  return cells;
}

/// Does the training runs that are not there yet, two at a time. `done` holds what is known afterwards.
class learner {
 public:
  learner(fs::path folder, std::uint64_t stop_after) : folder_{std::move(folder)}, stop_after_{stop_after} {}

  /// \returns whether all are known
  bool run(const std::vector<cell>& cells) {
    for (const cell& one : cells) {
      if (!one.learning || done.contains(one.key) || wanted_.contains(one.key)) continue;
      if (auto kept = kept_learning(folder_, *one.learning)) {
        done.emplace(one.key, *std::move(kept));
      } else {
        wanted_.insert(one.key);
        queue_.push_back(&one);
      }
    }
    if (!done.empty()) std::cerr << done.size() << " training runs are there already" << std::endl;
    all_ = queue_.size();
    if (queue_.empty()) return true;
    std::cerr << all_ << " training runs to do, two at a time" << std::endl;
    const interruption signals{"training run's mini-batch"};
    {
      const std::stop_callback hurry{signals.token(), [&] { stop_.request_stop(); }};
      std::vector<std::jthread> workers;
      for (int i = 0; i < 2; ++i) workers.emplace_back([this] { work(); });
    }
    if (failure_) std::rethrow_exception(failure_);
    return finished_ == all_;
  }

  std::map<std::string, learned> done;

 private:
  void work() {
    while (true) {
      const cell* next = nullptr;
      {
        const std::lock_guard lock{mutex_};
        if (next_ == queue_.size() || stop_.stop_requested() || failure_) return;
        next = queue_[next_++];
      }
      try {
        const auto found = run_learning(folder_, *next->learning, stop_.get_token());
        const std::lock_guard lock{mutex_};
        if (found) tell(*next, *found);
      } catch (...) {
        const std::lock_guard lock{mutex_};
        if (!failure_) failure_ = std::current_exception();
        stop_.request_stop();
      }
    }
  }

  void tell(const cell& one, const learned& found) {
    done.emplace(one.key, found);
    ++finished_;
    const double passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    const double left = passed / static_cast<double>(finished_) * static_cast<double>(all_ - finished_);
    std::cerr << finished_ << '/' << all_ << "  " << one.learning->label << ": ";
    if (found.rows.empty())
      std::cerr << "nothing learned";
    else
      std::cerr << percent(found.rows.back().accuracy) << " after " << found.rows.size()
                << (without_rounds(one.learning->options.algorithm) ? " looks" : " rounds");
    if (!found.failure.empty()) std::cerr << " (failed)";
    if (finished_ < all_) std::cerr << "; " << fixed(left, 0) << " s left";
    std::cerr << std::endl;
    if (finished_ == stop_after_) stop_.request_stop();
  }

  fs::path folder_;
  std::uint64_t stop_after_;
  std::set<std::string> wanted_;
  std::vector<const cell*> queue_;
  std::size_t next_ = 0;
  std::size_t all_ = 0;
  std::size_t finished_ = 0;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::stop_source stop_;
  std::exception_ptr failure_;
};

/// What a cell's rounds were like: time and bytes from the one, accuracy from the other.
std::vector<round_report> reports_of(const experiment& all, const cell& one, const learned* what) {
  std::vector<round_report> reports;
  if (what == nullptr) {
    for (const auto& round : one.played.rounds) reports.push_back(round.report);
    return reports;
  }
  const bool own_time = timed_by_learning(all.contenders[one.contender]);
  for (std::size_t r = 0; r < what->rows.size(); ++r) {
    const learned::row& row = what->rows[r];
    round_report report;
    if (own_time) {
      report.round = comdml::round_index{static_cast<std::uint32_t>(r)};
      report.epoch = comdml::epoch_index{r};
      report.elapsed = report.elapsed_alone = comdml::seconds{row.seconds};
      report.weight_bytes = comdml::bytes{row.weight_bytes};
    } else {
      report = one.played.rounds.at(r).report;
    }
    report.test_accuracy = row.accuracy;
    if (std::isfinite(row.test_loss)) report.test_loss = row.test_loss;
    report.train_loss = row.train_loss;
    report.wall = comdml::seconds{row.wall};
    reports.push_back(std::move(report));
  }
  return reports;
}

finding finding_of(const experiment& all, const cell& one, const std::vector<round_report>& reports) {
  finding found{.setting = one.setting, .contender = one.contender, .seed = one.seed};
  const experiment::contender& contender = all.contenders[one.contender];
  found.folder = text("runs/", slug(text(all.settings[one.setting].name, "--", contender.name)), "-", one.setting, "-",
                      one.contender, "-seed", one.seed);
  if (reports.empty()) return found;
  const round_report& last = reports.back();
  found.activation_bytes = last.activation_bytes.value();
  found.weight_bytes = last.weight_bytes.value();
  const bool rounds = !without_rounds(contender.algorithm);
  if (rounds) found.round_seconds = last.elapsed.value() / static_cast<double>(reports.size());
  for (const round_report& report : reports) {
    if (!report.test_accuracy) continue;
    found.best_accuracy = std::max(found.best_accuracy.value_or(0), *report.test_accuracy);
    if (*report.test_accuracy < all.target || found.seconds) continue;
    found.seconds = report.elapsed.value();
    if (rounds) found.rounds = report.round.value + 1;
  }
  return found;
}

/// The folder of one cell, as comdml report reads it. \param typed  the command line
void write_run(const fs::path& folder, const experiment& all, const cell& one, const std::vector<round_report>& reports,
               const std::string& typed) {
  const experiment::setting& setting = all.settings[one.setting];
  const experiment::contender& contender = all.contenders[one.contender];
  fs::create_directories(folder);
  std::string lines;
  for (const round_report& report : reports)
    lines += comdml::report::to_json(report, comdml::report::time_kind::simulated).dump() + '\n';
  comdml::replace_file(folder / "metrics.jsonl", lines);
  std::ostringstream config;
  const auto word = [&](const char* key, const std::string& value) {
    if (!value.empty()) config << key << " = " << json(value).dump() << '\n';
  };
  config << "# One run of comdml compare: for comdml report, not for comdml train.\n";
  word("algorithm", contender.algorithm);
  if (contender.algorithm == "comdml") word("pairing", contender.pairing);
  word("setting", setting.name);
  word("fleet", setting.fleet.fleet);
  word("topology", setting.fleet.topology);
  if (setting.mbps) config << "mbps = " << to_text(*setting.mbps) << '\n';
  word("wire", setting.wire);
  if (setting.weight_wire != "fp32") word("weight-wire", setting.weight_wire);
  word("time-model", all.time.model);
  if (all.learn) word("model", all.learn->model);
  config << "seed = " << one.seed << '\n';
  comdml::replace_file(folder / "config.toml", config.str());

  const timing& played = one.played;
  if (played.fleet.agents.size() <= most_recorded)
    comdml::replace_file(folder / "run.json", run_facts(played.fleet, one.images, played.profile, played.units, typed));
  // The first round: of a fleet that does not change, all are alike.
  if (played.recorded && !reports.empty() && !timed_by_learning(contender))
    comdml::replace_file(
        folder / "timeline.json",
        comdml::report::trace(*played.recorded, reports.size(), comdml::report::time_kind::simulated, 0).dump() + '\n');
}

/// Makes the folder, and refuses one that holds something else.
void claim(const fs::path& folder, const experiment& all) {
  std::error_code failure;
  const fs::path own = folder / "experiment.toml";
  if (fs::is_regular_file(own, failure)) {
    if (comdml::read_text_file(
            own, {.most = 1u << 20, .what = "an experiment", .if_missing = "", .if_too_large = ""}) != all.source)
      throw input_error{folder.string(), "holds another experiment", "give another --out, or the experiment in it"};
    return;
  }
  if (fs::exists(folder, failure) && (!fs::is_directory(folder, failure) || !fs::is_empty(folder, failure)))
    throw input_error{folder.string(), "is there, and is no folder of comdml compare", "give another --out"};
  fs::create_directories(folder, failure);
  if (failure)
    throw input_error{folder.string(), "cannot be made a directory (" + failure.message() + ")",
                      "give --out a directory that you may write to"};
  comdml::replace_file(own, all.source);
}

int compare(const compare_options& o, const std::string& typed) {
  if (o.files.size() > 1 || o.files.empty() == o.preset.empty())
    throw input_error{"comdml compare", "needs one experiment", "give --preset NAME (? lists them), or one TOML file"};
  const experiment all = o.files.empty() ? preset(o.preset) : read_experiment(o.files.front());
  if (o.out.empty()) throw input_error{"--out", "is missing", "give --out DIR: a folder for the results"};
  const fs::path folder = o.out;
  const std::vector<cell> cells = cells_of(all);
  claim(folder, all);

  // From here on the input is good.
  learner runs{folder / "learning", o.stop_after};
  if (!runs.run(cells)) {
    std::cerr << "comdml: stopped; the same command goes on where this one ended" << std::endl;
    return exit_code::interrupted;
  }
  std::vector<finding> findings;
  json index = json::array();
  for (const cell& one : cells) {
    const learned* const what = one.learning ? &runs.done.at(one.key) : nullptr;
    const std::vector<round_report> reports = reports_of(all, one, what);
    finding& found = findings.emplace_back(finding_of(all, one, reports));
    if (what != nullptr) found.failure = what->failure;
    write_run(folder / found.folder, all, one, reports, typed);
    const experiment::setting& setting = all.settings[one.setting];
    const experiment::contender& contender = all.contenders[one.contender];
    index.push_back({{"name", text(contender.name, ", ", setting.name, ", seed ", one.seed)},
                     {"algorithm", contender.name},
                     {"setting", setting.name},
                     {"seed", one.seed},
                     {"folder", found.folder}});
  }
  compare_findings(all, findings);
  const json sweep{{"schema", 1},
                   {"title", all.title},
                   {"command", typed},
                   {"target_accuracy", all.learn ? json(all.target) : json(nullptr)},
                   {"runs", std::move(index)}};
  comdml::replace_file(folder / "sweep.json", sweep.dump(1, ' ', false, json::error_handler_t::replace) + '\n');
  const std::string table = table_as_json(all, findings);
  comdml::replace_file(folder / "table.csv", table_as_csv(all, findings));
  comdml::replace_file(folder / "table.json", table);
  write_report(folder, folder / "report.html", std::nullopt);
  if (o.json)
    std::cout << json::parse(table).dump() << std::endl;
  else
    std::cout << table_for_people(all, findings) << "\nresults: " << (folder / "table.csv").string()
              << ", table.json, report.html, runs" << std::endl;
  return exit_code::done;
}

}  // namespace

action add_compare(command options) {
  const auto given = std::make_shared<compare_options>();
  options.group("Experiment");
  options.some_words("FILE", given->files, "", "TOML file of an experiment, see docs/experiments.md; or --preset");
  options.text("preset", given->preset, "NAME", no_check, "an experiment that is part of the program; ? lists them");
  options.group("Results");
  options.text("out", given->out, "DIR", not_empty,
               "folder for training runs, table.csv, table.json and report.html; what an earlier, interrupted sweep of "
               "the same experiment left there is used");
  options.count("stop-after", given->stop_after, {}, "stop after so many training runs, as Ctrl-C would; 0 = never");
  options.flag("json", given->json, "print the table as one JSON object");
  options.footer(
      "Examples:\n"
      "  comdml compare --preset smoke --out smoke\n"
      "  comdml compare mine.toml --out mine");
  return [given, options] { return compare(*given, options.typed()); };
}

}  // namespace program
