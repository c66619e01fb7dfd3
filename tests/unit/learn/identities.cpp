// Identities that hold bit for bit (method, section 3).
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "comdml/nn/adam.hpp"
#include "support.hpp"

namespace {

using namespace support;

struct alone_job : job {
  using pairing = ::comdml::pairing::none<>;
};
struct all_reduce_job : job {
  using algorithm = learn::all_reduce;
};
struct adam_job : job {
  using optimizer = nn::adam;
};

/// What one agent should hold after its rounds: a plain loop over all images.
template <class J>
nn::model_state<float> plain_training(const learn::settings<J>& how) {
  const auto& images = digits().train;
  const typename J::model net{images.shape(), images.classes()};
  split::training_state<float> state;
  net.initialize(state.model, random_stream{how.seed, purpose::initialization});
  std::vector<label> labels(images.labels().begin(), images.labels().end());
  const data::shard<data::image_set> all{
      images, data::iid{}(labels, images.classes(), 1, random_stream{how.seed, purpose::partition}).front()};
  data::loader<data::shard<data::image_set>> loader{all, {.batch = how.batch, .seed = how.seed, .owner = agent_id{0}}};
  data::batch batch;
  split::workspace<typename J::model> memory;
  const split::fast_side side{net, split_point{0}, how.loss, how.optimizer};
  for (std::uint32_t round = 0; round < how.rounds; ++round) {
    if (round == 0 || how.optimizer_state == learn::optimizer_carry::reset_each_round) {
      state.optimizer.reset(how.optimizer.slots(), state.model.parameters.size());
    }
    for (loader.start(round_index{round}); loader.next(batch); ++state.optimizer.updates)
      side.step(split::part_of(net, state, {0, net.units()}), batch.inputs, batch.labels, how.optimizer.learning_rate,
                memory, {});
  }
  return state.model;
}

/// Cross-entropy that notes, per thread, the order in which batches were trained.
struct noting_loss {
  struct notes {
    std::mutex mutex;
    std::map<std::thread::id, std::vector<double>> losses;
  };
  std::shared_ptr<notes> book = std::make_shared<notes>();

  template <class T>
  nn::loss_result operator()(std::span<const T> outputs, std::span<const label> labels, std::span<T> gradient) const {
    const nn::loss_result result = nn::softmax_cross_entropy{}(outputs, labels, gradient);
    if (!gradient.empty()) {
      const std::lock_guard lock{book->mutex};
      book->losses[std::this_thread::get_id()].push_back(result.sum);
    }
    return result;
  }
  /// Of the thread that trained most: the helper.
  [[nodiscard]] std::vector<double> busiest() const {
    std::vector<double> most;
    for (const auto& [thread, sums] : book->losses)
      if (sums.size() > most.size()) most = sums;
    return most;
  }
};
struct noted_job : forced_job {
  using loss = noting_loss;
};

}  // namespace

TEST_CASE("with pairing none, ComDML equals all-reduce training") {
  const auto comdml_none = train(quick<alone_job>(), unlike(5));
  const auto plain = train(quick<all_reduce_job>(), unlike(5));
  CHECK(comdml_none.state == plain.state);
  CHECK(comdml_none.rounds.back().test_accuracy == plain.rounds.back().test_accuracy);
  CHECK(comdml_none.rounds.back().train_loss == plain.rounds.back().train_loss);
  // ... and pairing changes them, so the comparison can fail.
  const auto paired = train(quick<forced_job>(), unlike(5));
  CHECK_FALSE(paired.state == plain.state);
}

TEST_CASE("one agent equals plain training") {
  SUBCASE("SGD whose memory is kept") {
    auto how = quick<job>(3);
    how.optimizer_state = learn::optimizer_carry::averaged;
    const auto expected = plain_training(how);
    CHECK(train(how, unlike(1)).state == expected);
    how.optimizer_state = learn::optimizer_carry::reset_each_round;
    CHECK_FALSE(train(how, unlike(1)).state == expected);
  }
  SUBCASE("SGD reset every round") {
    const auto how = quick<job>(3);
    CHECK(train(how, unlike(1)).state == plain_training(how));
  }
  SUBCASE("Adam whose memory is kept") {
    auto how = quick<adam_job>(3);
    how.optimizer_state = learn::optimizer_carry::averaged;
    CHECK(train(how, unlike(1)).state == plain_training(how));
  }
}

TEST_CASE("own and guest batches taken in another order give the same weights") {
  auto how = quick<noted_job>(1);
  // A slow link: guest batches come late. A fast one: they come first.
  const auto late = train(how, unlike(2, 0.5));
  const auto late_order = how.loss.busiest();
  how.loss = noting_loss{};
  auto eager_fleet = unlike(2, 1000);
  eager_fleet.agents[1].speed = batches_per_second{100};
  const auto early = train(how, eager_fleet);
  auto early_order = how.loss.busiest();
  CHECK(late.state == early.state);
  REQUIRE(late_order.size() == early_order.size());
  CHECK(late_order != early_order);
  auto sorted = late_order;
  std::ranges::sort(sorted);
  std::ranges::sort(early_order);
  CHECK(sorted == early_order);
}

