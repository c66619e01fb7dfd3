// Rivals with rounds: FedAvg, D-PSGD, split learning.
#include <doctest/doctest.h>

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "comdml/learn/dpsgd.hpp"
#include "comdml/learn/fedavg.hpp"
#include "comdml/learn/split_learning.hpp"
#include "support.hpp"

namespace {

using namespace support;

using server_job = rival<learn::fedavg, small_job>;
using reduce_job = rival<learn::all_reduce, small_job>;
using neighbor_job = rival<learn::dpsgd, small_job>;
using turns_job = rival<learn::split_learning, small_job>;

constexpr std::size_t small_values = 64 * 12 + 12 + 12 * 10 + 10;

/// The sequence of all agents' batches, on the whole model.
template <class J>
nn::model_state<float> in_turns(const learn::settings<J>& how, std::size_t agents) {
  const auto& images = digits().train;
  const typename J::model net{images.shape(), images.classes()};
  split::training_state<float> state;
  net.initialize(state.model, random_stream{how.seed, purpose::initialization});
  state.optimizer.reset(how.optimizer.slots(), state.model.parameters.size());
  std::vector<label> labels(images.labels().begin(), images.labels().end());
  const auto shards = data::iid{}(labels, images.classes(), agents, random_stream{how.seed, purpose::partition});
  split::workspace<typename J::model> memory;
  data::batch batch;
  const split::fast_side side{net, split_point{0}, how.loss, how.optimizer};
  for (std::uint32_t round = 0; round < how.rounds; ++round) {
    if (how.optimizer_state == learn::optimizer_carry::reset_each_round)
      state.optimizer.reset(how.optimizer.slots(), state.model.parameters.size());
    for (std::uint32_t i = 0; i < agents; ++i) {
      const data::shard<data::image_set> own{images, shards[i]};
      data::loader<data::shard<data::image_set>> loader{own,
                                                        {.batch = how.batch, .seed = how.seed, .owner = agent_id{i}}};
      for (loader.start(round_index{round}); loader.next(batch); ++state.optimizer.updates)
        side.step(split::part_of(net, state, {0, net.units()}), batch.inputs, batch.labels, how.optimizer.learning_rate,
                  memory, {});
    }
  }
  return state.model;
}

}  // namespace

TEST_CASE("a sum through a server: everyone to the server in order of rank, the sum back to all") {
  const auto planned = comm::through_server{.server = 1}.plan(3, 5);
  REQUIRE(planned.steps.size() == 3);
  CHECK(planned.steps[0] == std::vector<comm::transfer>{{0, 1, {0, 5}, true}});
  CHECK(planned.steps[1] == std::vector<comm::transfer>{{2, 1, {0, 5}, true}});
  CHECK(planned.steps[2] == std::vector<comm::transfer>{{1, 0, {0, 5}, false}, {1, 2, {0, 5}, false}});
  CHECK(comm::through_server{}.plan(1, 5).steps.empty());
  CHECK_THROWS_AS(static_cast<void>(comm::through_server{.server = 3}.plan(3, 5)), contract_error);
  CHECK(comm::best_connected(comm::routes{shaped(5, shape::complete).links}) == agent_id{0});
  link_matrix links = shaped(4, shape::star, 1).links;
  links.set_both(agent_id{2}, agent_id{3}, {.rate = megabits_per_second(50), .latency = {}});
  CHECK(comm::best_connected(comm::routes{links}) == agent_id{2});
}

TEST_CASE("FedAvg gives the average that all-reduce gives, and takes the time of its slowest agent, up and down") {
  for (const shape how : {shape::complete, shape::star, shape::line}) {
    const auto fleet = shaped(4, how, 1);
    const auto past = train(quick<server_job>(3), fleet);
    const auto reduced = train(quick<reduce_job>(3), fleet);
    CHECK(largest_difference(past.state.parameters, reduced.state.parameters) < 1e-5);
    CHECK(past.rounds.size() == 3);
    CHECK(*past.rounds.back().test_accuracy == doctest::Approx(*reduced.rounds.back().test_accuracy).epsilon(0.03));
    CHECK(past.state == train(quick<server_job>(3), fleet, 1).state);
  }
  const auto past = train(quick<server_job>(2), shaped(4, shape::complete, 1));
  const auto& last = past.rounds.back();
  // Six batches of 10 at .4 a second; then 3.6 kB up and down at 1 Mbps, and small records.
  const double both_ways = 2 * 8e-6 * 4 * small_values;
  CHECK(last.elapsed.value() > 2 * (6 / 0.4 + both_ways));
  CHECK(last.elapsed.value() < 2 * (6 / 0.4 + both_ways) + 0.05);
  CHECK(last.elapsed == last.elapsed_alone);
  CHECK(last.weight_bytes == bytes{2.0 * 2 * 3 * 4 * small_values});
  // A server of one's choice, and the same average.
  auto chosen = quick<server_job>(2);
  chosen.algorithm.server = agent_id{3};
  const auto other = train(chosen, shaped(4, shape::complete, 1));
  CHECK_FALSE(other.state == past.state);
  CHECK(largest_difference(other.state.parameters, past.state.parameters) < 1e-5);
}

