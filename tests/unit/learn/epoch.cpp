// SPDX-License-Identifier: BSL-1.0
/// \file
/// The rule by which a round goes on, and numbers that a peer cannot have meant.
#include "comdml/learn/epoch.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/learn/evaluate.hpp"
#include "comdml/learn/records.hpp"
#include "comdml/learn/state_message.hpp"

using namespace comdml;

namespace {

const std::vector<agent_id> three{agent_id{0}, agent_id{1}, agent_id{2}};

/// Of agents that have trained by one plan, and have accepted these results in their first attempt.
std::vector<learn::promise> answers(const std::vector<std::uint64_t>& digests) {
  std::vector<learn::promise> all;
  for (std::uint32_t i = 0; i < digests.size(); ++i)
    all.push_back(
        {.from = agent_id{i},
         .accepted = {{.attempt = 0, .digest = digests[i], .makers = three, .next_members = learn::roster::of(three)}},
         .plan = 7});
  return all;
}

}  // namespace

TEST_CASE("a result that all have accepted is adopted, one that some took for another is not") {
  const auto alike = learn::next_epoch(3, three, 0, answers({5, 5, 5}));
  REQUIRE(alike);
  CHECK(alike->from == learn::resumption::adopt);
  CHECK(alike->digest == 5);
  for (const std::vector<std::uint64_t>& digests : {std::vector<std::uint64_t>{5, 5, 6}, {6, 5, 5}}) {
    CHECK(learn::may_be_chosen(answers(digests)) == nullptr);
    const auto apart = learn::next_epoch(3, three, 0, answers(digests));
    REQUIRE(apart);
    CHECK(apart->from == learn::resumption::join);
    CHECK(apart->members == three);
  }
  // The third is lost: what the two accepted may have been chosen.
  const auto two = learn::next_epoch(3, three, 0, answers({5, 5}));
  REQUIRE(two);
  CHECK(two->from == learn::resumption::adopt);
}

TEST_CASE("counts that cannot be are malformed, and sums of any losses are defined") {
  const comm::message_reader from{{}, agent_id{4}};
  CHECK_NOTHROW(learn::require_possible(from, {.seen = 10, .right = 10, .loss_micro = -5}));
  CHECK_THROWS_AS(learn::require_possible(from, {.seen = 10, .right = 11}), comm::malformed_message);
  CHECK_THROWS_AS(learn::require_possible(from, {.seen = 10, .right = -1}), comm::malformed_message);
  CHECK_THROWS_AS(learn::require_possible(from, {.seen = std::numeric_limits<std::int64_t>::max()}),
                  comm::malformed_message);

  learn::evaluation sum{.seen = 1, .loss_micro = learn::evaluation::uncountable - 1};
  sum += {.seen = 1, .loss_micro = 2};
  CHECK(sum.loss_micro == learn::evaluation::uncountable);
  sum = {.seen = 1, .loss_micro = std::numeric_limits<std::int64_t>::min()};
  sum += {.seen = 1, .loss_micro = -1};
  CHECK(sum.loss_micro == learn::evaluation::uncountable);
}

TEST_CASE("a story that claims more rounds than it tells of is malformed before anything is made room for") {
  constexpr std::uint32_t rounds = std::numeric_limits<std::uint32_t>::max();
  comm::message_writer message;
  message.write(0.).write(0.).write(0.).write(rounds).write(.5);
  const auto story = message.take();
  comm::message_reader reader{story, agent_id{2}};
  CHECK_THROWS_AS((void)learn::read_record_of_run(reader, rounds), comm::malformed_message);
}
