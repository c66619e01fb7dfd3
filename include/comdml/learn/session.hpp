// SPDX-License-Identifier: BSL-1.0
/// \file
/// One agent's run: the steps that algorithms are made of, as ordinary blocking code over a Transport. The same code
/// runs on threads under a virtual clock, on threads under the wall clock, and on real machines.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "comdml/comm/collective.hpp"
#include "comdml/comm/message.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/digest.hpp"
#include "comdml/data/loader.hpp"
#include "comdml/fleet/instance.hpp"
#include "comdml/learn/control.hpp"
#include "comdml/learn/evaluate.hpp"
#include "comdml/learn/join.hpp"
#include "comdml/learn/policies.hpp"
#include "comdml/learn/pool.hpp"
#include "comdml/learn/round_report.hpp"
#include "comdml/pairing/plan.hpp"
#include "comdml/split/analytic_profile.hpp"
#include "comdml/split/sides.hpp"
#include "comdml/split/smashed_data.hpp"

namespace comdml::learn {

/// Thrown through an agent's code when the embedding program asked it to stop.
struct interrupted {};

/// A peer ended or did not answer in time. Where several agents fail, another error is the cause of this one.
class peer_lost_error : public run_error {
 public:
  using run_error::run_error;
};

/// The types that a job's policies lead to.
template <Job J>
struct types {
  using model = typename J::model;
  using head = decltype(std::declval<const typename J::auxiliary_head&>().template make<float>(image_shape{}, 0));
  using workspace = split::workspace<model, head>;
};

/// Kinds of message, the `kind` of a comm::tag.
enum class message_kind : std::uint16_t { status = 1, smashed_data, training_report, weights, round_counts, verdict };

/// What an agent knows of the fleet before the first round.
struct membership {
  /// Declared links of all agents; every agent must be given the same ones.
  link_matrix links;
  /// Own speed, in mini-batches of full-model training per second.
  batches_per_second speed;
};

/// State of one agent during a run. `Images` is the shard it owns.
template <Job J, Dataset Images>
class session {
 public:
  using model = typename types<J>::model;
  using head = typename types<J>::head;
  using workspace = typename types<J>::workspace;
  using transport = typename J::transport;

  session(transport& line, const membership& fleet, const settings<J>& how, const Images& images, pool<workspace>& memory,
          execution exec, const control& hold)
      : transport_{line},
        speed_{fleet.speed},
        settings_{how},
        memory_{memory},
        exec_{exec},
        control_{hold},
        images_{images},
        net_{how.make_model(images.shape(), images.classes())},
        cuts_{how.cuts.points(net_)},
        profile_{how.profile ? *how.profile
                             : split::analytic_profile<typename J::wire>(net_, how.auxiliary_head, how.cuts, how.batch)},
        links_{fleet.links},
        group_{epoch_index{}, everyone(fleet.links), fleet.links},
        loader_{images, {.batch = how.batch, .seed = how.seed, .owner = line.self()}, how.augmentation} {
    COMDML_REQUIRE(images.shape() == net_.input() && images.classes() == net_.classes(), "images of ", images.shape(),
                   ", ", images.classes(), " classes; model of ", net_.input(), ", ", net_.classes());
    for (const fleet::split_cost& entry : profile_.splits)
      COMDML_REQUIRE(std::ranges::find(cuts_, entry.point) != cuts_.end(), "the profile's split point ", entry.point,
                     " is not in the cut set");
    for (const split_point cut : cuts_)
      heads_.push_back(how.auxiliary_head.template make<float>(net_.output_shape(cut.value - 1), net_.classes()));
    initialize();
  }

  [[nodiscard]] agent_id self() const { return transport_.self(); }
  [[nodiscard]] const model& network() const noexcept { return net_; }
  /// The state that all agents agreed on at the end of the last committed round.
  [[nodiscard]] replica& committed() noexcept { return committed_; }

  /// What a round begins with: a copy of the common state to train on.
  void begin_round(round_index round, double learning_rate) {
    round_ = round;
    learning_rate_ = learning_rate;
    if (settings_.optimizer_state == optimizer_carry::reset_each_round) reset_optimizers();
    trained_ = committed_;
    guests_.clear();
    own_loss_ = {};
    activation_bytes_ = 0;
    weight_bytes_ = 0;
  }

