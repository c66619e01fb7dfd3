// SPDX-License-Identifier: BSL-1.0
/// \file
/// Batches: how an epoch is cut into them, a seeded loader for training, and reading in order for evaluation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/random.hpp"
#include "comdml/data/augment.hpp"
#include "comdml/data/normalization.hpp"
#include "comdml/tensor/shape.hpp"

namespace comdml::data {

/// Images ready for a network. Kept by the caller and filled again, so that its memory is reused.
struct batch {
  /// size() x height x width x channels, normalized.
  std::vector<float> inputs;
  std::vector<comdml::label> labels;

  [[nodiscard]] std::size_t size() const noexcept { return labels.size(); }
};

/// Cuts an epoch of `images` images into runs of `batch` images. A last, smaller run stands if it has at least two
/// images; a single image joins the run before it, because batch statistics need two.
[[nodiscard]] inline std::vector<index_range> batch_plan(std::size_t images, std::size_t batch) {
  COMDML_REQUIRE(batch > 0, "batch size ", batch);
  std::vector<index_range> plan;
  for (std::size_t begin = 0; begin < images; begin += plan.back().size()) {
    const std::size_t left = images - begin;
    const bool last = left <= batch || (left == batch + 1 && batch > 1);
    plan.push_back({begin, last ? images : begin + batch});
  }
  return plan;
}

namespace detail {

/// Makes room for `images` images and fills it; `number(k)` is the image that comes k-th, `change(pixels)` is called
/// on each after it was normalized.
template <Dataset Set, class Number, class Change>
void fill(const Set& set, std::size_t images, batch& out, Number number, Change change) {
  const std::size_t size = set.shape().size();
  out.inputs.resize(images * size);
  out.labels.resize(images);
  for (std::size_t k = 0; k < images; ++k) {
    const std::span<float> pixels = std::span{out.inputs}.subspan(k * size, size);
    set.read(number(k), pixels);
    normalize(pixels, set.normalization());
    change(pixels);
    out.labels[k] = set.label(number(k));
  }
}

}  // namespace detail

/// Reads the images of `range` in their order, normalized and not augmented: what evaluation needs.
template <Dataset Set>
void read_batch(const Set& set, index_range range, batch& out) {
  COMDML_REQUIRE(range.begin <= range.end && range.end <= set.size(), "images ", range.begin, " to ", range.end, " of ",
                 set.size());
  detail::fill(
      set, range.size(), out, [&](std::size_t k) { return range.begin + k; }, [](std::span<float>) {});
}

struct loader_settings {
  /// Images in a batch.
  std::size_t batch = 100;
  std::uint64_t seed = 0;
  /// Who owns the data, whoever computes with it.
  agent_id owner{};
};

/// Shuffled, augmented batches of an agent's own data. What comes depends on the set, the settings, the round and the
/// local epoch alone; every image comes once per epoch.
template <Dataset Set, Augmentation Augment = none>
class loader {
 public:
  /// The set must outlive the loader. Requires a set that is not empty, and batch > 0.
  loader(const Set& set, loader_settings settings, Augment augment = {})
      : set_{&set},
        settings_{settings},
        augment_{std::move(augment)},
        plan_{batch_plan(set.size(), settings.batch)},
        black_(set.shape().channels),
        augmentation_{settings.seed, settings.owner, round_index{}, purpose::augmentation} {
    COMDML_REQUIRE(set.size() > 0, "the set is empty");
    normalize(black_, set.normalization());
  }
  loader(const Set&& set, loader_settings settings, Augment augment = {}) = delete;

  /// Batches in an epoch.
  [[nodiscard]] std::size_t batches() const noexcept { return plan_.size(); }

  /// Begins an epoch: `local_epoch` counts from 0 within the round.
  void start(round_index round, std::size_t local_epoch = 0) {
    // A round has one stream per purpose: the epochs of a round take their seeds from the first.
    random_stream seeds{settings_.seed, settings_.owner, round, purpose::shuffle};
    std::uint64_t seed = 0;
    for (std::size_t epoch = 0; epoch <= local_epoch; ++epoch) {
      const std::uint64_t high = seeds();
      seed = high << 32 | seeds();
    }
    order_ = random_stream{seed, settings_.owner, round, purpose::shuffle}.permutation(set_->size());
    augmentation_ = random_stream{seed, settings_.owner, round, purpose::augmentation};
    next_ = 0;
  }

  /// Fills the next batch; false when the epoch is over. Requires start().
  bool next(batch& out) {
    COMDML_REQUIRE(!order_.empty(), "start an epoch first");
    if (next_ == plan_.size()) return false;
    const index_range range = plan_[next_++];
    detail::fill(
        *set_, range.size(), out, [&](std::size_t k) { return order_[range.begin + k]; },
        [&](std::span<float> pixels) { augment_(pixels, set_->shape(), black_, augmentation_); });
    return true;
  }

 private:
  const Set* set_;
  loader_settings settings_;
  Augment augment_;
  std::vector<index_range> plan_;
  std::vector<float> black_;
  random_stream augmentation_;
  std::vector<std::uint32_t> order_;
  std::size_t next_ = 0;
};

}  // namespace comdml::data
