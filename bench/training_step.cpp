// One training step of a ResNet-20 on 100 images: forward, loss, backward, update by SGD. Its gradients are checked
// against the reference network's, then it is timed.
#include <vector>

#include "benchmark.hpp"
#include "common.hpp"

namespace {

constexpr std::size_t depth = 20;

/// Argument: threads.
void training_step(benchmark::State& state) {
  constexpr std::size_t images = 100;
  bench::trainer whole{bench::default_engine::basic(depth), images,
                       comdml::execution{static_cast<int>(state.range(0))}};
  whole.train();  // asks for memory
  for (auto _ : state) whole.train();
  bench::count_images(state, images);
}
BENCHMARK(training_step)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

template <class Engine>
std::vector<std::vector<float>> gradient(int threads) {
  bench::trainer whole{Engine::basic(depth), 20, comdml::execution{threads}};
  whole.train();
  return whole.gradient();
}

void check() {
  const auto reference = gradient<bench::reference_engine>(1);
  for (const int threads : {1, 2})
    bench::require_close_gradients("gradient", gradient<bench::default_engine>(threads), reference);
}

}  // namespace

int main(int argc, char** argv) { return bench::check_then_time(argc, argv, check); }