  // ------------------------------------------------------------------------------------- steps, for the algorithms

  /// Every agent tells its speed and amount of work, as integers; every agent solves the same instance.
  [[nodiscard]] pairing::plan agree_on_plan() {
    const fleet::status own = fleet::make_status(speed_, work());
    statuses_.clear();
    comm::message_writer message;
    message.write(own.micro_batches_per_second);
    message.write(own.images);
    exchange(message_kind::status, std::move(message), [&](comm::message_reader& from, agent_id) {
      fleet::status& status = statuses_.emplace_back();
      status.micro_batches_per_second = from.template read<std::int64_t>();
      status.images = from.template read<std::int64_t>();
    });
    return settings_.pairing.plan(fleet::make_instance(statuses_, settings_.batch, links_, profile_));
  }

  /// The plan of algorithms that know no offloading.
  [[nodiscard]] pairing::plan everyone_alone() const {
    pairing::plan plan;
    plan.alone = group_.members();
    return plan;
  }

  /// Trains what the plan gives this agent: its own model, the first units of it, or its own and its guests' tails.
  void train(const pairing::plan& plan) {
    training_begin_ = transport_.clock().now();
    const auto mine = std::ranges::find(plan.pairs, self(), &pairing::assignment::slow);
    if (mine != plan.pairs.end())
      train_kept_units(*mine);
    else
      train_with_guests(plan);
    training_end_ = transport_.clock().now();
  }

  /// Joins the halves inside the all-reduce; the common state becomes the average over all agents whose training stayed
  /// finite, weighted by their numbers of images. \throws run_error if nobody's did
  void join(const pairing::plan& plan) {
    const std::vector<training_report> reports = exchange_training_reports(plan);
    sat_out_.clear();
    std::vector<std::int64_t> images(reports.size());  // 0 for agents that sit out
    std::int64_t total = 0;
    for (std::size_t rank = 0; rank < reports.size(); ++rank) {
      if (usable(plan, reports, rank))
        total += images[rank] = reports[rank].images;
      else
        sat_out_.push_back(group_.members()[rank]);
    }
    if (total == 0)
      throw run_error{text("training diverged in round ", round_.value + 1,
                           ": no agent has finite weights; use a smaller learning rate")};

    std::vector<std::int64_t> head_images(heads_.size());
    for (const pairing::assignment& pair : plan.pairs) head_images[head_of(pair.split)] += images[rank_of(pair.slow)];
    std::vector<std::size_t> used_heads;
    for (std::size_t h = 0; h < heads_.size(); ++h)
      if (head_images[h] > 0) used_heads.push_back(h);

    const auto coefficient = [&](agent_id agent) {
      return static_cast<double>(images[rank_of(agent)]) / static_cast<double>(total);
    };
    join_term term{committed_, used_heads, settings_.optimizer_state == optimizer_carry::averaged};
    if (const double own = coefficient(self()); own > 0) {
      term.add_units(net_, trained_.body, own_units(plan), own);
      term.add_updates(trained_.body, own);
      if (const auto* pair = pair_of(plan, self())) {
        const std::size_t h = head_of(pair->split);
        term.add_head(trained_, h,
                      static_cast<double>(images[rank_of(self())]) / static_cast<double>(head_images[h]));
      }
    }
    for (const guest& g : guests_)
      if (const double share = coefficient(g.id); share > 0)
        term.add_units(net_, g.state, split::handed_over_units(net_, g.cut), share);

    const comm::outcome sum = comm::all_reduce(transport_, settings_.collective, group_, tag(message_kind::weights),
                                               term.values(), seconds::infinity());
    if (sum.result != comm::result::ok) fail("the all-reduce of the weights", *sum.culprit, sum.result);
    weight_bytes_ += static_cast<std::int64_t>(sum.sent.value());
    term.store(committed_);
  }

  // ------------------------------------------------------------------------------------------- around the algorithm

