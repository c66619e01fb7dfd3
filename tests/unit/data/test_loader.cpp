// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "comdml/data/array_set.hpp"
#include "comdml/data/digits.hpp"
#include "comdml/data/loader.hpp"
#include "comdml/data/partition.hpp"

using namespace comdml;

namespace {

/// Example i has the value i and the label i mod 7.
data::array_set numbered(std::size_t examples) {
  std::vector<float> values(examples);
  std::iota(values.begin(), values.end(), 0.0f);
  std::vector<label> labels;
  for (std::size_t i = 0; i < examples; ++i) labels.push_back(static_cast<label>(i % 7));
  return {{1, 1, 1}, 7, std::move(values), labels};
}

template <class Loader>
std::vector<float> epoch(Loader& loader, round_index round, std::size_t local_epoch) {
  std::vector<float> all;
  data::batch batch;
  loader.start(round, local_epoch);
  while (loader.next(batch)) all.insert(all.end(), batch.inputs.begin(), batch.inputs.end());
  return all;
}

}  // namespace

TEST_CASE("a batch plan covers the epoch, and only the last batch differs") {
  for (std::size_t images = 0; images < 60; ++images)
    for (std::size_t batch = 1; batch < 14; ++batch) {
      const auto plan = data::batch_plan(images, batch);
      std::size_t end = 0;
      for (std::size_t i = 0; i < plan.size(); ++i) {
        CHECK(plan[i].begin == end);
        end = plan[i].end;
        if (i + 1 < plan.size()) CHECK(plan[i].size() == batch);
        if (images > 1 && batch > 1) CHECK(plan[i].size() >= 2);
        CHECK(plan[i].size() <= (batch > 1 ? batch + 1 : 1));
      }
      CHECK(end == images);
    }
  CHECK(data::batch_plan(10, 4) == std::vector<index_range>{{0, 4}, {4, 8}, {8, 10}});
  CHECK(data::batch_plan(9, 4) == std::vector<index_range>{{0, 4}, {4, 9}});
  CHECK(data::batch_plan(1, 4) == std::vector<index_range>{{0, 1}});
  CHECK_THROWS_AS((void)data::batch_plan(5, 0), contract_error);
}

TEST_CASE("an epoch brings every image once, shuffled, with its label") {
  const auto set = numbered(103);
  data::loader loader{set, data::loader_settings{.batch = 10, .seed = 1}};
  CHECK(loader.batches() == 11);
  data::batch batch;
  loader.start(round_index{3});
  std::vector<float> seen;
  std::size_t batches = 0;
  while (loader.next(batch)) {
    ++batches;
    REQUIRE(batch.inputs.size() == batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
      CHECK(batch.labels[i] == static_cast<label>(batch.inputs[i]) % 7);
      seen.push_back(batch.inputs[i]);
    }
  }
  CHECK(batches == 11);
  CHECK(batch.size() == 3);
  CHECK_FALSE(std::is_sorted(seen.begin(), seen.end()));
  std::sort(seen.begin(), seen.end());
  REQUIRE(seen.size() == 103);
  for (std::size_t i = 0; i < seen.size(); ++i) CHECK(seen[i] == static_cast<float>(i));
  CHECK_FALSE(loader.next(batch));
}

TEST_CASE("what comes depends on seed, owner, round and local epoch, and on nothing else") {
  const auto set = numbered(50);
  const auto make = [&](std::uint64_t seed, std::uint32_t owner) {
    return data::loader{set, data::loader_settings{.batch = 8, .seed = seed, .owner = agent_id{owner}}};
  };
  auto reference = make(1, 2);
  std::vector<std::vector<float>> all;
  for (std::uint32_t round = 0; round < 3; ++round)
    for (std::size_t local = 0; local < 3; ++local) all.push_back(epoch(reference, round_index{round}, local));
  auto other_seed = make(2, 2);
  all.push_back(epoch(other_seed, round_index{0}, 0));
  auto other_owner = make(1, 3);
  all.push_back(epoch(other_owner, round_index{0}, 0));
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) CHECK(all[i] != all[j]);

  auto again = make(1, 2);
  data::batch batch;
  again.start(round_index{2}, 1);  // left after one batch
  CHECK(again.next(batch));
  CHECK(epoch(again, round_index{1}, 2) == all[5]);
  CHECK(epoch(again, round_index{0}, 0) == all[0]);
}