TEST_CASE("results do not depend on the number of threads or on the run") {
  const auto fleet = fleet::paper({.agents = 10, .seed = 4});
  const auto how = quick<job>();
  const auto once = train(how, fleet, 1);
  CHECK_FALSE(once.rounds.back().plan.pairs.empty());
  for (const std::size_t threads : {1, 2, 4}) {
    const auto again = train(how, fleet, threads);
    CHECK(again.state == once.state);
    REQUIRE(again.rounds.size() == once.rounds.size());
    for (std::size_t r = 0; r < once.rounds.size(); ++r) {
      CHECK(again.rounds[r].elapsed == once.rounds[r].elapsed);
      CHECK(again.rounds[r].elapsed_alone == once.rounds[r].elapsed_alone);
      CHECK(again.rounds[r].plan == once.rounds[r].plan);
      CHECK(again.rounds[r].test_loss == once.rounds[r].test_loss);
      CHECK(again.rounds[r].activation_bytes == once.rounds[r].activation_bytes);
    }
  }
  auto other = how;
  other.seed = 8;
  CHECK_FALSE(train(other, fleet).state == once.state);
}

TEST_CASE("one agent computes the same bits with 1, 2 and 4 threads") {
  const auto how = quick<job>(1);
  const auto one = train(how, unlike(1), 1);
  CHECK(train(how, unlike(1), 2).state == one.state);
  CHECK(train(how, unlike(1), 4).state == one.state);
}

TEST_CASE("the joined model is the slow half and the helper's half, and nothing of the helper reached the slow half") {
  // Both sides again by hand, the slow one without there being any fast side; then the average of two models.
  auto how = quick<forced_job>(1);
  const auto got = train(how, unlike(2));
  REQUIRE(got.rounds.back().plan.pairs.size() == 1);

  const auto& images = digits().train;
  const forced_job::model net{images.shape(), images.classes()};
  const split_point cut{how.pairing.cut};
  const auto auxiliary = how.auxiliary_head.make<float>(net.output_shape(cut.value - 1), images.classes());
  split::training_state<float> start;
  net.initialize(start.model, random_stream{how.seed, purpose::initialization});
  start.optimizer.reset(how.optimizer.slots(), start.model.parameters.size());
  split::training_state<float> head_state;
  auxiliary.initialize(head_state.model,
                       random_stream{how.seed, agent_id{cut.value}, round_index{0}, purpose::initialization});
  head_state.optimizer.reset(how.optimizer.slots(), head_state.model.parameters.size());

  std::vector<label> labels(images.labels().begin(), images.labels().end());
  const auto shards = data::iid{}(labels, images.classes(), 2, random_stream{how.seed, purpose::partition});
  using shard = data::shard<data::image_set>;
  split::workspace<forced_job::model, learn::types<forced_job>::head> memory;
  data::batch batch;
  const double rate = how.optimizer.learning_rate;

  auto helper = start;
  const shard helper_images{images, shards[0]};
  data::loader<shard> helper_loader{helper_images, {.batch = how.batch, .seed = how.seed, .owner = agent_id{0}}};
  const split::fast_side whole{net, split_point{0}, how.loss, how.optimizer};
  for (helper_loader.start(round_index{0}); helper_loader.next(batch);)
    whole.step(split::part_of(net, helper, {0, net.units()}), batch.inputs, batch.labels, rate, memory, {});

  auto slow = start;
  auto tail = start;
  const shard slow_images{images, shards[1]};
  data::loader<shard> slow_loader{slow_images, {.batch = how.batch, .seed = how.seed, .owner = agent_id{1}}};
  const split::slow_side front{net, auxiliary, cut, how.loss, how.optimizer};
  const split::fast_side back{net, cut, how.loss, how.optimizer};
  std::vector<std::vector<float>> sent;
  std::vector<std::vector<label>> sent_labels;
  for (slow_loader.start(round_index{0}); slow_loader.next(batch);) {
    front.step(split::part_of(net, slow, split::kept_units(net, cut)),
               split::part_of(auxiliary, head_state, {0, auxiliary.units()}), batch.inputs, batch.labels, rate, memory,
               {}, [&](std::span<const float> z) { sent.emplace_back(z.begin(), z.end()); });
    sent_labels.push_back(batch.labels);
  }
  for (std::size_t b = 0; b < sent.size(); ++b)
    back.step(split::part_of(net, tail, split::handed_over_units(net, cut)), sent[b], sent_labels[b], rate, memory, {});

  const auto kept = net.parameters(split::kept_units(net, cut));
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < start.model.parameters.size(); ++i) {
    const float other = i < kept.end ? slow.model.parameters[i] : tail.model.parameters[i];
    const float half_helper = static_cast<float>(0.5 * static_cast<double>(helper.model.parameters[i]));
    const float half_other = static_cast<float>(0.5 * static_cast<double>(other));
    wrong += got.state.parameters[i] != half_helper + half_other ? 1 : 0;
  }
  CHECK(wrong == 0);
}