  /// Sums of the round over all agents, and the check that all hold the same weights. With a test set, its images are
  /// evaluated first; evaluation costs no simulated time.
  template <Dataset Test>
  [[nodiscard]] round_report report(const pairing::plan& plan, const Test* test) {
    evaluation own;
    if (test != nullptr)
      transport_.clock().compute(seconds{}, [&] {
        const auto lease = memory_.acquire();
        own = evaluate(net_, committed_.body.model, *test, settings_.loss, lease->body, exec_, [this] { check(); });
      });
    digest64 weights;
    weights.update(std::as_bytes(std::span{committed_.body.model.parameters}));
    weights.update(std::as_bytes(std::span{committed_.body.model.statistics}));

    comm::message_writer message;
    for (const std::int64_t count : {own.seen, own.right, own.loss_micro, activation_bytes_, weight_bytes_})
      message.write(count);
    message.write(transport_.clock().now().value());
    message.write(weights.value());

    round_report report{.round = round_, .epoch = epoch_index{round_.value}, .rounds_planned = settings_.rounds};
    evaluation sum;
    std::vector<std::pair<agent_id, std::uint64_t>> digests;
    exchange(message_kind::round_counts, std::move(message), [&](comm::message_reader& from, agent_id sender) {
      evaluation part;
      part.seen = from.template read<std::int64_t>();
      part.right = from.template read<std::int64_t>();
      part.loss_micro = from.template read<std::int64_t>();
      sum += part;
      total_activation_bytes_ += bytes{static_cast<double>(from.template read<std::int64_t>())};
      total_weight_bytes_ += bytes{static_cast<double>(from.template read<std::int64_t>())};
      report.elapsed = std::max(report.elapsed, seconds{from.template read<double>()});
      digests.emplace_back(sender, from.template read<std::uint64_t>());
    });
    require_agreement("weights", digests);
    if (sum.seen > 0) {
      report.test_accuracy = sum.accuracy();
      report.test_loss = sum.mean_loss();
    }
    report.train_loss = train_loss_;
    report.learning_rate = learning_rate_;
    report.elapsed_alone = report.elapsed + saved_;
    report.activation_bytes = total_activation_bytes_;
    report.weight_bytes = total_weight_bytes_;
    report.plan = plan;
    report.sat_out = sat_out_;
    return report;
  }

  /// Whether any agent wants to end the job after this round.
  [[nodiscard]] bool anyone_stops(bool own_wish) {
    bool any = false;
    comm::message_writer message;
    message.write(std::uint8_t{own_wish});
    exchange(message_kind::verdict, std::move(message),
             [&](comm::message_reader& from, agent_id) { any = from.template read<std::uint8_t>() != 0 || any; });
    return any;
  }

 private:
  struct guest {
    agent_id id;
    split_point cut;
    split::training_state<float> state;
    std::size_t batches_left;
    evaluation loss{};
    bool finite = true;
  };

  struct training_report {
    std::int64_t images = 0;
    bool finite = false;
    std::vector<agent_id> broken_guests;
  };

  void initialize() {
    committed_.heads.resize(heads_.size());
    random_stream rng{settings_.seed, purpose::initialization};
    net_.initialize(committed_.body.model, rng);
    if (settings_.initial) {
      COMDML_REQUIRE(settings_.initial->parameters.size() == committed_.body.model.parameters.size() &&
                         settings_.initial->statistics.size() == committed_.body.model.statistics.size(),
                     "initial weights of ", settings_.initial->parameters.size(), " parameters");
      committed_.body.model = *settings_.initial;
    }
    for (std::size_t h = 0; h < heads_.size(); ++h) {
      random_stream head_rng{settings_.seed, agent_id{cuts_[h].value}, round_index{0}, purpose::initialization};
      heads_[h].initialize(committed_.heads[h].model, head_rng);
    }
    reset_optimizers();
  }

  void reset_optimizers() {
    const auto reset = [&](split::training_state<float>& state) {
      state.optimizer.reset(settings_.optimizer.slots(), state.model.parameters.size());
    };
    reset(committed_.body);
    for (auto& state : committed_.heads) reset(state);
  }

  /// Images that this agent trains on in a round, repeated epochs counted again.
  [[nodiscard]] std::size_t work() const { return images_.size() * settings_.local_epochs; }

