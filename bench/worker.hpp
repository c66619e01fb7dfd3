// SPDX-License-Identifier: BSL-1.0
/// \file
/// What every step worker is: its options, and the way it talks. bench_step and its peers share this file; it knows
/// nothing of ComDML.
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "check.hpp"
#include "median.hpp"
#include "problem.hpp"

namespace bench {

struct step_options {
  std::string model = "resnet56";
  std::size_t batch = 100;
  int threads = 1;
  bool train = true;
  double learning_rate = bench::learning_rate;
};

/// What was asked for cannot be had; the message has the remedy.
class bad_input : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A model with the example batch.
class stepper {
 public:
  stepper() = default;
  stepper(const stepper&) = delete;
  stepper& operator=(const stepper&) = delete;
  virtual ~stepper() = default;

  /// \returns the parameters as they are now, tensor by tensor in the order of starting_values.
  [[nodiscard]] virtual std::vector<std::vector<float>> parameters() const = 0;
  /// Forward, mean softmax cross-entropy, backward, one update by SGD. \returns the loss before the update.
  virtual double train() = 0;
  /// \returns the outputs, images x classes. Of the weights that it finds at its first call: no train() comes after.
  virtual std::vector<float> infer() = 0;
};

using stepper_factory = std::function<std::unique_ptr<stepper>(const step_options&)>;

namespace detail {

/// The most memory that the process has held, in MiB; 0 where the system does not tell.
inline double peak_mib() {
  std::ifstream status{"/proc/self/status"};
  for (std::string word; status >> word;)
    if (double kib = 0; word == "VmHWM:" && status >> kib) return kib / 1024;
  return 0;
}

inline double seconds_per_step(stepper& worker, bool train, long steps) {
  const auto start = std::chrono::steady_clock::now();
  for (long i = 0; i < steps; ++i) {
    if (train)
      worker.train();
    else
      worker.infer();
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  return taken.count() / static_cast<double>(steps);
}

/// Mean softmax cross-entropy of the example labels.
inline double loss_of(const std::vector<float>& outputs) {
  const std::size_t images = outputs.size() / classes;
  const auto labels = example_labels<std::size_t>(images);
  double sum = 0;
  for (std::size_t i = 0; i < images; ++i) {
    const auto row = std::span{outputs}.subspan(i * classes, classes);
    double total = 0;
    for (const float value : row) total += std::exp(static_cast<double>(value));
    sum += std::log(total) - static_cast<double>(row[labels[i]]);
  }
  return sum / static_cast<double>(images);
}

inline check_result check_of(stepper& worker) {
  check_result result;
  const auto before = worker.parameters();
  result.losses[0] = worker.train();
  result.losses[1] = worker.train();
  const auto after = worker.parameters();
  for (std::size_t i = 0; i < before.size(); ++i) {
    result.parameters += before[i].size();
    result.changes.push_back(change_of(before[i], after[i]));
  }
  result.losses[2] = loss_of(worker.infer());
  return result;
}

/// \returns the number of steps on a line, which may stand between blanks; nothing if it holds anything else.
inline std::optional<long> steps_on(std::string_view line) {
  constexpr std::string_view blanks = " \t\r";
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  line = line.substr(0, line.find_last_not_of(blanks) + 1);
  long steps = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), steps);
  if (error != std::errc{} || end != line.data() + line.size() || steps < 1) return std::nullopt;
  return steps;
}

/// \returns `line` with a question mark for each byte that a terminal might act on, and no more than its beginning.
inline std::string printable(std::string_view line) {
  constexpr std::size_t most = 40;
  std::string shown{line.substr(0, most)};
  for (char& one : shown)
    if (one < ' ' || one > '~') one = '?';
  return line.size() > most ? shown + "..." : shown;
}

/// Reads numbers of steps, and prints `seconds_per_step peak_mib` for each. \returns the exit code.
inline int serve(stepper& worker, bool train) {
  for (std::string line; std::getline(std::cin, line);) {
    const std::optional<long> steps = steps_on(line);
    if (!steps) {
      std::cerr << "standard input: '" << printable(line) << "' is not a number of steps\n"
                << "  remedy: write one whole number, 1 or more, on each line\n";
      return 2;
    }
    std::printf("%.9f %.1f\n", seconds_per_step(worker, train, *steps), peak_mib());
    std::fflush(stdout);
  }
  return 0;
}

inline void print_readable(stepper& worker, const step_options& options) {
  constexpr int rounds = 5;
  seconds_per_step(worker, options.train, 1);  // the first one asks for memory
  std::vector<double> seconds(rounds);
  for (double& value : seconds) value = seconds_per_step(worker, options.train, 1);
  const double usual = median(std::move(seconds));
  std::printf("%s, %s, batch %zu, threads %d: %.1f ms per step, %.0f images/s (median of %d steps), peak %.0f MiB\n",
              options.model.c_str(), options.train ? "train" : "infer", options.batch, options.threads, 1e3 * usual,
              static_cast<double>(options.batch) / usual, rounds, peak_mib());
}

}  // namespace detail

/// The main program of a worker. `app` may hold options of its own. \returns the exit code.
inline int run_worker(CLI::App& app, int argc, char** argv, const stepper_factory& make) {
  step_options options;
  std::string mode = "train";
  bool worker = false;
  bool check = false;
  std::optional<double> rate;
  app.add_option("--model", options.model, "The network")->check(CLI::IsMember(model_names()))->capture_default_str();
  app.add_option("--batch", options.batch, "Images in a step")->check(CLI::Range(1, 100000))->capture_default_str();
  app.add_option("--threads", options.threads, "Threads of the computation")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--mode", mode,
                 "train: forward, loss, backward, update by SGD with momentum and weight decay; infer: forward")
      ->check(CLI::IsMember({"train", "infer"}))
      ->capture_default_str();
  app.add_option("--learning-rate", rate,
                 "Of the updates; unless given, so small that all steps are alike, and with --check one that shows")
      ->check(CLI::Range(0.0, 1.0));
  auto* const as_worker =
      app.add_flag("--worker", worker,
                   "Read numbers N from standard input, one a line, run N steps for each and print a line "
                   "'seconds_per_step peak_mib'; end at the end of the input");
  app.add_flag("--check", check,
               "Print the number of parameters, the losses of two training steps and that of inference after them, and "
               "how far the steps moved each parameter, for comparison with other workers")
      ->excludes(as_worker);
  app.footer(
      "The batch is a fixed one of random 3x32x32 images of 10 classes. Exit codes: 0 done, 2 bad input, 3 "
      "failed.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options.train = mode == "train";
  options.learning_rate = rate.value_or(check ? check_learning_rate : bench::learning_rate);
  try {
    const std::unique_ptr<stepper> model = make(options);
    if (worker) return detail::serve(*model, options.train);
    if (check)
      std::cout << detail::check_of(*model).text() << '\n';
    else
      detail::print_readable(*model, options);
    return 0;
  } catch (const bad_input& error) {
    std::cerr << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 3;
  }
}

}  // namespace bench
