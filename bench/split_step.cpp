// The cost of splitting: the steps of the slow and of the fast side of a cut, against one step of the whole network, on
// 100 images. The gradients of both sides are checked against the reference network's, then they are timed in turn, now
// the sides first and now the whole. Counters, medians all: the two sides' milliseconds, and their sum over the time of
// the whole step beside it. Times the cuts at the ends of the stages and amid them; `--every-block` times all that
// there are.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "benchmark.hpp"
#include "common.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/split/auxiliary_head.hpp"
#include "comdml/split/cuts.hpp"
#include "median.hpp"

namespace {

using comdml::split::part_of;

/// Both sides of a cut network, on one machine.
template <class Engine>
class split_network {
 public:
  split_network(std::size_t depth, comdml::split_point cut, std::size_t images, int threads)
      : net_{Engine::basic(depth)},
        cut_{cut},
        head_{comdml::split::pool_linear{}.make<float>(net_.output_shape(cut_.value - 1), bench::classes)},
        batch_{images},
        exec_{threads} {}

  void slow_step() {
    const comdml::split::slow_side slow{net_, head_, cut_, comdml::nn::softmax_cross_entropy{}, bench::optimizer};
    slow.step(part_of(net_, state_, {0, cut_.value}), part_of(head_, head_state_, {0, head_.units()}),
              std::span<const float>{batch_.inputs}, batch_.labels, bench::learning_rate, slow_memory_, exec_,
              [&](std::span<const float> values) { activations_.assign(values.begin(), values.end()); });
  }
  /// On the activations of the slow step before.
  void fast_step() {
    const comdml::split::fast_side fast{net_, cut_, comdml::nn::softmax_cross_entropy{}, bench::optimizer};
    fast.step(part_of(net_, state_, {cut_.value, net_.units()}), std::span<const float>{activations_}, batch_.labels,
              bench::learning_rate, fast_memory_, exec_);
  }

  [[nodiscard]] std::vector<std::vector<float>> slow_gradient() const {
    return bench::tensors_of(net_, {0, cut_.value}, slow_memory_.gradient);
  }
  [[nodiscard]] std::vector<std::vector<float>> head_gradient() const {
    return bench::tensors_of(head_, {0, head_.units()}, slow_memory_.head_gradient);
  }
  [[nodiscard]] std::vector<std::vector<float>> fast_gradient() const {
    return bench::tensors_of(net_, {cut_.value, net_.units()}, fast_memory_.gradient);
  }

 private:
  using network = decltype(Engine::basic(20));
  using head = comdml::split::pool_linear::network<float>;

  network net_;
  comdml::split_point cut_;
  head head_;
  bench::example_batch batch_;
  comdml::execution exec_;
  comdml::split::training_state<float> state_ = bench::starting_state(net_);
  comdml::split::training_state<float> head_state_ = bench::starting_state(head_);
  comdml::split::workspace<network, head> slow_memory_;
  comdml::split::workspace<network, head> fast_memory_;
  std::vector<float> activations_;
};

template <class Work>
double seconds_of(Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// At the ends of the stages, and amid them.
std::vector<comdml::split_point> some_cuts(std::size_t depth) {
  std::vector<comdml::split_point> cuts = comdml::split::stages{}.points(bench::default_engine::basic(depth));
  for (std::size_t i = cuts.size(); i-- > 1;)
    cuts.push_back(comdml::split_point{(cuts[i - 1].value + cuts[i].value) / 2});
  std::ranges::sort(cuts);
  return cuts;
}

std::vector<comdml::split_point> all_cuts(std::size_t depth) {
  return comdml::split::every_block{}.points(bench::default_engine::basic(depth));
}

void split_step(benchmark::State& state, std::size_t depth, comdml::split_point cut, int threads) {
  constexpr std::size_t images = 100;
  split_network<bench::default_engine> sides{depth, cut, images, threads};
  bench::trainer whole{bench::default_engine::basic(depth), images, comdml::execution{threads}};
  sides.slow_step();  // the first steps ask for memory
  sides.fast_step();
  whole.train();
  std::vector<double> slow, fast, over_whole;
  for (auto _ : state) {
    const bool whole_first = slow.size() % 2 == 1;
    double whole_now = whole_first ? seconds_of([&] { whole.train(); }) : 0;
    slow.push_back(seconds_of([&] { sides.slow_step(); }));
    fast.push_back(seconds_of([&] { sides.fast_step(); }));
    if (!whole_first) whole_now = seconds_of([&] { whole.train(); });
    over_whole.push_back((slow.back() + fast.back()) / whole_now);
    state.SetIterationTime(slow.back() + fast.back());
  }
  state.counters["slow_ms"] = 1e3 * bench::median(std::move(slow));
  state.counters["fast_ms"] = 1e3 * bench::median(std::move(fast));
  state.counters["over_whole"] = bench::median(std::move(over_whole));
}

void check() {
  constexpr std::size_t depth = 20, images = 20;
  for (const comdml::split_point cut : some_cuts(depth)) {
    split_network<bench::default_engine> mine{depth, cut, images, 2};
    split_network<bench::reference_engine> reference{depth, cut, images, 1};
    mine.slow_step();
    mine.fast_step();
    reference.slow_step();
    reference.fast_step();
    const auto require = [&](const char* side, const auto& gradient, const auto& expected) {
      bench::require_close_gradients(comdml::text("gradient of the ", side, ", cut ", cut), gradient, expected);
    };
    require("slow side", mine.slow_gradient(), reference.slow_gradient());
    require("slow side's head", mine.head_gradient(), reference.head_gradient());
    require("fast side", mine.fast_gradient(), reference.fast_gradient());
  }
}

}  // namespace

int main(int argc, char** argv) {
  // What is given overrides the time: a ratio wants many turns.
  std::string time = "--benchmark_min_time=5";
  std::vector<char*> arguments{argv[0], time.data()};
  bool every_block = false;
  for (char* const argument : std::vector<char*>(argv + 1, argv + argc)) {
    if (std::string_view{argument} == "--every-block")
      every_block = true;
    else
      arguments.push_back(argument);
  }
  for (const std::size_t depth : {20, 56})
    for (const comdml::split_point cut : every_block ? all_cuts(depth) : some_cuts(depth))
      for (const int threads : {1, 2})
        benchmark::RegisterBenchmark(
            comdml::text("split_step/depth:", depth, "/kept:", cut, "/threads:", threads).c_str(), split_step, depth,
            cut, threads)
            ->UseManualTime()
            ->Unit(benchmark::kMillisecond);
  return bench::check_then_time(static_cast<int>(arguments.size()), arguments.data(), check);
}
