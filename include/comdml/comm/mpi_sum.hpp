// SPDX-License-Identifier: BSL-1.0
/// \file
/// MPI's own all-reduce as a Collective. Needs the component comdml::mpi.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "comdml/comm/collective.hpp"
#include "comdml/comm/mpi.hpp"
#include "comdml/comm/schedule.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// The all-reduce of MPI itself: faster, and other bits than the library's, which may even differ from run to run. Over
/// other transports, and with values that travel by a codec, it is halving_doubling.
struct mpi_sum {
  [[nodiscard]] schedule plan(std::size_t members, std::size_t count) const {
    return halving_doubling{}.plan(members, count);
  }

  /// Called by all_reduce.
  [[nodiscard]] outcome sum(mpi_endpoint& line, const group& members, tag what, std::span<float> values,
                            seconds deadline) const {
    return sum(line, line, members, what, values, deadline);
  }

  /// The members meet first, by messages over `front`, which may be `line` or something before it, so that nobody waits
  /// in MPI for one that is not there.
  template <Transport T>
  [[nodiscard]] outcome sum(T& front, mpi_endpoint& line, const group& members, tag what, std::span<float> values,
                            seconds deadline) const {
    if (!line.engine().has_group(members.epoch, members.members())) {
      const gathered met = all_gather(front, members, what, {}, deadline);
      if (met.outcome.result != result::ok) return met.outcome;
      if (!line.flush(deadline)) return {result::timed_out, line.self(), {}};
    }
    const seconds left = deadline - line.clock().now();
    // A member that has ended will not come: nothing is ever sent under this tag, but that it is gone is told.
    constexpr tag nothing{tag::no_round, 0xFFFF, 0};
    std::vector<channel> others;
    for (const agent_id one : members.members())
      if (one != line.self()) others.push_back({one, nothing});
    const auto gives_up = [&] {
      if (stop.stop_requested()) return true;
      return !others.empty() && line.receive_any(others, line.clock().now()).result == result::peer_lost;
    };
    const result how = line.engine().sum(members.epoch, members.members(), values, left, gives_up);
    return {how, how == result::ok ? std::nullopt : std::optional{line.self()},
            how == result::ok ? bytes{static_cast<double>(values.size_bytes())} : bytes{}};
  }

  std::stop_token stop{};  ///< a request ends a sum that waits for others, as if its deadline had passed
};
static_assert(Collective<mpi_sum>);

}  // namespace comdml::comm
