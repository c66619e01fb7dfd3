// SPDX-License-Identifier: BSL-1.0
/// \file
/// Small jobs for the tests of learn: real digits, a model that trains in a moment.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "comdml/data/digits.hpp"
#include "comdml/data/partition.hpp"
#include "comdml/fleet/draw.hpp"
#include "comdml/learn/all_reduce.hpp"
#include "comdml/learn/fleet_trainer.hpp"
#include "comdml/pairing/none.hpp"

namespace support {

using namespace comdml;

struct job : learn::default_policies {
  using model = nn::resnet<8>;
};

/// The first images of the digits: a training set of `train`, a test set of `test`.
inline data::split some_digits(std::size_t train, std::size_t test) {
  data::split images = data::digits();
  images.train.limit(train);
  images.test.limit(test);
  return images;
}

inline const data::split& digits() {
  static const data::split images = some_digits(240, 80);
  return images;
}

template <class J>
learn::settings<J> quick(std::size_t rounds = 2) {
  learn::settings<J> s;
  s.rounds = rounds;
  s.batch = 10;
  s.seed = 7;
  return s;
}

/// Agent 0 is fast, the others get slower; every pair is linked.
inline fleet::description unlike(std::size_t agents, double megabits = 100) {
  fleet::description fleet = fleet::uniform({.agents = agents, .bandwidth = megabits_per_second(megabits)});
  for (std::size_t i = 0; i < agents; ++i)
    fleet.agents[i].speed = batches_per_second{4.0 / static_cast<double>(1 + 3 * i)};
  return fleet;
}

template <class J>
learn::history train(const learn::settings<J>& how, const fleet::description& fleet, std::size_t threads = 2) {
  return learn::fleet_trainer<J>{fleet, how, threads}.run(digits(), data::iid{});
}

/// A policy that always makes the same pair, so that other things can vary.
struct always_pair {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pairs{{1, 0}};
  std::uint32_t cut = 2;

  pairing::plan plan(const fleet::instance& fleet) const {
    const fleet::overlapped cost;
    std::vector<pairing::assignment> assignments;
    for (std::size_t entry = 0; entry < fleet.profile.splits.size(); ++entry)
      for (const auto& [slow, fast] : pairs)
        if (fleet.profile.splits[entry].point.value == cut)
          assignments.push_back(pairing::assign(fleet, agent_id{slow}, agent_id{fast}, entry, cost));
    return pairing::complete(fleet, assignments, cost);
  }
};
struct forced_job : job {
  using pairing = always_pair;
};

/// Who is in a plan, ascending.
inline std::vector<agent_id> agents_of(const pairing::plan& plan) {
  std::vector<agent_id> found = plan.alone;
  for (const pairing::assignment& pair : plan.pairs) {
    found.push_back(pair.slow);
    found.push_back(pair.fast);
  }
  std::ranges::sort(found);
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace support
