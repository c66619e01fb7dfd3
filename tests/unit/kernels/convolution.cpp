// SPDX-License-Identifier: BSL-1.0
/// \file
/// Every kernel of every instruction set that this processor has, against plain loops in double.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "twin.hpp"

using namespace kernel_test;

namespace {

/// And the same bits from all sets that fuse multiply-adds, which is what AVX2 and AVX-512 have in common.
void all_within_bounds(const std::vector<problem>& problems) {
  std::map<algorithm, std::uint64_t> widest;
  compare(problems, [&](const problem& one, const kernels::named_set& set, algorithm how, const findings& found) {
    const std::string name{algorithm_names[static_cast<std::size_t>(how)]};
    CHECK_MESSAGE(found.within(bounds(how)), one.text(), ": ", std::string{set.name}, ", ", name, ": ", found.text());
    if (set.name == "avx512") widest[how] = found.bits.value();
    if (set.name == "avx2" && kernels::supported_sets().front().name == "avx512")
      CHECK_MESSAGE(found.bits.value() == widest[how], one.text(), ", ", name, ": AVX2 gives other bits than AVX-512");
  });
}

}  // namespace

TEST_CASE("the convolutions of the residual networks") { all_within_bounds(network_problems()); }

// Multiply-adds of a shape: fewer where every access is watched.
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t most_work = 600'000;
#else
constexpr std::size_t most_work = 3'000'000;
#endif

TEST_CASE("odd shapes") { all_within_bounds(odd_problems(300, most_work, 1)); }

TEST_CASE("moments of values far from zero do not cancel") {
  constexpr std::size_t pixels = 1600, images = 3;
  const kernels::convolution_shape shape{.height = 40, .width = 40};
  dice rng{3};
  const guarded<float> values = make_pixels(images * pixels, 1, shape.pitch, [&] { return 1000 + rng.any(); });
  const float one = 1;
  sum mean, squares;
  for (std::size_t i = 0; i < images * pixels; ++i) mean.add(double{values[i * shape.pitch]} / double{images * pixels});
  for (std::size_t i = 0; i < images * pixels; ++i) {
    const double difference = double{values[i * shape.pitch]} - mean.value;
    squares.add(difference * difference);
  }
  for (const kernels::named_set& set : kernels::supported_sets()) {
    CAPTURE(std::string{set.name});
    guarded<float> packed(shape.packed()), plain(shape.gradient_part()), out(images * shape.output_size());
    guarded<float> scratch(kernels::forward_scratch(shape));
    guarded<double> sums(2 * shape.output_pitch(), 0.0);
    set.set->pack_weights(shape, &one, false, packed.data(), plain.data());
    kernels::forward_task task{.shape = shape, .weights = packed.data(), .output = out.data()};
    task.from.stored = values.data();
    kernels::moments block{.values = sums.data()};
    set.set->forward_images(task, 0, images, &block, scratch.data());
    CHECK(block.count == images * pixels);
    CHECK(relative_error(sums[0], mean) <= 1e-7);
    CHECK(relative_error(sums[shape.output_pitch()], squares) <= 1e-5);
  }
}
