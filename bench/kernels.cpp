// The convolutions of the residual networks one by one, as the engine calls them: 50 images on one thread, forward with
// the normalization and rectifier of the layer before and the moments of the layer behind, backward with both
// gradients. Every shape is checked against plain loops in double, then timed, on the instruction set that COMDML_ISA
// names. The first layer reads stored images of three channels, and has no data gradient. Counters, of the median time:
// GFLOP/s of the convolution as it is defined; GFLOP/s of the products that Winograd's algorithm leaves to be done; and
// these over the most that this thread reaches with that set's multiply-adds in registers, measured at the start.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "benchmark.hpp"
#include "comdml/kernels/kernels.hpp"
#include "comdml/nn/convolution.hpp"
#include "median.hpp"
#include "problem.hpp"
#include "twin.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace {

namespace kernels = comdml::kernels;
using kernel_test::guarded;

struct layer {
  std::size_t side, channels, outputs, kernel, stride;
};
constexpr layer layers[] = {{32, 3, 16, 3, 1},   {32, 16, 16, 3, 1}, {16, 32, 32, 3, 1}, {8, 64, 64, 3, 1},
                            {32, 16, 32, 3, 2},  {16, 32, 64, 3, 2}, {32, 16, 64, 1, 1}, {32, 64, 16, 1, 1},
                            {16, 128, 32, 1, 1}, {8, 64, 256, 1, 1}, {8, 256, 64, 1, 1}, {32, 64, 128, 1, 2}};

bool is_first(const layer& one) { return one.channels == bench::image_channels; }

// -------------------------------------------------------------------------------------------------- the peak

constexpr std::size_t chains = 12;

/// Steps of `chains` independent a b + c of `Vector`s.
#define BENCH_CHAINS(name, attributes, vector, fused)                                                \
  attributes float name(std::size_t steps) {                                                         \
    vector sum[chains] = {}, factor{};                                                               \
    factor += 0.5F;                                                                                  \
    for (std::size_t c = 0; c < chains; ++c) sum[c] += static_cast<float>(c); /* else all are one */ \
    for (std::size_t i = 0; i < steps; ++i)                                                          \
      for (std::size_t c = 0; c < chains; ++c) sum[c] = fused(c);                                    \
    vector all{};                                                                                    \
    for (std::size_t c = 0; c < chains; ++c) all += sum[c];                                          \
    return all[0];                                                                                   \
  }

#if defined(__aarch64__)
using vector_128 = float32x4_t;
#define BENCH_FUSED(c) vfmaq_f32(factor, sum[c], factor)
#else
using vector_128 = float __attribute__((vector_size(16)));
#define BENCH_FUSED(c) sum[c] * factor + factor
#endif
BENCH_CHAINS(chains_baseline, , vector_128, BENCH_FUSED)
#undef BENCH_FUSED
#if defined(__x86_64__)
#define BENCH_FUSED(c) _mm256_fmadd_ps(sum[c], factor, factor)
BENCH_CHAINS(chains_avx2, __attribute__((target("avx2,fma"))), __m256, BENCH_FUSED)
#undef BENCH_FUSED
#define BENCH_FUSED(c) _mm512_fmadd_ps(sum[c], factor, factor)
BENCH_CHAINS(chains_avx512, __attribute__((target("avx512f"))), __m512, BENCH_FUSED)
#undef BENCH_FUSED
#endif
#undef BENCH_CHAINS

/// Floating point operations a second of one thread, the best of several tries.
double measured_peak() {
  float (*run)(std::size_t) = chains_baseline;
  std::size_t lanes = 4;
#if defined(__x86_64__)
  if (kernels::active_set().name == "avx2") {
    run = chains_avx2;
    lanes = 8;
  } else if (kernels::active_set().name == "avx512") {
    run = chains_avx512;
    lanes = 16;
  }
#endif
  constexpr std::size_t steps = 200'000;  // short tries: some are not interrupted
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 90; ++i) {
    const auto start = std::chrono::steady_clock::now();
    benchmark::DoNotOptimize(run(steps));
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return 2.0 * static_cast<double>(steps * chains * lanes) / best;
}

// ---------------------------------------------------------------------------------------------- the convolutions

/// As the default convolution computes it.
kernels::convolution_shape shape_of(const layer& one) {
  const comdml::nn::convolution layer{.channels = one.outputs, .kernel = one.kernel, .stride = one.stride};
  return layer.shape({one.side, one.side, one.channels}, is_first(one) ? one.channels : kernels::padded(one.channels));
}

constexpr std::size_t images = 50;

/// Times `run()`. Counts 2 for each multiply-add; a backward pass with both gradients has two `products` for each of
/// the forward pass's.
template <class Run>
void time(benchmark::State& state, const kernels::convolution_shape& s, double products, double peak, Run&& run) {
  std::vector<double> seconds;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    run();
    benchmark::ClobberMemory();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  const double usual = bench::median(std::move(seconds));
  const auto rate = [&](std::size_t multiply_adds) {
    return products * 2 * static_cast<double>(images * multiply_adds) / usual;
  };
  const std::size_t plain = s.output_height() * s.output_width() * s.kernel * s.kernel * s.channels * s.outputs;
  const std::size_t done =
      s.how == kernels::algorithm::direct ? plain : s.points() * s.tiles() * s.channels * s.outputs;
  state.counters["GFLOP/s"] = 1e-9 * rate(plain);
  state.counters["done_GFLOP/s"] = 1e-9 * rate(done);
  state.counters["of_peak"] = rate(done) / peak;
}

