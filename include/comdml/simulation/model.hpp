// SPDX-License-Identifier: BSL-1.0
/// \file
/// What a simulation knows of a model: what its cuts cost and how many bytes it sends, but no weights.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "comdml/comm/codec.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/fleet/profile.hpp"
#include "comdml/learn/join.hpp"
#include "comdml/learn/policies.hpp"
#include "comdml/split/sides.hpp"
#include "comdml/split/smashed_data.hpp"

namespace comdml::simulation {

/// Sizes are counted by the code that training sends by.
class model {
 public:
  /// \param profile          what each cut costs; its cuts must be among `cuts`
  /// \param optimizer_slots  of the optimizer, per weight
  template <Network N, class Head, class Cuts>
    requires AuxiliaryHead<Head, typename N::scalar> && CutSet<Cuts, N> model(
        const N& net, const Head& head, const Cuts& cuts, fleet::split_profile profile, std::size_t optimizer_slots = 1,
        learn::optimizer_carry carry = learn::optimizer_carry::reset_each_round,
        std::span<const comm::wire_codec> codecs = comm::standard_codecs)
        : profile_{std::move(profile)}, cuts_{cuts.points(net)} {
      const auto values = [&](const auto& network, index_range units, bool whole) {
        const std::size_t parameters = network.parameters(units).size();
        return learn::join_size(parameters, network.statistics(units).size(), optimizer_slots * parameters,
                                whole && carry == learn::optimizer_carry::averaged);
      };
      body_ = values(net, {0, net.units()}, true);
      for (const split_point cut : cuts_) {
        const auto auxiliary = head.template make<typename N::scalar>(net.output_shape(cut.value - 1), net.classes());
        heads_.push_back(values(auxiliary, {0, auxiliary.units()}, true));
      }
      for (const fleet::split_cost& entry : profile_.splits) {
        COMDML_REQUIRE(std::ranges::find(cuts_, entry.point) != cuts_.end(), "no cut ", entry.point);
        const comm::wire_codec* const codec = comm::find_codec(codecs, entry.codec);
        COMDML_REQUIRE(codec != nullptr, "no codec is called ", entry.codec);
        entries_.push_back({net.output_shape(entry.point.value - 1), *codec,
                            values(net, split::handed_over_units(net, entry.point), false)});
      }
    }

    [[nodiscard]] const fleet::split_profile& profile() const noexcept { return profile_; }

    /// Bytes of a message of activations, by entry of the profile.
    [[nodiscard]] bytes smashed(std::size_t entry, std::size_t images) const {
      const auto& [shape, codec, values] = entries_[entry];
      return bytes{static_cast<double>(split::smashed_size(shape, images, codec))};
    }
    /// Bytes of the weights and statistics that an entry's cut hands over.
    [[nodiscard]] bytes fast_side(std::size_t entry) const {
      return bytes{static_cast<double>(sizeof(float) * entries_[entry].fast_side)};
    }
    /// Bytes of the whole model's.
    [[nodiscard]] bytes whole() const { return bytes{static_cast<double>(sizeof(float) * body_)}; }

    /// Which of the heads belongs to a cut.
    [[nodiscard]] std::size_t head_of(split_point cut) const {
      return static_cast<std::size_t>(std::ranges::find(cuts_, cut) - cuts_.begin());
    }
    [[nodiscard]] std::size_t heads() const noexcept { return heads_.size(); }
    /// Values in the all-reduce, with the heads that were used.
    [[nodiscard]] std::size_t values(const std::vector<bool>& used_heads) const {
      std::size_t sum = body_;
      for (std::size_t h = 0; h < heads_.size(); ++h)
        if (used_heads[h]) sum += heads_[h];
      return sum;
    }

   private:
    struct cut_entry {
      image_shape cut;
      comm::wire_codec codec;
      std::size_t fast_side;  ///< values
    };

    fleet::split_profile profile_;
    std::vector<split_point> cuts_;
    std::size_t body_ = 0;
    std::vector<std::size_t> heads_;
    std::vector<cut_entry> entries_;
};

}  // namespace comdml::simulation
