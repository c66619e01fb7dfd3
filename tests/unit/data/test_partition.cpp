// SPDX-License-Identifier: BSL-1.0
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <set>

#include "comdml/data/digits.hpp"
#include "comdml/data/partition.hpp"
#include "../temporary_directory.hpp"

using namespace comdml;

namespace {

using any_partitioner =
    std::function<data::image_lists(std::span<const label>, std::size_t, std::size_t, random_stream)>;
static_assert(Partitioner<any_partitioner>);
static_assert(!Partitioner<int>);

random_stream dealing(std::uint64_t seed) { return {seed, purpose::partition}; }

std::vector<label> even_labels(std::size_t images, std::size_t classes) {
  std::vector<label> labels(images);
  for (std::size_t i = 0; i < images; ++i) labels[i] = static_cast<label>(i % classes);
  return labels;
}

std::string failure(const any_partitioner& deal, std::size_t images, std::size_t agents) {
  return input_error_of([&] { (void)deal(even_labels(images, 10), 10, agents, dealing(1)); });
}

std::size_t distinct_labels(const std::vector<std::uint32_t>& images, const std::vector<label>& labels) {
  std::set<label> seen;
  for (const auto image : images) seen.insert(labels[image]);
  return seen.size();
}

/// Mean over agents of the share of the agent's most frequent class.
double skew(const data::image_lists& lists, const std::vector<label>& labels) {
  double sum = 0;
  for (const auto& list : lists) {
    std::vector<double> count(10);
    for (const auto image : list) ++count[static_cast<std::size_t>(labels[image])];
    sum += *std::max_element(count.begin(), count.end()) / static_cast<double>(list.size());
  }
  return sum / static_cast<double>(lists.size());
}

}  // namespace

TEST_CASE("every partitioner deals every image to exactly one agent, the same for the same seed") {
  const std::vector<any_partitioner> partitioners{
      data::iid{},
      data::dirichlet{.alpha = 0.5},
      data::dirichlet{.alpha = 0.1, .least = 2},
      data::dirichlet{.alpha = 1000},
      data::label_shards{},
      data::label_shards{.per_agent = 1},
      data::label_shards{.per_agent = 5},
  };
  const auto labels = even_labels(997, 10);
  for (const auto& deal : partitioners)
    for (const std::size_t agents : {1u, 2u, 7u, 10u, 20u})
      for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        const auto lists = deal(labels, 10, agents, dealing(seed));
        REQUIRE(lists.size() == agents);
        std::vector<std::uint32_t> all;
        for (const auto& list : lists) {
          CHECK(list.size() >= 2);
          CHECK(std::is_sorted(list.begin(), list.end()));
          all.insert(all.end(), list.begin(), list.end());
        }
        std::sort(all.begin(), all.end());
        REQUIRE(all.size() == 997);
        for (std::uint32_t i = 0; i < 997; ++i) REQUIRE(all[i] == i);
        CHECK(lists == deal(labels, 10, agents, dealing(seed)));
        if (agents > 1) CHECK(lists != deal(labels, 10, agents, dealing(seed + 100)));
      }
}

TEST_CASE("iid: numbers differ by one at most, classes are mixed") {
  const auto labels = even_labels(1003, 10);
  const auto lists = data::iid{}(labels, 10, 10, dealing(1));
  for (const auto& list : lists) {
    CHECK(list.size() >= 100);
    CHECK(list.size() <= 101);
    CHECK(distinct_labels(list, labels) == 10);
  }
  CHECK(skew(lists, labels) < 0.25);
}

TEST_CASE("dirichlet: every agent has its least, none gets more once it holds its even part") {
  const auto labels = even_labels(1000, 10);
  for (std::uint64_t seed = 0; seed < 50; ++seed)
    for (const auto& list : data::dirichlet{.alpha = 0.3, .least = 25}(labels, 10, 5, dealing(seed))) {
      CHECK(list.size() >= 25);
      CHECK(list.size() < 200 + 100);  // below the even part before its last class of 100
    }
}

TEST_CASE("dirichlet: a small alpha skews the labels, a large one does not") {
  const auto labels = even_labels(5000, 10);
  const auto at = [&](double alpha) {
    return skew(data::dirichlet{.alpha = alpha}(labels, 10, 10, dealing(3)), labels);
  };
  CHECK(at(0.1) > at(1) + 0.1);
  CHECK(at(1) > at(1000) + 0.1);
  CHECK(at(1000) < 0.15);
}

TEST_CASE("dirichlet: an impossible demand ends in an error, not in endless draws") {
  CHECK(contains(failure(data::dirichlet{.least = 101}, 1000, 10), "10 agents cannot get 101 images each out of 1000"));
  CHECK(contains(failure(data::dirichlet{.alpha = 0.05, .least = 100, .tries = 20}, 1000, 10),
                 "20 draws with alpha 0.05"));
  CHECK(contains(failure(data::dirichlet{.alpha = 1e-12, .tries = 5}, 1000, 30), "5 draws"));
  for (const double alpha : {0.0, -1.0, 1e9, std::numeric_limits<double>::quiet_NaN()})
    CHECK(failure(data::dirichlet{.alpha = alpha}, 1000, 10).starts_with("dirichlet: alpha"));
}

TEST_CASE("label shards: an agent sees few classes") {
  const auto labels = even_labels(1000, 10);
  const auto lists = data::label_shards{.per_agent = 2}(labels, 10, 10, dealing(1));
  for (const auto& list : lists) {
    CHECK(list.size() == 100);
    CHECK(distinct_labels(list, labels) <= 2);
  }
  CHECK(failure(data::label_shards{.per_agent = 0}, 100, 2).starts_with("shards: none per agent"));
  CHECK(contains(failure(data::label_shards{.per_agent = 20}, 100, 10), "10 agents cannot get 20 images each"));
}

TEST_CASE("no agents, or more agents than images, is bad input") {
  for (const any_partitioner& deal :
       {any_partitioner{data::iid{}}, any_partitioner{data::dirichlet{}}, any_partitioner{data::label_shards{}}}) {
    CHECK(failure(deal, 100, 0).starts_with("agents: there are none"));
    CHECK(contains(failure(deal, 100, 101), "101 agents cannot get"));
    CHECK(contains(failure(deal, 100, 51), "51 agents cannot get"));
    CHECK(contains(failure(deal, 100, std::numeric_limits<std::size_t>::max()), "cannot get"));
    CHECK(contains(failure(deal, 0, 1), "out of 0"));
  }
  CHECK_THROWS_AS((void)data::iid{}(even_labels(100, 10), 9, 2, dealing(1)), contract_error);
}

TEST_CASE("shards of a set") {
  const data::split set = data::digits();
  const auto shards = data::make_shards(set.train, data::dirichlet{}, 10, 1);
  REQUIRE(shards.size() == 10);
  std::size_t sum = 0;
  for (const auto& shard : shards) {
    sum += shard.size();
    CHECK(shard.label(0) == set.train.label(shard.images()[0]));
  }
  CHECK(sum == set.train.size());
}
