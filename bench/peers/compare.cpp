// Runs the same training and inference steps on ComDML and on its peers, in turn, and prints a table.
//
//     bench_compare                       all workloads
//     bench_compare --only resnet56-train-2 --worker "old=/elsewhere/bench_step" --worker "plain=COMDML_ISA=avx2
//     ./bench_step"
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "../check.hpp"
#include "../median.hpp"
#include "comdml/kernels/kernels.hpp"
#include "process.hpp"

namespace {

struct workload {
  std::string model;
  std::string mode;
  int threads;
  bool quick = false;
  bool variants = false;  ///< also for ComDML as other users get it

  [[nodiscard]] std::string name() const { return model + '-' + mode + '-' + std::to_string(threads); }
};

const std::vector<workload>& workloads() {
  static const std::vector<workload> all{
      {"resnet56", "train", 2, true, true}, {"resnet56", "train", 1},
      {"resnet20", "train", 2, true},       {"resnet110", "train", 2},
      {"bottleneck56", "train", 2},         {"resnet56", "infer", 2, true, true},
  };
  return all;
}

struct contestant {
  std::string name;
  bench::command what;
  bool variant = false;  ///< runs where a workload has variants
};

constexpr std::size_t batch = 100;

struct options {
  int rounds = 7;
  double turn = 1;
  long patience = 120;
};

/// How a contestant is started for a workload. Both the number of threads that a program is told and the one that its
/// libraries ask the environment for are set; what would change how threads wait or where they run is taken away.
bench::command command_for(const contestant& who, const workload& what, std::size_t images, const std::string& flag) {
  const std::string threads = std::to_string(what.threads);
  bench::command all = who.what;
  for (const char* setting : {"OMP_NUM_THREADS=", "OPENBLAS_NUM_THREADS=", "MKL_NUM_THREADS="})
    all.environment.push_back(setting + threads);
  for (const char* setting : {"OMP_DYNAMIC=false", "OMP_PROC_BIND=false", "OMP_PLACES", "OMP_WAIT_POLICY",
                              "GOMP_SPINCOUNT", "GOMP_CPU_AFFINITY"})
    all.environment.emplace_back(setting);
  for (const std::string& word :
       {std::string{"--model"}, what.model, std::string{"--mode"}, what.mode, std::string{"--threads"}, threads,
        std::string{"--batch"}, std::to_string(images), flag})
    all.words.push_back(word);
  return all;
}

/// Throws process_error unless all contestants have the same model, compute the same losses and train it alike.
void check(const std::vector<contestant>& contestants, const workload& what, std::chrono::seconds patience) {
  constexpr std::size_t images = 20;
  bench::check_result first;
  for (const contestant& who : contestants) {
    bench::process worker{who.name, command_for(who, what, images, "--check")};
    const std::string line = worker.read_line(patience);
    bench::check_result mine;
    if (!mine.parse(line)) worker.fail("strange result of the check: " + line);
    if (&who == &contestants.front()) first = mine;
    const std::string difference = mine.difference(first);
    if (!difference.empty())
      worker.fail("computes something else than " + contestants.front().name + ", so it is not timed: " + difference);
  }
  std::printf("%s: the same %zu parameters, the same losses and updates on all\n", what.model.c_str(),
              first.parameters);
}

/// A running worker and what it said.
class runner {
 public:
  runner(const contestant& who, const workload& what, const options& asked)
      : name_{who.name}, patience_{asked.patience}, process_{who.name, command_for(who, what, batch, "--worker")} {
    run();                             // asks for memory, and lets libraries look for the best way
    if (seconds_ < asked.turn) run();  // the time of the first step says little about that of many
    steps_ = std::max(1L, std::lround(asked.turn / seconds_));
  }

  /// One turn. \returns seconds per step.
  double run() {
    process_.write_line(std::to_string(steps_));
    const std::string line = process_.read_line(patience_);
    std::istringstream in{line};
    if (!(in >> seconds_ >> peak_mib_) || seconds_ <= 0) process_.fail("strange answer: " + line);
    return seconds_;
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] double peak_mib() const { return peak_mib_; }