TEST_CASE("augmentation is seeded too, and comes after the choice of images") {
  const data::image_set set = data::digits().train;
  const data::loader_settings settings{.batch = 50, .seed = 4, .owner = agent_id{1}};
  data::loader plain{set, settings};
  data::loader changed{set, settings, data::crop_flip_cutout{.padding = 1, .cutout = 4}};
  std::function<void(std::span<float>, image_shape, std::span<const float>, random_stream&)> erased =
      data::crop_flip_cutout{.padding = 1, .cutout = 4};
  data::loader same{set, settings, erased};
  data::batch one, two, three;
  plain.start(round_index{0});
  changed.start(round_index{0});
  same.start(round_index{0});
  while (plain.next(one)) {
    REQUIRE(changed.next(two));
    REQUIRE(same.next(three));
    CHECK(one.labels == two.labels);
    CHECK(one.inputs != two.inputs);
    CHECK(two.inputs == three.inputs);
  }
}

TEST_CASE("augmentation differs from seed to seed, owner to owner, round to round and epoch to epoch") {
  std::vector<float> image(16);
  std::iota(image.begin(), image.end(), 0.0f);
  std::vector<float> alike;  // the same image forty times: the order of the images cannot be seen
  for (int i = 0; i < 40; ++i) alike.insert(alike.end(), image.begin(), image.end());
  const data::array_set set{{4, 4, 1}, 1, std::move(alike), std::vector<label>(40)};
  std::vector<std::vector<float>> all;
  for (const std::uint64_t seed : {1u, 2u})
    for (const std::uint32_t owner : {0u, 1u}) {
      const data::loader_settings settings{.batch = 8, .seed = seed, .owner = agent_id{owner}};
      data::loader loader{set, settings, data::crop_flip{.padding = 2}};
      for (const std::uint32_t round : {0u, 1u})
        for (const std::size_t local : {0u, 1u}) all.push_back(epoch(loader, round_index{round}, local));
    }
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) CHECK(all[i] != all[j]);
}

TEST_CASE("a crop fills in black, as it looks after normalization; cutout fills in the mean color") {
  data::image_contents contents{.shape = {4, 4, 2},
                                .classes = 1,
                                .pixels = std::vector<std::uint8_t>(8 * 32, 255),
                                .labels = std::vector<label>(8),
                                .normalization = {.mean = {0.25, 0.5}, .deviation = {0.5, 0.25}}};
  const data::image_set set{std::move(contents)};
  data::loader loader{set, data::loader_settings{.batch = 8}, data::crop_flip_cutout{.padding = 2, .cutout = 2}};
  loader.start(round_index{0});
  data::batch batch;
  REQUIRE(loader.next(batch));
  std::size_t white = 0, black = 0, mean = 0;
  for (std::size_t i = 0; i < batch.inputs.size(); i += 2) {
    const std::pair pixel{batch.inputs[i], batch.inputs[i + 1]};
    white += pixel == std::pair{1.5f, 2.0f};
    black += pixel == std::pair{-0.5f, -2.0f};
    mean += pixel == std::pair{0.0f, 0.0f};
  }
  CHECK(white > 0);
  CHECK(black > 0);
  CHECK(mean > 0);
  CHECK(white + black + mean == batch.inputs.size() / 2);
}

TEST_CASE("evaluation reads in order, normalized, not augmented") {
  const data::image_set set = data::digits().test;
  const data::shard part{set, {7, 3, 9}};
  data::batch batch;
  data::read_batch(part, {1, 3}, batch);
  REQUIRE(batch.size() == 2);
  CHECK(batch.labels == std::vector<label>{set.label(3), set.label(9)});
  std::vector<float> image(64);
  set.read(9, image);
  for (std::size_t i = 0; i < 64; ++i)
    CHECK(batch.inputs[64 + i] == doctest::Approx((image[i] - 0.30494f) / 0.37594f).epsilon(1e-5));
  CHECK_THROWS_AS(data::read_batch(part, {1, 4}, batch), contract_error);
}

TEST_CASE("a loader must be started, and needs images") {
  const auto set = numbered(4);
  data::loader loader{set, data::loader_settings{.batch = 2}};
  data::batch batch;
  CHECK_THROWS_AS(loader.next(batch), contract_error);
  const auto empty = numbered(0);
  CHECK_THROWS_AS((data::loader{empty, data::loader_settings{}}), contract_error);
  CHECK_THROWS_AS((data::loader{set, data::loader_settings{.batch = 0}}), contract_error);
}