  /// Seconds for `share` of the full model's training on `count` images.
  [[nodiscard]] seconds cost(double share, std::size_t count) const {
    return share * (batches{static_cast<double>(count) / static_cast<double>(settings_.batch)} / speed_);
  }

  [[nodiscard]] static std::vector<agent_id> everyone(const link_matrix& links) {
    std::vector<agent_id> ids;
    for (std::uint32_t id = 0; id < links.agents(); ++id) ids.push_back(agent_id{id});
    return ids;
  }
  [[nodiscard]] std::size_t head_of(split_point cut) const {
    return static_cast<std::size_t>(std::ranges::find(cuts_, cut) - cuts_.begin());
  }
  [[nodiscard]] const fleet::split_cost& entry_of(split_point cut) const {
    return *std::ranges::find(profile_.splits, cut, &fleet::split_cost::point);
  }
  [[nodiscard]] std::size_t rank_of(agent_id agent) const {
    return static_cast<std::size_t>(std::ranges::find(group_.members(), agent) - group_.members().begin());
  }
  [[nodiscard]] static const pairing::assignment* pair_of(const pairing::plan& plan, agent_id slow) {
    const auto found = std::ranges::find(plan.pairs, slow, &pairing::assignment::slow);
    return found == plan.pairs.end() ? nullptr : &*found;
  }
  [[nodiscard]] index_range own_units(const pairing::plan& plan) const {
    const auto* pair = pair_of(plan, self());
    return pair == nullptr ? index_range{0, net_.units()} : split::kept_units(net_, pair->split);
  }
  [[nodiscard]] comm::tag tag(message_kind kind) const {
    return {round_.value, static_cast<std::uint16_t>(kind), 0};
  }

  /// Between two mini-batches: the place to stop or to pause.
  void check() const {
    if (control_.pause) control_.pause->wait(control_.stop);
    if (control_.stop.stop_requested()) throw interrupted{};
  }

  [[noreturn]] void fail(const char* what, agent_id peer, comm::result result) const {
    if (control_.stop.stop_requested()) throw interrupted{};  // the peer left because it was asked to, too
    throw peer_lost_error{text("agent ", self(), ", round ", round_.value + 1, ": ", what, ": agent ", peer,
                                result == comm::result::timed_out ? " did not answer in time" : " was lost")};
  }

  /// All agents' messages of one kind, handed to `read` in the order of the members.
  template <class Read>
  void exchange(message_kind kind, comm::message_writer&& message, Read&& read) {
    const comm::gathered all =
        comm::all_gather(transport_, group_, tag(kind), message.take(), seconds::infinity());
    if (all.outcome.result != comm::result::ok) fail("an exchange with all", *all.outcome.culprit, all.outcome.result);
    for (std::size_t rank = 0; rank < group_.members().size(); ++rank) {
      comm::message_reader from{all.records[rank], group_.members()[rank]};
      read(from, group_.members()[rank]);
      from.finish();
    }
  }

  void require_agreement(const char* what, const std::vector<std::pair<agent_id, std::uint64_t>>& digests) const {
    std::string others;
    for (const auto& [agent, digest] : digests)
      if (digest != digests.front().second) others += text(others.empty() ? "" : ", ", agent);
    if (!others.empty())
      throw run_error{text("round ", round_.value + 1, ": agents ", others, " hold another ", what, " than agent ",
                           digests.front().first, "; do all run the same program with the same settings?")};
  }

  template <class Body>
  void compute(seconds duration, Body&& body) {
    check();
    transport_.clock().compute(duration, [&] {
      const auto lease = memory_.acquire();
      body(*lease);
    });
  }

  static void count(evaluation& sum, const nn::loss_result& result, std::size_t images, bool& finite) {
    finite = finite && std::isfinite(result.sum);
    sum += {static_cast<std::int64_t>(images), static_cast<std::int64_t>(result.right), to_micro(result.sum)};
  }

  /// Calls step(images in the batch) for every mini-batch of the round, in order; the loader is ready for each.
  template <class Step>
  void for_each_own_batch(Step&& step) {
    const std::vector<index_range> plan = data::batch_plan(images_.size(), settings_.batch);
    for (std::size_t epoch = 0; epoch < settings_.local_epochs; ++epoch) {
      loader_.start(round_, epoch);
      for (const index_range& images : plan) step(images.size());
    }
  }

