// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml report.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "comdml/core/atomic_file.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/report/run_folder.hpp"
#include "comdml/report/run_page.hpp"
#include "comdml/report/sweep_page.hpp"
#include "config_file.hpp"
#include "report_file.hpp"

namespace program {

namespace fs = std::filesystem;
using comdml::input_error;
using comdml::text;
using comdml::report::run_entry;
using comdml::report::sweep_entry;

namespace {

constexpr std::size_t most_runs = 5000;

bool is_file(const fs::path& file) {
  std::error_code failure;
  return fs::is_regular_file(file, failure);
}

/// A run's folder, with its options.
run_entry load_run(const fs::path& folder) {
  run_entry run = comdml::report::read_run(folder);
  if (is_file(folder / "config.toml")) run.options = list_options(folder / "config.toml");
  run.algorithm = run.option("algorithm");
  if (run.algorithm.empty()) run.algorithm = "this run";
  run.seed = run.option("seed");
  return run;
}

/// Names what runs have different from each other, apart from algorithm and seed: their settings. What only tells
/// algorithms' variants apart becomes part of the algorithm's name.
void name_settings(std::vector<run_entry>& runs) {
  std::map<std::string, std::set<std::string>> values;
  for (const run_entry& run : runs)
    for (const auto& [key, value] : run.options) values[key].insert(value);
  std::set<std::string> pairings;
  for (const run_entry& run : runs)
    if (run.algorithm == "comdml") pairings.insert(run.option("pairing"));
  for (run_entry& run : runs) {
    for (const auto& [key, value] : run.options) {
      if (key == "algorithm" || key == "seed" || key == "threads" || key == "pairing" || values[key].size() < 2)
        continue;
      run.setting += (run.setting.empty() ? "" : ", ") + key + " " + value;
    }
    if (run.algorithm == "comdml" && pairings.size() > 1) run.algorithm += " " + run.option("pairing");
  }
}

/// The folder as a sweep: sweep.json says which runs it has, or its sub-folders do.
sweep_entry load_sweep(const fs::path& folder) {
  sweep_entry sweep;
  if (is_file(folder / "sweep.json")) {
    comdml::report::sweep_index index = comdml::report::read_sweep_index(folder / "sweep.json");
    sweep.title = std::move(index.title);
    sweep.command = std::move(index.command);
    sweep.target = index.target;
    std::size_t missing = 0;
    for (comdml::report::sweep_index::item& item : index.runs) {
      if (!is_file(item.folder / "metrics.jsonl")) {
        ++missing;
        continue;
      }
      run_entry run = load_run(item.folder);
      run.name = std::move(item.name);
      run.algorithm = std::move(item.algorithm);
      run.setting = std::move(item.setting);
      run.seed = std::move(item.seed);
      sweep.runs.push_back(std::move(run));
    }
    if (missing > 0)
      sweep.notes.push_back(
          text(missing, " of ", index.runs.size(), " runs have not finished a round, and are left out."));
  } else {
    std::vector<fs::path> folders;
    std::error_code failure;
    for (fs::directory_iterator at{folder, failure}, end; !failure && at != end; at.increment(failure))
      if (is_file(at->path() / "metrics.jsonl")) folders.push_back(at->path());
    std::ranges::sort(folders);
    if (folders.size() > most_runs)
      throw input_error{folder.string(), text(folders.size(), " runs are too many for one report"),
                        text("give a folder of at most ", most_runs)};
    for (const fs::path& one : folders) sweep.runs.push_back(load_run(one));
    name_settings(sweep.runs);
    sweep.title = fs::weakly_canonical(folder).filename().string();
  }
  if (sweep.runs.empty())
    throw input_error{folder.string(), "holds neither metrics.jsonl nor sub-folders that do",
                      "give a folder that comdml train --out has written, or a folder of such folders"};
  return sweep;
}

}  // namespace

void write_report(const fs::path& folder, const fs::path& file, std::optional<std::uint64_t> round,
                  const std::string& run) {
  const auto html = [&]() -> std::string {
    if (!is_file(folder / "metrics.jsonl")) return comdml::report::html(load_sweep(folder), round, run);
    if (!run.empty())
      throw input_error{"--run", folder.string() + " is one run", "leave it out, or give a folder of runs"};
    return comdml::report::html(load_run(folder), round);
  };
  comdml::replace_file(file, html());
}

namespace {

int report(const fs::path& folder, const std::string& out, std::optional<std::uint64_t> round, const std::string& run) {
  std::error_code failure;
  if (!fs::is_directory(folder, failure))
    throw input_error{folder.string(), "is not a folder", "give a folder that comdml train --out has written"};
  const fs::path file = out.empty() ? folder / "report.html" : fs::path{out};
  write_report(folder, file, round, run);
  std::cout << "report: " << file.string() << std::endl;
  return exit_code::done;
}

}  // namespace

action add_report(command options) {
  struct settings {
    std::vector<std::string> folders;
    std::string out;
    std::optional<std::uint64_t> round;
    std::string run;
  };
  const auto given = std::make_shared<settings>();
  options.words("DIR", given->folders, "", "folder of a run (comdml train --out), or a folder of such folders");
  options.text("out", given->out, "FILE", not_empty, "the report [default: DIR/report.html]");
  options.count("round", given->round, {1, 1'000'000'000},
                "to be shown agent by agent [default: the last that was recorded]");
  options.text("run", given->run, "NAME", not_empty,
               "of a folder of runs: the one to be looked at more closely, as the table of all runs names it [default: "
               "one with pairs]");
  options.footer(
      "One HTML file that needs no network: accuracy over rounds and time, one round agent by agent before and after\n"
      "pairing, who helps whom and why, waiting, bytes, settings. Runs of several seeds are averaged.\n"
      "DIR/timeline.json also loads in Perfetto (ui.perfetto.dev) and chrome://tracing.\n\n"
      "Examples:\n"
      "  comdml train --out digits && comdml report digits\n"
      "  comdml report runs --out comparison.html");
  return [given] {
    if (given->folders.size() != 1)
      throw input_error{"DIR", text(given->folders.size(), " folders were given"),
                        "give one; it may hold several runs"};
    return report(given->folders.front(), given->out, given->round, given->run);
  };
}

}  // namespace program
