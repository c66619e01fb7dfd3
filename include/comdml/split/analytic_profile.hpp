// SPDX-License-Identifier: BSL-1.0
/// \file
/// A split profile by counting, without running anything: the share of a side is its share of the multiply-adds.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/fleet/profile.hpp"
#include "comdml/split/smashed_data.hpp"

namespace comdml::split {

/// Multiply-adds of one image's forward pass through a run of units.
template <Network N>
[[nodiscard]] double multiply_adds(const N& net, index_range units) {
  double sum = 0;
  for (std::size_t unit = units.begin; unit < units.end; ++unit) sum += net.multiply_adds(unit);
  return sum;
}

/// Shares of time and bytes of every cut of the cut set, for mini-batches of `batch` images whose activations travel by
/// `codec`. The slow share includes the auxiliary head; shares are relative to the full model's multiply-adds.
/// Backward and update cost about the same multiple of forward everywhere, so they cancel out.
template <WireCodec W, Network N, class Head, class Cuts>
  requires AuxiliaryHead<Head, typename N::scalar> && CutSet<Cuts, N>
[[nodiscard]] fleet::split_profile analytic_profile(const N& net, const Head& head, const Cuts& cuts, std::size_t batch,
                                                    std::string model = "", const W& codec = {}) {
  const double whole = multiply_adds(net, {0, net.units()});
  fleet::split_profile profile{.model = std::move(model), .batch = batch, .speed = {}, .splits = {}};
  for (const split_point cut : cuts.points(net)) {
    const index_range kept{0, cut.value};
    const index_range handed{cut.value, net.units()};
    const image_shape shape = net.output_shape(cut.value - 1);
    const auto auxiliary = head.template make<typename N::scalar>(shape, net.classes());
    profile.splits.push_back(
        {.point = cut,
         .slow_share = (multiply_adds(net, kept) + multiply_adds(auxiliary, {0, auxiliary.units()})) / whole,
         .fast_share = multiply_adds(net, handed) / whole,
         .wire = bytes_per_batch{static_cast<double>(smashed_size(shape, batch, codec))},
         .fast_side = bytes{static_cast<double>(sizeof(typename N::scalar) * net.parameters(handed).size())},
         .codec = codec.name});
  }
  return profile;
}

}  // namespace comdml::split
