// SPDX-License-Identifier: BSL-1.0
/// \file
/// Partitioners: how the images of one set are dealt out to agents. Each models Partitioner.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/random.hpp"
#include "comdml/data/shard.hpp"

namespace comdml::data {

/// For each agent, the numbers of its images, ascending.
using image_lists = std::vector<std::vector<std::uint32_t>>;

namespace detail {

/// Throws input_error unless every agent can get `least` images, contract_error unless every label is a class.
inline void check_demand(std::span<const comdml::label> labels, std::size_t classes, std::size_t agents,
                         std::size_t least) {
  COMDML_REQUIRE(labels.size() <= std::numeric_limits<std::uint32_t>::max(), labels.size(), " images");
  for (const comdml::label l : labels)
    COMDML_REQUIRE(l >= 0 && static_cast<std::size_t>(l) < classes, "label ", l, " of ", classes, " classes");
  if (agents == 0) throw input_error{"agents", "there are none", "ask for at least one agent"};
  if (least > labels.size() / agents)
    throw input_error{"agents", text(agents, " agents cannot get ", least, " images each out of ", labels.size()),
                      "take fewer agents or more images"};
}

/// Bounds of `parts` runs of nearly equal length.
[[nodiscard]] inline index_range part(std::size_t images, std::size_t parts, std::size_t i) {
  return {images * i / parts, images * (i + 1) / parts};
}

inline image_lists sorted(image_lists lists) {
  for (auto& list : lists) std::sort(list.begin(), list.end());
  return lists;
}

/// Fewer cannot be normalized over.
inline constexpr std::size_t least_images = 2;

}  // namespace detail

/// Every agent gets images at random, numbers differing by one at most.
struct iid {
  [[nodiscard]] image_lists operator()(std::span<const comdml::label> labels, std::size_t classes, std::size_t agents,
                                       random_stream rng) const {
    detail::check_demand(labels, classes, agents, detail::least_images);
    const auto order = rng.permutation(labels.size());
    image_lists lists(agents);
    for (std::size_t agent = 0; agent < agents; ++agent) {
      const auto range = detail::part(order.size(), agents, agent);
      for (std::size_t i = range.begin; i < range.end; ++i) lists[agent].push_back(order[i]);
    }
    return detail::sorted(std::move(lists));
  }
};

/// Label skew, balanced: the images of each class are dealt out by shares from a symmetric Dirichlet distribution,
/// except to agents that already hold their even part of all images; repeated until every agent has `least`. What
/// the authors of ComDML use; the scheme is FedMA's (Wang et al. 2020).
struct dirichlet {
  /// Concentration: .1 is very uneven, 100 nearly even.
  double alpha = 0.5;
  /// Images that every agent must get; at least two in any case.
  std::size_t least = 10;
  /// How often to draw before giving up with an input_error.
  std::size_t tries = 1000;

  [[nodiscard]] image_lists operator()(std::span<const comdml::label> labels, std::size_t classes, std::size_t agents,
                                       random_stream rng) const {
    if (!(alpha > 0) || alpha > 1e6)
      throw input_error{"dirichlet", text("alpha ", alpha, " is not in (0, 1e6]"), "give an alpha such as 0.5"};
    const std::size_t wanted = std::max(least, detail::least_images);
    detail::check_demand(labels, classes, agents, wanted);
    std::vector<std::vector<std::uint32_t>> of_class(classes);
    for (std::size_t i = 0; i < labels.size(); ++i)
      of_class[static_cast<std::size_t>(labels[i])].push_back(static_cast<std::uint32_t>(i));
    for (std::size_t i = 0; i < tries; ++i) {
      image_lists lists = draw(of_class, labels.size(), agents, rng);
      const bool enough =
          std::all_of(lists.begin(), lists.end(), [&](const auto& list) { return list.size() >= wanted; });
      if (enough) return detail::sorted(std::move(lists));
    }
    throw input_error{"dirichlet",
                      text(tries, " draws with alpha ", alpha, " left some of ", agents, " agents with fewer than ",
                           wanted, " of ", labels.size(), " images"),
                      "take fewer agents, more images or a larger alpha"};
  }

 private:
  [[nodiscard]] image_lists draw(std::vector<std::vector<std::uint32_t>>& of_class, std::size_t images,
                                 std::size_t agents, random_stream& rng) const {
    image_lists lists(agents);
    std::vector<double> share(agents);
    for (auto& members : of_class) {
      rng.shuffle(std::span{members});
      double sum = 0;
      for (std::size_t agent = 0; agent < agents; ++agent) {
        share[agent] = rng.gamma(alpha);  // gamma draws divided by their sum are a Dirichlet draw
        if (lists[agent].size() * agents >= images) share[agent] = 0;
        sum += share[agent];
      }
      if (!(sum > 0)) return image_lists(agents);  // a tiny alpha: all shares vanished. Counts as a failed draw
      double dealt = 0;
      std::size_t begin = 0;
      for (std::size_t agent = 0; agent < agents; ++agent) {
        dealt += share[agent];
        // The same order of additions as in `sum`, so the last quotient is exactly one and nothing is left over.
        const auto end = static_cast<std::size_t>(dealt / sum * static_cast<double>(members.size()));
        for (; begin < end; ++begin) lists[agent].push_back(members[begin]);
      }
    }
    return lists;
  }
};

/// Label skew, pathological: images sorted by label are cut into agents x per_agent runs, and every agent gets
/// `per_agent` of them at random (McMahan et al. 2017, section 3).
struct label_shards {
  std::size_t per_agent = 2;

  [[nodiscard]] image_lists operator()(std::span<const comdml::label> labels, std::size_t classes, std::size_t agents,
                                       random_stream rng) const {
    if (per_agent == 0) throw input_error{"shards", "none per agent", "give every agent at least one shard"};
    detail::check_demand(labels, classes, agents, std::max(per_agent, detail::least_images));
    auto order = rng.permutation(labels.size());
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return labels[a] < labels[b]; });
    const std::size_t shards = agents * per_agent;
    const auto deal = rng.permutation(shards);
    image_lists lists(agents);
    for (std::size_t i = 0; i < shards; ++i) {
      const auto range = detail::part(order.size(), shards, deal[i]);
      for (std::size_t k = range.begin; k < range.end; ++k) lists[i / per_agent].push_back(order[k]);
    }
    return detail::sorted(std::move(lists));
  }
};

static_assert(Partitioner<iid>);
static_assert(Partitioner<dirichlet>);
static_assert(Partitioner<label_shards>);

/// Deals a set out to agents: one shard each, the same for the same seed. The set must outlive the shards.
template <Dataset Set, Partitioner Deal>
[[nodiscard]] std::vector<shard<Set>> make_shards(const Set& set, const Deal& deal, std::size_t agents,
                                                  std::uint64_t seed) {
  std::vector<comdml::label> labels(set.size());
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = set.label(i);
  std::vector<shard<Set>> shards;
  for (auto& images : deal(labels, set.classes(), agents, random_stream{seed, purpose::partition}))
    shards.emplace_back(set, std::move(images));
  return shards;
}
template <Dataset Set, Partitioner Deal>
std::vector<shard<Set>> make_shards(const Set&& set, const Deal& deal, std::size_t agents, std::uint64_t seed) = delete;

}  // namespace comdml::data