guarded<float> values(std::size_t count, std::uint64_t seed) {
  kernel_test::dice rng{seed};
  return kernel_test::make_pixels(count, 1, 1, [&] { return rng.any(); });
}

void forward(benchmark::State& state, const layer& one, double peak) {
  const kernels::convolution_shape s = shape_of(one);
  const auto& set = *kernels::active_set().set;
  const auto raw = values(images * s.input_pixels() * s.pitch, 1), weights = values(s.gradient_part(), 2);
  const auto row = values(s.pitch, 3);
  guarded<float> packed(s.packed()), plain(s.gradient_part()), out(images * s.output_size(), 0.0F);
  guarded<float> scratch(kernels::forward_scratch(s), 0.0F);
  guarded<double> sums(2 * s.output_pitch(), 0.0);
  set.pack_weights(s, weights.data(), false, packed.data(), plain.data());
  kernels::forward_task task{.shape = s, .weights = packed.data(), .output = out.data()};
  if (is_first(one)) {
    task.from.stored = raw.data();
  } else {
    task.from.raw = raw.data();
    task.from.scale = task.from.shift = row.data();
  }
  time(state, s, 1, peak, [&] {
    kernels::moments block{.values = sums.data()};
    set.forward_images(task, 0, images, &block, scratch.data());
  });
}

void backward(benchmark::State& state, const layer& one, double peak) {
  const kernels::convolution_shape s = shape_of(one);
  const auto& set = *kernels::active_set().set;
  const std::size_t pixels = images * s.input_pixels();
  const auto raw = values(pixels * s.pitch, 1), weights = values(s.gradient_part(), 2);
  const auto row = values(std::max(s.pitch, s.output_pitch()), 3);
  const auto gradient = values(images * s.output_size(), 4), output = values(images * s.output_size(), 5);
  guarded<float> packed(s.packed_transposed()), plain(s.gradient_part()), result(pixels * s.pitch, 0.0F);
  guarded<float> part(s.gradient_part(), 0.0F), scratch(kernels::backward_scratch(s), 0.0F);
  guarded<double> sums(3 * s.pitch, 0.0);
  set.pack_weights(s, weights.data(), true, packed.data(), plain.data());
  kernels::backward_task task{.shape = s,
                              .raw = output.data(),
                              .gradient = gradient.data(),
                              .a = row.data(),
                              .b = row.data(),
                              .c = row.data(),
                              .weights = packed.data()};
  if (is_first(one)) {
    task.from.stored = raw.data();
    task.weights = nullptr;
    time(state, s, 1, peak, [&] { set.backward_images(task, 0, images, part.data(), nullptr, scratch.data()); });
    return;
  }
  task.from.raw = task.sink.raw = raw.data();
  task.from.scale = task.from.shift = task.sink.scale = task.sink.shift = task.sink.mean = row.data();
  task.sink.height = task.sink.width = one.side;
  task.sink.pitch = s.pitch;
  task.sink.result = result.data();
  time(state, s, 2, peak, [&] { set.backward_images(task, 0, images, part.data(), sums.data(), scratch.data()); });
}

void check() {
  for (const layer& one : layers) {
    const kernel_test::problem problem{.height = one.side,
                                       .width = one.side,
                                       .channels = one.channels,
                                       .outputs = one.outputs,
                                       .kernel = one.kernel,
                                       .stride = one.stride,
                                       .images = 5,
                                       .from = is_first(one) ? kernel_test::origin::stored : kernel_test::origin::raw,
                                       .narrow = is_first(one),
                                       .by = is_first(one) ? kernel_test::mask::none : kernel_test::mask::raw};
    const kernels::algorithm how = shape_of(one).how;
    const kernel_test::findings found = kernel_test::twin{problem}.run(*kernels::active_set().set, how);
    if (found.within(kernel_test::bounds(how))) continue;
    std::cerr << "wrong result, not timed: " << problem.text() << ": " << found.text() << '\n';
    std::exit(3);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return bench::check_then_time(argc, argv, [] {
    check();
    const double peak = measured_peak();
    benchmark::AddCustomContext("instruction set", std::string{kernels::active_set().name});
    benchmark::AddCustomContext("peak of one thread", std::to_string(peak / 1e9) + " GFLOP/s");
    for (const layer& one : layers) {
      const std::string name = comdml::text(one.side, "x", one.side, "x", one.channels, "/outputs:", one.outputs,
                                            "/kernel:", one.kernel, "/stride:", one.stride);
      benchmark::RegisterBenchmark(("forward/" + name).c_str(), forward, one, peak)->Unit(benchmark::kMillisecond);
      benchmark::RegisterBenchmark(("backward/" + name).c_str(), backward, one, peak)->Unit(benchmark::kMillisecond);
    }
  });
}