 private:
  std::string name_;
  std::chrono::seconds patience_;
  bench::process process_;
  long steps_ = 1;
  double seconds_ = 0;
  double peak_mib_ = 0;
};

/// Times all contestants in turn, and prints them against the one named `other`.
void compare(const std::vector<contestant>& contestants, const std::string& other, const workload& what,
             const options& asked) {
  const auto at = std::ranges::find(contestants, other, &contestant::name);
  const auto base = static_cast<std::size_t>(at - contestants.begin());
  std::vector<std::unique_ptr<runner>> runners;
  for (const contestant& who : contestants) runners.push_back(std::make_unique<runner>(who, what, asked));
  std::vector<std::vector<double>> seconds(runners.size());
  for (int round = 0; round <= asked.rounds; ++round)
    for (std::size_t i = 0; i < runners.size(); ++i) {
      const double taken = runners[i]->run();
      if (round > 0) seconds[i].push_back(taken);  // the first round warms up
    }
  std::printf("\n%s: batch %zu, threads %d, medians of %d rounds\n", what.name().c_str(), batch, what.threads,
              asked.rounds);
  std::printf("  %-14s %9s %10s   %-30s %8s %9s  %s\n", "", "ms/step", "images/s",
              ("time / " + other + " (range)").c_str(), "speed-up", "peak MiB", ("peak / " + other).c_str());
  for (std::size_t i = 0; i < runners.size(); ++i) {
    std::vector<double> ratios;
    for (std::size_t round = 0; round < seconds[i].size(); ++round)
      ratios.push_back(seconds[i][round] / seconds[base][round]);
    const auto [least, most] = std::ranges::minmax(ratios);
    const double usual = bench::median(seconds[i]);
    const double ratio = bench::median(ratios);
    std::printf("  %-14s %9.1f %10.0f   %6.3f (%.3f .. %.3f) %*s %8.2f %9.0f  %6.3f\n", runners[i]->name().c_str(),
                1e3 * usual, static_cast<double>(batch) / usual, ratio, least, most, 6, "", 1 / ratio,
                runners[i]->peak_mib(), runners[i]->peak_mib() / runners[base]->peak_mib());
  }
  std::fflush(stdout);
}

/// NAME=[VARIABLE=VALUE ]...PROGRAM[ ARGUMENT]..., at blanks.
contestant parse_contestant(const std::string& text) {
  const std::size_t equals = text.find('=');
  contestant who{text.substr(0, equals), {}};
  std::istringstream words{equals == std::string::npos ? "" : text.substr(equals + 1)};
  for (std::string word; words >> word;) {
    const bool setting = who.what.words.empty() && word.find('=') != std::string::npos;
    (setting ? who.what.environment : who.what.words).push_back(word);
  }
  if (who.name.empty() || who.what.words.empty())
    throw CLI::ValidationError{"--worker", "'" + text + "' is not NAME=[VARIABLE=VALUE ]...PROGRAM[ ARGUMENT]..."};
  return who;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Runs the same steps on ComDML and on its peers, in turn, and prints how they compare.",
               "bench_compare"};
  options asked;
  std::vector<std::string> only;
  std::vector<std::string> more;
  bool quick = false;
  std::vector<std::string> names;
  for (const workload& what : workloads()) names.push_back(what.name());
  auto* const rounds =
      app.add_option("--rounds", asked.rounds, "Rounds that count")->check(CLI::Range(1, 1000))->capture_default_str();
  auto* const turn = app.add_option("--turn", asked.turn, "Seconds of each worker in a round, about")
                         ->check(CLI::Range(0.01, 600.0))
                         ->capture_default_str();
  app.add_option("--patience", asked.patience, "Seconds without an answer after which a worker counts as hung")
      ->check(CLI::Range(1, 86400))
      ->capture_default_str();
  app.add_option("--only", only, "This workload; may be given several times")
      ->check(CLI::IsMember(names))
      ->type_name("NAME");
  app.add_option("--worker", more,
                 "A further worker: NAME=[VARIABLE=VALUE ]...PROGRAM[ ARGUMENT]..., for instance a bench_step of "
                 "another build; may be given several times")
      ->type_name("TEXT");
  app.add_flag("--quick", quick,
               "Three short rounds of a part of the workloads, unless --rounds, --turn or --only say otherwise");
  app.footer(
      "Exit codes: 0 done, 2 bad input, 3 a worker failed or computes something else than the others, 130 "
      "interrupted.");

  const std::filesystem::path here = std::filesystem::canonical("/proc/self/exe").parent_path();
  std::vector<contestant> contestants{
      {"comdml", {{}, {here / "bench_step"}}},
      {"gemm", {{}, {here / "bench_step", "--convolution", "gemm"}}},
  };
  const auto& sets = comdml::kernels::supported_sets();
  if (sets.front().name == "avx512")
    contestants.push_back({"comdml-avx2", {{"COMDML_ISA=avx2"}, {here / "bench_step"}}, true});
  const std::string plain = here / "bench_step_plain";
  const bool has_plain = std::filesystem::exists(plain);
  if (has_plain) contestants.push_back({"comdml-O2", {{}, {plain}}, true});
  const std::string torch = here / "bench_torch_step";
  const bool has_torch = std::filesystem::exists(torch);
  if (has_torch) contestants.push_back({"libtorch", {{}, {torch}}});
  const std::string base = has_torch ? "libtorch" : "gemm";
  try {
    app.parse(argc, argv);
    for (const std::string& text : more) contestants.push_back(parse_contestant(text));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (quick && rounds->empty()) asked.rounds = 3;
  if (quick && turn->empty()) asked.turn = 0.3;

  bench::catch_interrupts();
  std::cout
      << "comdml: what users get; gemm: its reference network, im2col and OpenBLAS; comdml-avx2: COMDML_ISA=avx2;\n"
         "comdml-O2: headers only, compiled with no option but -O2\n";
  if (!has_plain) std::cout << "comdml-O2 is not built: left out; to have it: build the target bench_step_plain\n";
  if (!has_torch) std::cout << "libtorch is not installed: left out; to have it: sh cmake/install-packages.sh peers\n";
  std::cout << std::flush;
  try {
    std::set<std::string> checked;
    for (const workload& what : workloads()) {
      const bool wanted = only.empty() ? !quick || what.quick : std::ranges::find(only, what.name()) != only.end();
      if (!wanted) continue;
      if (checked.insert(what.model).second) check(contestants, what, std::chrono::seconds{asked.patience});
      std::vector<contestant> entered;
      for (const contestant& who : contestants)
        if (what.variants || !who.variant) entered.push_back(who);
      compare(entered, base, what, asked);
    }
  } catch (const bench::process_error& error) {
    std::cout << std::flush;
    std::cerr << error.what() << '\n';
    return 3;
  } catch (const bench::interrupted&) {
    std::cerr << "interrupted\n";
    return 130;
  }
  return 0;
}
