// Rivals without rounds: gossip learning and BrainTorrent.
#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "comdml/learn/braintorrent.hpp"
#include "comdml/learn/gossip.hpp"
#include "support.hpp"

namespace {

using namespace support;

using gossip_job = rival<learn::gossip, small_job>;
using torrent_job = rival<learn::braintorrent, small_job>;
using reduce_job = rival<learn::all_reduce, small_job>;

constexpr double model_bytes = 4.0 * (64 * 12 + 12 + 12 * 10 + 10);

void check_same(const learn::history& a, const learn::history& b) {
  CHECK(a.state == b.state);
  REQUIRE(a.rounds.size() == b.rounds.size());
  for (std::size_t r = 0; r < a.rounds.size(); ++r) {
    CHECK(a.rounds[r].test_accuracy == b.rounds[r].test_accuracy);
    CHECK(a.rounds[r].test_loss == b.rounds[r].test_loss);
    CHECK(a.rounds[r].train_loss == b.rounds[r].train_loss);
    CHECK(a.rounds[r].weight_bytes == b.rounds[r].weight_bytes);
    CHECK(a.rounds[r].elapsed == b.rounds[r].elapsed);
  }
}

/// Counts the cycles that each agent is given.
template <class Base>
struct counted : Base {
  std::shared_ptr<std::vector<std::size_t>> cycles = std::make_shared<std::vector<std::size_t>>(8);

  template <class Agent>
  struct counting {
    Agent& agent;
    std::size_t& cycles;

    [[nodiscard]] auto& fleet() { return agent.fleet(); }
    [[nodiscard]] auto& transport() { return agent.transport(); }
    [[nodiscard]] auto now() { return agent.now(); }
    [[nodiscard]] auto end() { return agent.end(); }
    [[nodiscard]] auto seed() { return agent.seed(); }
    [[nodiscard]] auto images() { return agent.images(); }
    [[nodiscard]] auto model() { return agent.model(); }
    [[nodiscard]] auto model_size() { return agent.model_size(); }
    void set_model(std::span<const float> values) { agent.set_model(values); }
    void wait(seconds time) { agent.wait(time); }
    void count(bytes weights) { agent.count(weights); }
    bool train() {
      const bool done = agent.train();
      cycles += done ? 1 : 0;
      return done;
    }
  };
  template <class Agent>
  void live(Agent& agent) const {
    counting<Agent> inside{agent, (*cycles)[agent.transport().self().value]};
    Base::live(inside);
  }
};

template <class J>
void check_learning(const learn::settings<J>& how) {
  for (const shape links : {shape::complete, shape::ring, shape::star, shape::line}) {
    const auto fleet = shaped(5, links);
    const auto past = train(how, fleet);
    REQUIRE(past.rounds.size() == how.rounds);
    CHECK(*past.rounds.back().test_accuracy > *past.rounds.front().test_accuracy);
    CHECK(*past.rounds.back().test_accuracy > 0.5);
    CHECK(past.rounds.back().weight_bytes > bytes{0});
    for (std::size_t r = 0; r < past.rounds.size(); ++r) {
      CHECK(past.rounds[r].elapsed.value() ==
            doctest::Approx(static_cast<double>(r + 1) * past.rounds[0].elapsed.value()));
      CHECK(past.rounds[r].elapsed == past.rounds[r].elapsed_alone);
    }
    check_same(past, train(how, fleet, 1));
    check_same(past, train(how, fleet, 4));
  }
  auto other = how;
  other.seed = 8;
  const auto fleet = shaped(5, shape::ring);
  CHECK_FALSE(train(other, fleet).state == train(how, fleet).state);
}

}  // namespace

TEST_CASE("gossip learning learns on every shape, the same bits for any number of threads") {
  check_learning(quick<gossip_job>(4));
}

TEST_CASE("BrainTorrent learns on every shape, the same bits for any number of threads") {
  check_learning(quick<torrent_job>(4));
}

TEST_CASE("without a budget, the time is that of as many rounds of all-reduce training") {
  const auto fleet = unlike(4, 1);
  const auto reduced = train(quick<reduce_job>(3), fleet);
  const auto past = train(quick<gossip_job>(3), fleet);
  for (std::size_t r = 0; r < 3; ++r) {
    CHECK(past.rounds[r].elapsed <= reduced.rounds[r].elapsed);
    CHECK(past.rounds[r].elapsed.value() == doctest::Approx(reduced.rounds[r].elapsed.value()).epsilon(0.002));
  }
  auto budgeted = quick<gossip_job>(4);
  budgeted.time_budget = seconds{10};
  const auto short_run = train(budgeted, fleet);
  REQUIRE(short_run.rounds.size() == 4);
  CHECK(short_run.rounds.back().elapsed.value() == doctest::Approx(10));
  CHECK(short_run.rounds.front().elapsed.value() == doctest::Approx(2.5));
}

