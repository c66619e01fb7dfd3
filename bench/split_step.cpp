// The cost of splitting: the steps of the slow and of the fast side of a cut, against one step of the whole network, on
// 100 images. The gradients of both sides are checked against the reference network's, then they are timed in turn.
// Counters: the two sides' milliseconds, and their sum over the time of the whole step that follows, the median.
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include "benchmark.hpp"
#include "common.hpp"
#include "comdml/split/auxiliary_head.hpp"
#include "comdml/split/cuts.hpp"
#include "median.hpp"

namespace {

using comdml::split::part_of;

/// Both sides of a network cut at the end of a stage, on one machine.
template <class Engine>
class split_network {
 public:
  split_network(std::size_t depth, std::size_t stage, std::size_t images, int threads)
      : net_{Engine::basic(depth)},
        cut_{comdml::split::stages{}.points(net_).at(stage)},
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

  [[nodiscard]] const std::vector<float>& slow_gradient() const { return slow_memory_.gradient; }
  [[nodiscard]] const std::vector<float>& fast_gradient() const { return fast_memory_.gradient; }

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

/// Arguments: depth; stages handed over, besides the head; threads.
void split_step(benchmark::State& state) {
  constexpr std::size_t images = 100;
  const auto depth = static_cast<std::size_t>(state.range(0));
  const int threads = static_cast<int>(state.range(2));
  split_network<bench::default_engine> sides{depth, static_cast<std::size_t>(state.range(1)), images, threads};
  bench::trainer whole{bench::default_engine::basic(depth), images, comdml::execution{threads}};
  sides.slow_step();  // the first steps ask for memory
  sides.fast_step();
  whole.train();
  double slow = 0;
  double fast = 0;
  std::vector<double> over_whole;
  for (auto _ : state) {
    const double slow_now = seconds_of([&] { sides.slow_step(); });
    const double fast_now = seconds_of([&] { sides.fast_step(); });
    over_whole.push_back((slow_now + fast_now) / seconds_of([&] { whole.train(); }));
    slow += slow_now;
    fast += fast_now;
    state.SetIterationTime(slow_now + fast_now);
  }
  state.counters["slow_ms"] = benchmark::Counter(1e3 * slow, benchmark::Counter::kAvgIterations);
  state.counters["fast_ms"] = benchmark::Counter(1e3 * fast, benchmark::Counter::kAvgIterations);
  state.counters["over_whole"] = bench::median(std::move(over_whole));
}
BENCHMARK(split_step)
    ->ArgNames({"depth", "handed_over", "threads"})
    ->ArgsProduct({{20, 56}, {0, 1, 2, 3}, {1}})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

void check() {
  for (std::size_t stage = 0; stage < 4; ++stage) {
    split_network<bench::default_engine> mine{20, stage, 20, 2};
    split_network<bench::reference_engine> reference{20, stage, 20, 1};
    mine.slow_step();
    mine.fast_step();
    reference.slow_step();
    reference.fast_step();
    bench::require_close("gradient of the slow side", mine.slow_gradient(), reference.slow_gradient(),
                         bench::gradient_tolerance);
    bench::require_close("gradient of the fast side", mine.fast_gradient(), reference.fast_gradient(),
                         bench::gradient_tolerance);
  }
}

}  // namespace

int main(int argc, char** argv) { return bench::check_then_time(argc, argv, check); }
