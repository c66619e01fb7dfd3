// Rounds: simulated time, stopping and pausing, agents that diverge, what is reported.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <stop_token>
#include <thread>

#include "support.hpp"

namespace {

using namespace support;

/// Not-a-number as soon as a batch holds an image of class 9.
struct allergic_loss {
  template <class T>
  nn::loss_result operator()(std::span<const T> outputs, std::span<const label> labels, std::span<T> gradient) const {
    nn::loss_result result = nn::softmax_cross_entropy{}(outputs, labels, gradient);
    if (!gradient.empty() && std::ranges::count(labels, 9) > 0) {
      result.sum = std::numeric_limits<double>::quiet_NaN();
      std::ranges::fill(gradient, std::numeric_limits<T>::quiet_NaN());
    }
    return result;
  }
};
struct allergic_job : job {
  using loss = allergic_loss;
  using pairing = always_pair;
};

/// Class 9 goes to one agent, the other classes are dealt in turn.
struct nines_to {
  std::size_t agent;

  std::vector<std::vector<std::uint32_t>> operator()(std::span<const label> labels, std::size_t, std::size_t agents,
                                                     random_stream) const {
    std::vector<std::vector<std::uint32_t>> shards(agents);
    for (std::uint32_t i = 0; i < labels.size(); ++i) shards[labels[i] == 9 ? agent : i % agents].push_back(i);
    return shards;
  }
};

bool finite(const nn::model_state<float>& state) {
  const auto good = [](float v) { return std::isfinite(v); };
  return std::ranges::all_of(state.parameters, good) && std::ranges::all_of(state.statistics, good);
}

}  // namespace

TEST_CASE("with nobody helped, the simulated time is that of the slowest agent, and saving is zero") {
  struct alone_job : job {
    using pairing = ::comdml::pairing::none<>;
  };
  const auto fleet = unlike(4);
  const auto past = train(quick<alone_job>(1), fleet);
  const auto& report = past.rounds.back();
  CHECK(report.elapsed == report.elapsed_alone);
  CHECK(report.activation_bytes == bytes{0});
  // 60 images each, batches of 10: 6 batches at 4/10 batches a second, plus the little that messages take.
  CHECK(report.plan.makespan.value() == doctest::Approx(15));
  CHECK(report.elapsed.value() > 15);
  CHECK(report.elapsed.value() < 15.5);
}

TEST_CASE("a helped round takes what the cost model says, within one batch of either side") {
  auto how = quick<forced_job>(1);
  for (const double megabits : {0.2, 1.0, 100.0}) {
    for (const std::uint32_t cut : {1u, 2u, 3u, 4u}) {
      how.pairing.cut = cut;
      const auto past = train(how, unlike(2, megabits));
      const auto& report = past.rounds.back();
      REQUIRE(report.plan.pairs.size() == 1);
      const double planned = report.plan.pairs.front().cost.value();
      const double weights_seconds = 8 * report.weight_bytes.value() / (1e6 * megabits);
      const double batch_seconds = 1 + 0.25 + 12 * planned / 120;  // one of the slow side, one own, one on the wire
      CHECK(report.elapsed.value() > planned);
      CHECK(report.elapsed.value() < planned + batch_seconds + weights_seconds + 0.1);
      const double saved = report.plan.alone_makespan.value() - planned;
      CHECK(std::abs((report.elapsed_alone - report.elapsed).value() - saved) < batch_seconds);
      // 12 batches of 10 images, each with its activations, labels and count.
      const image_shape shape = forced_job::model{digits().train.shape(), 10}.output_shape(cut - 1);
      CHECK(report.activation_bytes.value() == 12.0 * static_cast<double>(split::smashed_size<comm::fp32>(shape, 10)));
    }
  }
}

TEST_CASE("an agent whose training is not finite sits the round out; the others go on") {
  auto how = quick<allergic_job>(2);
  const auto fleet = unlike(3);
  SUBCASE("a slow agent: neither of its halves is joined") {
    const auto past = learn::fleet_trainer<allergic_job>{fleet, how, 2}.run(digits(), nines_to{1});
    for (const auto& report : past.rounds) CHECK(report.sat_out == std::vector{agent_id{1}});
    CHECK(finite(past.state));
  }
  SUBCASE("a helper: its guest's model is joined all the same") {
    const auto past = learn::fleet_trainer<allergic_job>{fleet, how, 2}.run(digits(), nines_to{0});
    for (const auto& report : past.rounds) CHECK(report.sat_out == std::vector{agent_id{0}});
    CHECK(finite(past.state));
  }
  SUBCASE("all of them: an error that says so") {
    how.pairing.pairs.clear();
    CHECK_THROWS_WITH_AS(static_cast<void>(train(how, unlike(1))), doctest::Contains("diverged in round 1"), run_error);
  }
}