TEST_CASE("D-PSGD: the weights are symmetric and doubly stochastic on every shape") {
  for (const shape how : {shape::complete, shape::ring, shape::star, shape::line}) {
    const auto links = shaped(6, how).links;
    std::map<std::pair<agent_id, agent_id>, double> all;
    std::vector<double> columns(6);
    for (std::uint32_t i = 0; i < 6; ++i) {
      double sum = 0;
      for (const auto& [j, weight] : learn::metropolis_weights(links, agent_id{i})) {
        CHECK(weight >= 0);
        all[{agent_id{i}, j}] = weight;
        sum += weight;
        columns[j.value] += weight;
      }
      CHECK(sum == doctest::Approx(1));
    }
    for (const double sum : columns) CHECK(sum == doctest::Approx(1));
    for (const auto& [pair, weight] : all) CHECK(all.at({pair.second, pair.first}) == weight);
  }
  for (const auto& [j, weight] : learn::metropolis_weights(shaped(4, shape::complete).links, agent_id{2}))
    CHECK(weight == doctest::Approx(0.25));
  link_matrix one_way{3};
  one_way.set_both(agent_id{0}, agent_id{1}, {.rate = megabits_per_second(1), .latency = {}});
  one_way.set(agent_id{1}, agent_id{2}, {.rate = megabits_per_second(1), .latency = {}});
  CHECK(learn::mutual_neighbors(one_way, agent_id{1}) == std::vector{agent_id{0}});
  CHECK_FALSE(learn::mutually_connected(one_way));
}

TEST_CASE("D-PSGD learns on every shape, ends with the mean of the models, and counts what goes to neighbors") {
  for (const shape how : {shape::complete, shape::ring, shape::star, shape::line}) {
    const auto settings = quick<neighbor_job>(4);
    const auto fleet = shaped(5, how);
    const auto past = train(settings, fleet);
    REQUIRE(past.rounds.size() == 4);
    CHECK(*past.rounds.back().test_accuracy > *past.rounds.front().test_accuracy);
    CHECK(past.rounds.back().train_loss < past.rounds.front().train_loss);
    std::size_t edges = 0;
    for (std::uint32_t i = 0; i < 5; ++i) edges += learn::mutual_neighbors(fleet.links, agent_id{i}).size();
    // 48 images each: 5 batches.
    CHECK(past.rounds.back().weight_bytes == bytes{4.0 * 5 * 4 * static_cast<double>(small_values * edges)});
    CHECK(past.rounds.back().elapsed.value() > 4 * 4.8 / (4.0 / 13));
    for (const std::size_t threads : {1u, 4u}) {
      const auto again = train(settings, fleet, threads);
      CHECK(again.state == past.state);
      CHECK(again.rounds.back().elapsed == past.rounds.back().elapsed);
      CHECK(again.rounds.back().test_loss == past.rounds.back().test_loss);
    }
  }
}

TEST_CASE("D-PSGD on a complete graph: with equal weights, an iteration is the average of all plus the agent's step") {
  // One batch each: x_i = mean of the starts + step_i, and the mean of these is what all-reduce training gives.
  auto how = quick<neighbor_job>(1);
  how.batch = 60;
  auto reduced = quick<reduce_job>(1);
  reduced.batch = 60;
  const auto fleet = shaped(4, shape::complete);
  CHECK(largest_difference(train(how, fleet).state.parameters, train(reduced, fleet).state.parameters) < 1e-6);
}

namespace {

/// Ends every round by noting how far the agents' models are apart.
struct watched : learn::dpsgd {
  struct book {
    std::mutex mutex;
    std::map<std::uint32_t, std::vector<std::vector<float>>> models;
  };
  std::shared_ptr<book> notes = std::make_shared<book>();

  template <class Session>
  auto round(Session& agent) const {
    const auto plan = learn::dpsgd::round(agent);
    const std::lock_guard lock{notes->mutex};
    notes->models[agent.fleet().round().value].push_back(agent.committed().body.model.parameters);
    return plan;
  }
  [[nodiscard]] double spread(std::uint32_t round) const {
    double most = 0;
    for (const auto& model : notes->models.at(round))
      most = std::max(most, largest_difference(model, notes->models.at(round).front()));
    return most;
  }
};

/// Unlike starts: the first round's steps are large, the others' are nothing, so that only averaging is left.
struct first_round_only {
  double factor = 1;
  [[nodiscard]] double rate(double base) const { return factor * base; }
  void next_round() { factor = 0; }
  void observe(double) {}
};
struct watched_job : rival<watched, small_job> {
  using schedule = first_round_only;
};

}  // namespace

