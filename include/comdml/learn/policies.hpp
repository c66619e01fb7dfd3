// SPDX-License-Identifier: BSL-1.0
/// \file
/// The types that make up a training job, and its run-time settings. A job is a struct that derives from
/// default_policies and names what it wants different.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "comdml/comm/codec.hpp"
#include "comdml/comm/collective.hpp"
#include "comdml/comm/in_process.hpp"
#include "comdml/concepts.hpp"
#include "comdml/data/augment.hpp"
#include "comdml/fleet/cost.hpp"
#include "comdml/fleet/estimate.hpp"
#include "comdml/fleet/profile.hpp"
#include "comdml/learn/comdml.hpp"
#include "comdml/learn/epoch.hpp"
#include "comdml/learn/measurements.hpp"
#include "comdml/nn/layer.hpp"
#include "comdml/nn/loss.hpp"
#include "comdml/nn/resnet.hpp"
#include "comdml/nn/schedule.hpp"
#include "comdml/nn/sgd.hpp"
#include "comdml/pairing/greedy.hpp"
#include "comdml/split/auxiliary_head.hpp"
#include "comdml/split/cuts.hpp"

namespace comdml::learn {

/// What happens to the optimizer's memory at the end of a round (method, section 3).
enum class optimizer_carry {
  reset_each_round,  ///< forgotten, as stateless federated clients do
  averaged,          ///< averaged with the weights: as many bytes again per slot, and nothing is lost
};

/// Policies of a job, each a model of the concept in concepts.hpp with the same name.
struct default_policies {
  using model = nn::resnet<20>;
  using cuts = split::every_block;
  using auxiliary_head = split::convolution_pool_linear;
  using loss = nn::softmax_cross_entropy;
  using optimizer = nn::sgd;
  using schedule = nn::constant;
  using augmentation = data::none;
  using pairing = ::comdml::pairing::greedy<fleet::overlapped>;
  using wire = comm::fp32;
  using collective = comm::halving_doubling;
  using algorithm = learn::comdml;
  using transport = comm::in_process<comm::virtual_time>::endpoint;
};

/// A type whose members name the policies of a job. The error of a wrong policy names its own concept.
template <class J>
concept Job = Network<typename J::model> && std::same_as<typename J::model::scalar, float> &&
    CutSet<typename J::cuts, typename J::model> && AuxiliaryHead<typename J::auxiliary_head> &&
    Loss<typename J::loss> && Optimizer<typename J::optimizer> && Schedule<typename J::schedule> &&
    Augmentation<typename J::augmentation> && PairingPolicy<typename J::pairing> && WireCodec<typename J::wire> &&
    Collective<typename J::collective> && Transport<typename J::transport>;

/// Numbers and policy objects of a job. All agents of a fleet must use the same ones.
template <Job J>
struct settings {
  std::size_t rounds = 10;
  /// Images in a mini-batch.
  std::size_t batch = 50;
  std::size_t local_epochs = 1;
  std::uint64_t seed = 1;
  /// Rounds between two evaluations; the last round is always evaluated. 0 = only the last.
  std::size_t evaluate_every = 1;
  /// Ends the job once the test accuracy (0 .. 1) is at least this. An algorithm without rounds goes on, and its
  /// history tells when the target was reached.
  std::optional<double> target_accuracy{};
  /// For algorithms without rounds: simulated time that they get, by default `rounds` times what a round of all-reduce
  /// training takes. Their history has `rounds` entries, evenly spaced.
  std::optional<seconds> time_budget{};
  learn::optimizer_carry optimizer_state = optimizer_carry::reset_each_round;
  /// What plans are made from. Measured values are noisy: let pairing::steady keep pairs together.
  learn::knowledge knowledge = learn::knowledge::declared;
  /// Of what is measured.
  fleet::smoothing smoothing{};
  /// Whether a run goes on when agents are lost; for comdml and all_reduce.
  learn::survival survival{};

  typename J::cuts cuts{};
  typename J::auxiliary_head auxiliary_head{};
  typename J::loss loss{};
  typename J::optimizer optimizer{};
  typename J::schedule schedule{};
  typename J::augmentation augmentation{};
  typename J::pairing pairing{};
  typename J::collective collective{};
  /// How weights travel in the join. By another codec than fp32 it is their changes since the last round that do.
  comm::wire_codec weight_wire{comm::fp32{}};
  typename J::algorithm algorithm{};

  /// Builds the model for the images' shape and number of classes; by default from these two alone.
  std::function<typename J::model(image_shape, std::size_t)> make_model = default_model();
  /// Time and bytes of each cut; by default counted (split::analytic_profile).
  std::optional<fleet::split_profile> profile{};
  /// Weights to start from; by default drawn from the seed.
  std::optional<nn::model_state<float>> initial{};

 private:
  static auto default_model() {
    if constexpr (std::constructible_from<typename J::model, image_shape, std::size_t>)
      return [](image_shape input, std::size_t classes) { return typename J::model(input, classes); };
    else
      return std::function<typename J::model(image_shape, std::size_t)>{};
  }
};

}  // namespace comdml::learn