  void train_own_batch(std::size_t images) {
    const split::fast_side side{net_, split_point{0}, settings_.loss, settings_.optimizer};
    compute(cost(1, images), [&](workspace& memory) {
      loader_.next(batch_);
      const auto whole = split::part_of(net_, trained_.body, {0, net_.units()});
      count(own_loss_, side.step(whole, batch_.inputs, batch_.labels, learning_rate_, memory, exec_), images, finite_);
      ++trained_.body.optimizer.updates;
    });
  }

  void train_kept_units(const pairing::assignment& pair) {
    const std::size_t h = head_of(pair.split);
    const split::slow_side side{net_, heads_[h], pair.split, settings_.loss, settings_.optimizer};
    std::vector<std::byte> message;
    finite_ = true;
    evaluation auxiliary_loss;
    for_each_own_batch([&](std::size_t images) {
      compute(cost(entry_of(pair.split).slow_share, images), [&](workspace& memory) {
        loader_.next(batch_);
        const auto kept = split::part_of(net_, trained_.body, split::kept_units(net_, pair.split));
        const auto auxiliary = split::part_of(heads_[h], trained_.heads[h], {0, heads_[h].units()});
        const nn::loss_result result = side.step(
            kept, auxiliary, batch_.inputs, batch_.labels, learning_rate_, memory, exec_,
            [&](std::span<const float> z) { split::encode_smashed<typename J::wire>(z, batch_.labels, message); });
        count(auxiliary_loss, result, images, finite_);
        ++trained_.body.optimizer.updates;
        ++trained_.heads[h].optimizer.updates;
      });
      activation_bytes_ += static_cast<std::int64_t>(message.size());
      const comm::result sent =
          transport_.send(pair.fast, tag(message_kind::smashed_data), std::move(message), seconds::infinity());
      if (sent != comm::result::ok) fail("sending activations", pair.fast, sent);
      message.clear();
    });
    finite_ = finite_ && all_finite(split::part_of(net_, trained_.body, split::kept_units(net_, pair.split))) &&
              all_finite(split::part_of(heads_[h], trained_.heads[h], {0, heads_[h].units()}));
  }

  /// Trains the own model and the tails of guests. A guest batch that waits is served first, an own one otherwise, so
  /// the agent never idles while it has work. The two do not touch each other's state: their order changes no bit.
  void train_with_guests(const pairing::plan& plan) {
    for (const pairing::assignment& pair : plan.pairs)
      if (pair.fast == self()) guests_.push_back({pair.slow, pair.split, committed_.body, guest_batches(pair.slow)});
    std::ranges::sort(guests_, {}, &guest::id);

    finite_ = true;
    for_each_own_batch([&](std::size_t images) {
      while (serve_guest(transport_.clock().now())) {
      }
      train_own_batch(images);
    });
    while (serve_guest(seconds::infinity())) {
    }
    finite_ = finite_ && all_finite(split::part_of(net_, trained_.body, {0, net_.units()}));
  }

  /// Mini-batches that a guest sends in this round, from the work it told of.
  [[nodiscard]] std::size_t guest_batches(agent_id slow) const {
    const auto images = static_cast<std::size_t>(statuses_[rank_of(slow)].images);
    return data::batch_plan(images / settings_.local_epochs, settings_.batch).size() * settings_.local_epochs;
  }

  /// Trains one guest batch that arrives by the deadline. \returns whether there was one
  bool serve_guest(seconds deadline) {
    std::vector<comm::channel> waiting;
    for (const guest& g : guests_)
      if (g.batches_left > 0) waiting.push_back({g.id, tag(message_kind::smashed_data)});
    if (waiting.empty()) return false;
    check();
    const comm::delivery message = transport_.receive_any(waiting, deadline);
    if (message.result == comm::result::timed_out) return false;
    if (message.result != comm::result::ok) fail("receiving activations", message.from, message.result);
    guest& g = *std::ranges::find(guests_, message.from, &guest::id);
    const image_shape cut = net_.output_shape(g.cut.value - 1);
    split::decode_smashed<typename J::wire>(message.data, cut, net_.classes(), settings_.batch + 1, activations_, labels_);
    compute(cost(entry_of(g.cut).fast_share, labels_.size()), [&](workspace& memory) {
      const split::fast_side side{net_, g.cut, settings_.loss, settings_.optimizer};
      const auto tail = split::part_of(net_, g.state, split::handed_over_units(net_, g.cut));
      const nn::loss_result result = side.step(tail, activations_, labels_, learning_rate_, memory, exec_);
      count(g.loss, result, labels_.size(), g.finite);
      ++g.state.optimizer.updates;
    });
    --g.batches_left;
    return true;
  }