TEST_CASE("fast agents do as many cycles as they have time for") {
  const auto count_of = [](auto how) {
    how.time_budget = seconds{20};
    const auto past = train(how, unlike(3, 1000));
    return std::pair{*how.algorithm.cycles, past};
  };
  // 80 images each, 8 batches: 2, 8 and 14 seconds a cycle.
  const auto [gossips, gossip_past] = count_of(quick<rival<counted<learn::gossip>, small_job>>(2));
  CHECK(gossips[0] >= 9);
  CHECK(gossips[0] <= 10);
  CHECK(gossips[1] == 2);
  CHECK(gossips[2] == 1);
  // Each sends one model after each cycle, unless four of its own lie unread.
  CHECK(gossip_past.rounds.back().weight_bytes.value() <=
        model_bytes * static_cast<double>(gossips[0] + gossips[1] + gossips[2]));
  CHECK(gossip_past.rounds.back().weight_bytes.value() >= model_bytes * 5);
  const auto [torrents, torrent_past] = count_of(quick<rival<counted<learn::braintorrent>, small_job>>(2));
  CHECK(torrents[0] >= 9);
  CHECK(torrents[1] == 2);
  CHECK(torrents[2] == 1);
}

TEST_CASE("agents that hear nothing of each other in time train alone") {
  // Models of 3.6 kB over links of 100 bits a second: nothing arrives in 20 s.
  auto how = quick<gossip_job>(2);
  how.time_budget = seconds{20};
  auto apart = unlike(2);
  apart.links.set_both(agent_id{0}, agent_id{1}, {.rate = bits_per_second{100}, .latency = {}});
  auto near_by = unlike(2);
  near_by.links.set_both(agent_id{0}, agent_id{1}, {.rate = megabits_per_second(100), .latency = seconds{0.1}});
  CHECK_FALSE(train(how, apart).state == train(how, near_by).state);
  // Nothing newer is fetched in time, so the first cycle of each is all that is left.
  auto torrent = quick<torrent_job>(2);
  torrent.time_budget = seconds{20};
  CHECK(train(torrent, apart).rounds.back().weight_bytes == bytes{0});
  CHECK(train(torrent, near_by).rounds.back().weight_bytes > bytes{0});
}

TEST_CASE("BrainTorrent: two equal agents hold the weighted mean of both, trained on") {
  // Equal speeds: both train once, then each fetches the other's model; the budget ends before the second cycle does.
  auto how = quick<torrent_job>(1);
  how.schedule = {};
  how.time_budget = seconds{15};
  fleet::description fleet = fleet::uniform({.agents = 2, .bandwidth = megabits_per_second(1)});
  fleet.links.set_both(agent_id{0}, agent_id{1}, {.rate = megabits_per_second(1), .latency = seconds{0.01}});
  const auto past = train(how, fleet);
  // 120 images each: 12 s a cycle. After it, both hold (w_0 + w_1) / 2, which all-reduce training gives, too.
  const auto reduced = train(quick<reduce_job>(1), fleet);
  CHECK(largest_difference(past.state.parameters, reduced.state.parameters) < 1e-6);
  CHECK(past.rounds.back().weight_bytes == bytes{2 * model_bytes});
  CHECK(*past.rounds.back().test_accuracy == doctest::Approx(*reduced.rounds.back().test_accuracy));
}

TEST_CASE("a target is noted, and the run goes on; an observer may end it; a stop request interrupts it") {
  auto how = quick<gossip_job>(6);
  how.target_accuracy = 0.3;
  const auto past = train(how, unlike(3));
  CHECK(past.target_reached);
  CHECK(past.rounds.size() == 6);
  how.target_accuracy = 1.0;
  how.evaluate_every = 4;
  const auto missed = train(how, unlike(3));
  CHECK_FALSE(missed.target_reached);
  std::vector<bool> evaluated;
  for (const auto& report : missed.rounds) evaluated.push_back(report.test_accuracy.has_value());
  CHECK(evaluated == std::vector<bool>{false, false, false, true, false, true});

  struct until_third {
    learn::verdict on_round(const learn::round_report& report) {
      return report.round.value == 2 ? learn::verdict::stop : learn::verdict::go_on;
    }
  };
  const auto stopped =
      learn::fleet_trainer<gossip_job>{unlike(3), quick<gossip_job>(50), 2}.run(digits(), data::iid{}, until_third{});
  CHECK(stopped.rounds.size() == 3);
  std::stop_source source;
  source.request_stop();
  const auto cut = learn::fleet_trainer<torrent_job>{unlike(3), quick<torrent_job>(5), 2}.run(
      digits(), data::iid{}, learn::no_observer{}, learn::control{source.get_token(), {}});
  CHECK(cut.interrupted);
  CHECK_FALSE(cut.state.parameters.empty());
}

TEST_CASE("algorithms without rounds refuse the wall clock, and links that they cannot use") {
  struct wall_job : gossip_job {
    using transport = comm::in_process<comm::wall_time>::endpoint;
  };
  CHECK_THROWS_WITH_AS(static_cast<void>(train(quick<wall_job>(), unlike(2))), doctest::Contains("virtual clock"),
                       input_error);
  link_matrix links{3};
  for (const auto& [from, to] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{{0, 1}, {1, 2}, {2, 0}})
    links.set(agent_id{from}, agent_id{to}, {.rate = megabits_per_second(1), .latency = {}});
  auto one_way = unlike(3);
  one_way.links = links;
  CHECK_THROWS_WITH_AS(static_cast<void>(train(quick<torrent_job>(), one_way)), doctest::Contains("both ways"),
                       run_error);
  CHECK(*train(quick<gossip_job>(4), one_way).rounds.back().test_accuracy > 0.3);
}
