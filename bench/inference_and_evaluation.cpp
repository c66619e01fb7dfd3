// Inference of a batch of 100 images, and learn::evaluate of a set of 1000, by ResNets. The results are checked against
// the reference network's, then both are timed.
#include "benchmark.hpp"
#include "common.hpp"
#include "comdml/data/array_set.hpp"
#include "comdml/learn/evaluate.hpp"

namespace {

/// Arguments: depth, threads.
void inference(benchmark::State& state) {
  constexpr std::size_t images = 100;
  bench::trainer whole{bench::default_engine::basic(static_cast<std::size_t>(state.range(0))), images,
                       comdml::execution{static_cast<int>(state.range(1))}};
  whole.infer();  // asks for memory
  for (auto _ : state) benchmark::DoNotOptimize(whole.infer().data());
  bench::count_images(state, images);
}
BENCHMARK(inference)
    ->ArgNames({"depth", "threads"})
    ->ArgsProduct({{20, 56}, {1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

/// A set that a ResNet-20 evaluates.
template <class Engine>
class evaluation {
 public:
  evaluation(std::size_t images, int threads)
      : set_{bench::image, bench::classes, bench::example_batch{images}.inputs,
             bench::example_labels<comdml::label>(images)},
        exec_{threads} {}

  comdml::learn::evaluation run() {
    return comdml::learn::evaluate(net_, state_.model, set_, comdml::nn::softmax_cross_entropy{}, memory_, exec_,
                                   [] {});
  }

 private:
  decltype(Engine::basic(20)) net_ = Engine::basic(20);
  comdml::split::training_state<float> state_ = bench::starting_state(net_);
  comdml::data::array_set set_;
  typename decltype(Engine::basic(20))::workspace memory_;
  comdml::execution exec_;
};

/// Argument: threads.
void evaluate(benchmark::State& state) {
  constexpr std::size_t images = 1000;
  evaluation<bench::default_engine> set{images, static_cast<int>(state.range(0))};
  set.run();
  for (auto _ : state) benchmark::DoNotOptimize(set.run());
  bench::count_images(state, images);
}
BENCHMARK(evaluate)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

template <class Engine>
std::vector<float> outputs(std::size_t depth) {
  bench::trainer whole{Engine::basic(depth), 20, comdml::execution{2}};
  const auto values = whole.infer();
  return {values.begin(), values.end()};
}

template <class Engine>
std::vector<float> losses() {
  const comdml::learn::evaluation result = evaluation<Engine>{150, 2}.run();  // the last batch is a smaller one
  return {static_cast<float>(result.seen), static_cast<float>(result.mean_loss())};
}

void check() {
  for (const std::size_t depth : {20, 56})
    bench::require_close("outputs", outputs<bench::default_engine>(depth), outputs<bench::reference_engine>(depth));
  bench::require_close("images and mean loss of an evaluation", losses<bench::default_engine>(),
                       losses<bench::reference_engine>(), 1e-6);
}

}  // namespace

int main(int argc, char** argv) { return bench::check_then_time(argc, argv, check); }