  /// What each agent trained, in the order of the members; adds up the losses and the times of the round.
  std::vector<training_report> exchange_training_reports(const pairing::plan& plan) {
    evaluation loss = own_loss_;
    std::vector<agent_id> broken;
    for (guest& g : guests_) {
      loss += g.loss;
      const auto tail = split::part_of(net_, g.state, split::handed_over_units(net_, g.cut));
      if (!g.finite || !all_finite(tail)) broken.push_back(g.id);
    }
    comm::message_writer message;
    message.write(pairing::digest(plan));
    message.write(static_cast<std::int64_t>(images_.size()));
    message.write(std::uint8_t{finite_});
    message.write(loss.loss_micro);
    message.write(loss.seen);
    message.write(training_end_.value());
    message.write((training_begin_ + cost(1, work())).value());
    message.write(static_cast<std::uint32_t>(broken.size()));
    for (const agent_id id : broken) message.write(id.value);

    std::vector<training_report> reports;
    evaluation sum;
    seconds end{};
    seconds end_alone{};
    std::vector<std::pair<agent_id, std::uint64_t>> digests;
    exchange(message_kind::training_report, std::move(message), [&](comm::message_reader& from, agent_id sender) {
      training_report& report = reports.emplace_back();
      digests.emplace_back(sender, from.template read<std::uint64_t>());
      report.images = from.template read<std::int64_t>();
      report.finite = from.template read<std::uint8_t>() != 0;
      sum.loss_micro += from.template read<std::int64_t>();
      sum.seen += from.template read<std::int64_t>();
      end = std::max(end, seconds{from.template read<double>()});
      end_alone = std::max(end_alone, seconds{from.template read<double>()});
      for (auto left = from.template read<std::uint32_t>(); left > 0; --left)
        report.broken_guests.push_back(agent_id{from.template read<std::uint32_t>()});
    });
    require_agreement("plan", digests);
    train_loss_ = sum.mean_loss();
    saved_ += end_alone - end;
    return reports;
  }

  /// Whether both halves of an agent's model stayed finite.
  [[nodiscard]] bool usable(const pairing::plan& plan, const std::vector<training_report>& reports,
                            std::size_t rank) const {
    const auto* pair = pair_of(plan, group_.members()[rank]);
    return reports[rank].finite &&
           (pair == nullptr ||
            std::ranges::count(reports[rank_of(pair->fast)].broken_guests, group_.members()[rank]) == 0);
  }

  transport& transport_;
  batches_per_second speed_;
  const settings<J>& settings_;
  pool<workspace>& memory_;
  execution exec_;
  const control& control_;

  const Images& images_;
  model net_;
  std::vector<split_point> cuts_;
  std::vector<head> heads_;  // one per cut
  fleet::split_profile profile_;
  link_matrix links_;
  comm::group group_;
  data::loader<Images, typename J::augmentation> loader_;

  replica committed_;
  replica trained_;
  std::vector<guest> guests_;
  std::vector<fleet::status> statuses_;

  // of the current round
  round_index round_{};
  double learning_rate_ = 0;
  bool finite_ = true;
  evaluation own_loss_;
  double train_loss_ = 0;
  seconds training_begin_{};
  seconds training_end_{};
  std::int64_t activation_bytes_ = 0;
  std::int64_t weight_bytes_ = 0;
  std::vector<agent_id> sat_out_;

  // since the first round, over all agents
  seconds saved_{};
  bytes total_activation_bytes_{};
  bytes total_weight_bytes_{};

  // reused from batch to batch
  data::batch batch_;
  std::vector<float> activations_;
  std::vector<label> labels_;
};

}  // namespace comdml::learn
