// SPDX-License-Identifier: BSL-1.0
/// \file
/// Classic split learning (Gupta, Raskar, "Distributed learning of deep neural network over multiple agents", 2018; the
/// vanilla form): one member holds the upper part of the model, agents take turns, and the gradient comes back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/data/loader.hpp"
#include "comdml/fleet/profile.hpp"
#include "comdml/learn/join.hpp"
#include "comdml/learn/peers.hpp"
#include "comdml/learn/policies.hpp"
#include "comdml/learn/relay.hpp"
#include "comdml/learn/side_channel.hpp"
#include "comdml/learn/split_placement.hpp"
#include "comdml/split/returned_gradient.hpp"
#include "comdml/split/smashed_data.hpp"

namespace comdml::learn {

/// A round of split learning: every agent has one turn, ascending by id. In a turn, batch after batch: the agent's
/// forward pass, activations and labels up, the server's forward and backward pass, the gradient down, the agent's
/// backward pass, everyone waiting for the other. Then weights, statistics and optimizer's memory of the lower part go
/// to the next agent. With fp32 on the wire this is plain SGD over the same batches, bit for bit.
///
/// The forward pass takes a third of a part's time. At its own turn the server trains the whole model itself. What has
/// no direct link goes the widest path. Reports look at the model that the two holders' parts make up, at no cost,
/// which takes agents of one process. Models Algorithm.
struct split_learning {
  std::optional<agent_id> server{};  ///< by default the one, and the cut, whose round is estimated to be fastest:
  std::optional<split_point> cut{};  ///< place_split

  template <class Session>
  auto round(Session& agent) const {
    turns<Session> round{agent, *this};
    round.run();
    return agent.everyone_alone();
  }

 private:
  template <class Session>
  class turns;
};

template <class Session>
class split_learning::turns {
 public:
  turns(Session& agent, const split_learning& how)
      : agent_{agent}, fleet_{agent.fleet()}, mine_{agent.training()}, net_{agent.model().net}, relay_{fleet_} {
    const auto& profile = agent.model().profile;
    std::vector<split_member> members;
    comm::message_writer message;
    message.write(agent.speed().value()).write(static_cast<std::uint64_t>(mine_.batches_of_round()));
    message.write(static_cast<double>(mine_.work()) / static_cast<double>(agent.options().batch));
    fleet_.exchange(message_kind::status, std::move(message), [&](comm::message_reader& from, agent_id) {
      const batches_per_second speed{from.template read<double>()};
      batches_.push_back(static_cast<std::size_t>(from.template read<std::uint64_t>()));
      members.push_back({speed, batches{from.template read<double>()}});
    });
    where_ = place_split(members, fleet_.routes(), profile, how.server, how.cut);
    split_ = &profile.splits[where_.entry];
    codec_ = &agent.model().codec_of(split_->codec);
    shape_ = net_.output_shape(split_->point.value - 1);
  }

  void run() {
    mine_.start(agent_.committed(), agent_.learning_rate(), fleet_.round());
    const auto& members = fleet_.members();
    // Whose turn was last in the round before has the lower part; at first everyone does.
    if (fleet_.round().value > 0)
      hand_over(members.back(), members.front(), agent_.options().optimizer_state != optimizer_carry::reset_each_round);
    for (std::size_t rank = 0; rank < members.size(); ++rank) {
      if (rank > 0) hand_over(members[rank - 1], members[rank], true);
      for (std::size_t left = batches_[rank]; left > 0; --left) train_batch(members[rank]);
    }
    const agent_id self = fleet_.self();
    if (self == where_.server || self == members.back()) {
      const auto own = split::part_of(net_, mine_.trained.body, self == where_.server ? upper_units() : lower_units());
      mine_.finite = mine_.finite && all_finite(own);
      agent_.beside().show(self, mine_.trained.body);
    }
    mine_.end = fleet_.transport().clock().now();
    mine_.activation_bytes = activations_;
    agent_.share_losses(weights_);  // behind it, both have shown their parts
    take(members.back(), lower_units());
    take(where_.server, upper_units());
  }

 private:
  using model = typename std::remove_cvref_t<decltype(std::declval<Session&>().model())>;
  using net_type = std::remove_cvref_t<decltype(std::declval<const model&>().net)>;
  using line = std::remove_cvref_t<decltype(std::declval<Session&>().fleet().transport().direct())>;
  using workspace = typename std::remove_cvref_t<decltype(std::declval<Session&>().training())>::workspace;

  [[nodiscard]] index_range lower_units() const { return split::kept_units(net_, split_->point); }
  [[nodiscard]] index_range upper_units() const { return split::handed_over_units(net_, split_->point); }