TEST_CASE("the job ends at the target accuracy, or when an observer says so") {
  auto how = quick<job>(20);
  how.target_accuracy = 0.5;
  const auto past = train(how, unlike(2));
  CHECK(past.target_reached);
  CHECK(past.rounds.size() < 20);
  CHECK(*past.rounds.back().test_accuracy >= 0.5);
  for (std::size_t r = 0; r + 1 < past.rounds.size(); ++r) CHECK(*past.rounds[r].test_accuracy < 0.5);

  struct until_third {
    learn::verdict on_round(const learn::round_report& report) {
      return report.round.value == 2 ? learn::verdict::stop : learn::verdict::go_on;
    }
  };
  how.target_accuracy.reset();
  const auto stopped = learn::fleet_trainer<job>{unlike(3), how, 2}.run(digits(), data::iid{}, until_third{});
  CHECK(stopped.rounds.size() == 3);
  CHECK_FALSE(stopped.interrupted);
}

TEST_CASE("evaluation happens when asked for, and always at the end") {
  auto how = quick<job>(5);
  how.evaluate_every = 2;
  const auto past = train(how, unlike(2));
  std::vector<bool> evaluated;
  for (const auto& report : past.rounds) evaluated.push_back(report.test_accuracy.has_value());
  CHECK(evaluated == std::vector<bool>{false, true, false, true, true});
}

TEST_CASE("a stop request ends the job within a batch and leaves the last committed round") {
  struct stop_in_round {
    std::stop_source source;
    nn::model_state<float>* unused = nullptr;
    learn::verdict on_round(const learn::round_report& report) {
      if (report.round.value == 1) source.request_stop();
      return learn::verdict::go_on;
    }
  };
  stop_in_round observer;
  const auto how = quick<job>(50);
  const auto past = learn::fleet_trainer<job>{unlike(3), how, 2}.run(digits(), data::iid{}, observer,
                                                                     learn::control{observer.source.get_token(), {}});
  CHECK(past.interrupted);
  CHECK(past.rounds.size() == 2);
  CHECK(past.state == train(quick<job>(2), unlike(3)).state);
}

TEST_CASE("a stop during an evaluation leaves the weights of the last report, not those of the round under way") {
  struct stopping_set : data::image_set {
    std::stop_source* source = nullptr;
    std::shared_ptr<std::atomic<int>> reads_left = std::make_shared<std::atomic<int>>(0);

    void read(std::size_t image, std::span<float> out) const {
      if (source != nullptr && --*reads_left == 0) source->request_stop();
      image_set::read(image, out);
    }
  };
  std::stop_source source;
  const stopping_set train_images{digits().train};
  stopping_set test_images{digits().test};
  test_images.source = &source;
  *test_images.reads_left = static_cast<int>(test_images.size()) + 1;  // in the second evaluation
  const auto past = learn::fleet_trainer<job>{unlike(3), quick<job>(50), 2}.run(
      train_images, test_images, data::iid{}, learn::no_observer{}, learn::control{source.get_token(), {}});
  CHECK(past.interrupted);
  CHECK(past.rounds.size() == 1);
  CHECK(past.state == train(quick<job>(1), unlike(3)).state);
}

TEST_CASE("a paused job goes on where it was, with the same result") {
  const auto pause = std::make_shared<learn::pause_switch>();
  pause->pause();
  learn::history past;
  std::atomic<bool> done = false;
  std::jthread worker{[&] {
    past = learn::fleet_trainer<job>{unlike(3), quick<job>(2), 2}.run(digits(), data::iid{}, learn::no_observer{},
                                                                      learn::control{{}, pause});
    done = true;
  }};
  std::this_thread::sleep_for(std::chrono::milliseconds{50});
  CHECK_FALSE(done);
  pause->resume();
  worker.join();
  CHECK(past.rounds.size() == 2);
  CHECK(past.state == train(quick<job>(2), unlike(3)).state);
}

TEST_CASE("two jobs run side by side in one process") {
  learn::history a;
  learn::history b;
  {
    const std::jthread first_job{[&] { a = train(quick<job>(2), unlike(3)); }};
    const std::jthread second_job{[&] { b = train(quick<job>(2), unlike(3)); }};
  }
  CHECK(a.state == b.state);
}

TEST_CASE("impossible jobs are refused") {
  CHECK_THROWS_AS(static_cast<void>(train(quick<job>(0), unlike(2))), contract_error);
  auto how = quick<job>();
  how.batch = 1;
  CHECK_THROWS_AS(static_cast<void>(train(how, unlike(2))), contract_error);
  how = quick<job>();
  how.initial = nn::model_state<float>{};
  CHECK_THROWS_AS(static_cast<void>(train(how, unlike(2))), contract_error);
  CHECK_THROWS_AS(static_cast<void>(train(quick<job>(), unlike(241))), input_error);  // more agents than images
  auto parted = unlike(4);
  for (std::uint32_t other : {0u, 1u, 2u}) parted.links.set_both(agent_id{3}, agent_id{other}, {});
  CHECK_THROWS_WITH_AS(static_cast<void>(train(quick<job>(), parted)), doctest::Contains("3"), run_error);
}