TEST_CASE("D-PSGD: consensus distance shrinks geometrically once steps end, and every N iterations does with less") {
  for (const shape how : {shape::ring, shape::star, shape::line}) {
    const auto settings = quick<watched_job>(4);
    static_cast<void>(train(settings, shaped(5, how)));
    const auto& watch = settings.algorithm;
    CHECK(watch.spread(0) > 1e-4);
    CHECK(watch.spread(1) < 0.8 * watch.spread(0));
    CHECK(watch.spread(3) < 0.5 * watch.spread(1));
  }
  auto often = quick<neighbor_job>(1);
  auto seldom = often;
  seldom.algorithm.mix_every = 3;
  const auto fleet = shaped(5, shape::ring, 0.001);  // a model takes longer than a gradient
  const auto many = train(often, fleet).rounds.back();
  const auto few = train(seldom, fleet).rounds.back();
  CHECK(few.weight_bytes.value() == doctest::Approx(many.weight_bytes.value() * 2 / 5));  // 3rd and 5th of 5
  CHECK(few.elapsed < many.elapsed);
  link_matrix links{3};
  for (const auto& [from, to] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{{0, 1}, {1, 2}, {2, 0}})
    links.set(agent_id{from}, agent_id{to}, {.rate = megabits_per_second(1), .latency = {}});
  auto one_way = unlike(3);
  one_way.links = links;
  CHECK_THROWS_WITH_AS(static_cast<void>(train(often, one_way)), doctest::Contains("both ways"), run_error);
}

TEST_CASE("split learning equals plain SGD over the same batches, bit for bit") {
  SUBCASE("two linear layers, every cut, memory kept or reset") {
    for (const auto carry : {learn::optimizer_carry::averaged, learn::optimizer_carry::reset_each_round})
      for (const std::uint32_t cut : {1u, 2u})
        for (const shape how : {shape::complete, shape::line}) {
          auto settings = quick<turns_job>(2);
          settings.optimizer_state = carry;
          settings.algorithm.cut = split_point{cut};
          settings.algorithm.server = agent_id{2};
          CHECK(train(settings, shaped(4, how)).state == in_turns(settings, 4));
        }
  }
  SUBCASE("a ResNet, the cut of its choice") {
    const auto settings = quick<rival<learn::split_learning>>(1);
    CHECK(train(settings, unlike(3)).state == in_turns(settings, 3));
  }
}

TEST_CASE("split learning waits for everybody: a round is the sum of all turns, and bytes go both ways") {
  auto how = quick<turns_job>(1);
  how.algorithm.cut = split_point{1};
  how.algorithm.server = agent_id{0};
  const auto past = train(how, unlike(3, 1));
  const auto& report = past.rounds.back();
  // 80 images each: 8 batches. z is 12 floats an image.
  const double z = 8 * (4 + 40 + 480.0);
  const double back = 8 * 480.0;
  CHECK(report.activation_bytes == bytes{2 * (z + back)});
  const double handed = 8 + 4 * (64 * 12 + 12) * 2;  // with one slot of momentum
  CHECK(report.weight_bytes == bytes{2 * handed});
  const auto net = small_model{digits().train.shape(), 10};
  const auto profile = split::analytic_profile<comm::fp32>(net, how.auxiliary_head, how.cuts, how.batch);
  const auto at = std::ranges::find(profile.splits, split_point{1}, &fleet::split_cost::point);
  const double lower = 1 - at->fast_share;
  double expected = 8 / 4.0 + 8e-6 * (2 * (z + back) + 2 * handed);
  for (const double speed : {4.0 / 4, 4.0 / 7}) expected += 8 * (lower / speed + at->fast_share / 4.0);
  CHECK(report.elapsed.value() > expected - 1e-9);
  CHECK(report.elapsed.value() < expected + 0.02);
  CHECK(report.elapsed == report.elapsed_alone);
  // The estimate is that, without what is handed over.
  std::vector<learn::split_member> members;
  for (const double speed : {4.0, 1.0, 4.0 / 7}) members.push_back({batches_per_second{speed}, batches{8}});
  const auto placed =
      learn::place_split(members, comm::routes{unlike(3, 1).links}, profile, agent_id{0}, split_point{1});
  CHECK(placed.estimate.value() == doctest::Approx(report.elapsed.value()).epsilon(0.01));
  // Left to itself, it is never worse.
  auto free_choice = quick<turns_job>(1);
  CHECK(train(free_choice, unlike(3, 1)).rounds.back().elapsed <= report.elapsed);
  how.algorithm.cut = split_point{9};
  CHECK_THROWS_AS(static_cast<void>(train(how, unlike(3, 1))), input_error);
}

TEST_CASE("split learning learns, with a codec too, and the same with any number of threads") {
  struct narrow_job : turns_job {
    using wire = comm::int8;
  };
  const auto fleet = shaped(4, shape::ring);
  const auto past = train(quick<narrow_job>(3), fleet);
  CHECK(*past.rounds.back().test_accuracy > 0.5);
  CHECK(past.state == train(quick<narrow_job>(3), fleet, 1).state);
  CHECK(past.rounds.back().activation_bytes.value() <
        0.4 * train(quick<turns_job>(3), fleet).rounds.back().activation_bytes.value());
}