  void train_batch(agent_id owner) {
    const agent_id self = fleet_.self();
    if (owner == where_.server) {
      if (self == owner) mine_.step();
      return;
    }
    const auto& how = agent_.options();
    const double rate = agent_.learning_rate();
    auto& state = mine_.trained.body;
    const split::lower_side lower{net_, split_->point, how.optimizer};
    const double lower_part = lower_share(*split_);
    std::vector<std::byte> message;
    std::size_t images = 0;
    const data::batch* own = nullptr;
    if (self == owner) {
      fleet_.check();
      images = mine_.begin_batch();
      mine_.compute_own(lower_part / 3, images, [&](workspace&) {
        own = &mine_.read_batch();
        const auto z =
            lower.forward(split::part_of(net_, state, lower_units()), own->inputs, images, kept_, agent_.exec());
        split::encode_smashed(*codec_, shape_, z, own->labels, message);
      });
    }
    message = relay_.pass(message_kind::smashed_data, owner, where_.server, std::move(message), activations_);
    if (self == where_.server) {
      split::decode_smashed(*codec_, message, shape_, net_.classes(), how.batch + 1, values_, labels_);
      mine_.compute_own(split_->fast_share, labels_.size(), [&](workspace& memory) {
        const split::upper_side upper{net_, split_->point, how.loss, how.optimizer};
        mine_.count_loss(
            upper.step(split::part_of(net_, state, upper_units()), values_, labels_, rate, memory, agent_.exec()),
            labels_.size());
        ++state.optimizer.updates;
        message.resize(codec_->encoded_size(memory.cut_gradient.size(), shape_.channels));
        codec_->encode(memory.cut_gradient, shape_.channels, message);
      });
    }
    message = relay_.pass(message_kind::returned_gradient, where_.server, owner, std::move(message), activations_);
    if (self == owner) {
      values_.resize(images * shape_.size());
      if (message.size() != codec_->encoded_size(values_.size(), shape_.channels))
        throw run_error{text("a gradient of ", message.size(), " bytes for ", images, " images of ", shape_)};
      mine_.compute_own(2 * lower_part / 3, images, [&](workspace&) {
        codec_->decode(message, shape_.channels, values_);
        lower.update(split::part_of(net_, state, lower_units()), values_, rate, kept_, agent_.exec());
        ++state.optimizer.updates;
      });
    }
  }

  /// The lower part, from agent to agent.
  void hand_over(agent_id from, agent_id to, bool with_optimizer) {
    auto& state = mine_.trained.body;
    const auto part = split::part_of(net_, state, lower_units());
    const std::size_t slots = with_optimizer ? agent_.options().optimizer.slots() : 0;
    comm::message_writer message;
    if (fleet_.self() == from) {
      message.write(state.optimizer.updates).write(part.parameters).write(part.statistics);
      for (std::size_t slot = 0; slot < slots; ++slot) message.write(part.optimizer.slot(slot));
    }
    const std::vector<std::byte> got = relay_.pass(message_kind::handed_weights, from, to, message.take(), weights_);
    if (fleet_.self() != to || from == to) return;
    comm::message_reader reader{got, from};
    const auto updates = reader.template read<double>();
    if (with_optimizer) state.optimizer.updates = updates;
    reader.read(part.parameters);
    reader.read(part.statistics);
    for (std::size_t slot = 0; slot < slots; ++slot) reader.read(part.optimizer.slot(slot));
    reader.finish();
  }

  /// What an agent has shown of some units becomes what all hold.
  void take(agent_id holder, index_range units) {
    split::training_state<float> shown = *agent_.beside().shown(holder);
    auto& state = agent_.committed().body;
    const auto from = split::part_of(net_, shown, units);
    const auto to = split::part_of(net_, state, units);
    std::ranges::copy(from.parameters, to.parameters.begin());
    std::ranges::copy(from.statistics, to.statistics.begin());
    for (std::size_t slot = 0; slot < agent_.options().optimizer.slots(); ++slot)
      std::ranges::copy(from.optimizer.slot(slot), to.optimizer.slot(slot).begin());
    state.optimizer.updates = shown.optimizer.updates;
  }

  Session& agent_;
  peers<line>& fleet_;
  std::remove_reference_t<decltype(std::declval<Session&>().training())>& mine_;
  const net_type& net_;
  relay<line> relay_;
  std::vector<std::size_t> batches_;  ///< of every member's turn
  split_placement where_;
  const fleet::split_cost* split_ = nullptr;
  const comm::wire_codec* codec_ = nullptr;
  image_shape shape_;
  bytes activations_{};
  bytes weights_{};

  workspace kept_;  ///< between the forward pass of the lower part and its backward pass
  std::vector<float> values_;
  std::vector<label> labels_;
};

}  // namespace comdml::learn
