// SPDX-License-Identifier: BSL-1.0
/// \file
/// What a run has come to, as one agent holds it: the committed state, and the result of a round that is not committed
/// yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/digest.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/learn/join.hpp"
#include "comdml/learn/records.hpp"
#include "comdml/learn/state_message.hpp"

namespace comdml::learn {

template <Network N>
class ledger {
 public:
  /// \param with_optimizer  whether the optimizer's memory is part of the state
  ledger(const N& net, replica start, bool with_optimizer)
      : net_{net}, committed_{std::move(start)}, with_optimizer_{with_optimizer} {}

  [[nodiscard]] replica& committed() noexcept { return committed_; }
  [[nodiscard]] const replica& committed() const noexcept { return committed_; }

  /// The round's result, as long as it is not committed; the committed state, if there is none.
  [[nodiscard]] replica& result() noexcept { return result_ ? *result_ : committed_; }
  /// A result, to be filled in.
  [[nodiscard]] replica& begin_result() { return result_.emplace(committed_); }
  void drop_result() noexcept { result_.reset(); }
  void commit() {
    if (result_) committed_ = *std::exchange(result_, std::nullopt);
  }

  /// Of weights and statistics of result().
  [[nodiscard]] std::uint64_t digest() {
    digest64 weights;
    weights.update(std::as_bytes(std::span{result().body.model.parameters}));
    weights.update(std::as_bytes(std::span{result().body.model.statistics}));
    return weights.value();
  }

  /// What somebody needs who is to go on from there.
  [[nodiscard]] std::vector<std::byte> write(const replica& state) const {
    return write_state(so_far, net_, state, with_optimizer_);
  }
  /// What `write` has written, into `state`. \param rounds  that the run has had
  void read(std::span<const std::byte> data, agent_id giver, std::size_t rounds, replica& state) {
    so_far = read_state(data, giver, rounds, state, with_optimizer_);
  }
  /// The same for what a peer has sent.
  void receive(std::span<const std::byte> data, agent_id giver, std::size_t rounds, replica& state) {
    read(data, giver, rounds, state);
    received_ += bytes{static_cast<double>(data.size())};
  }
  /// Bytes received since this was last asked.
  [[nodiscard]] bytes take_received() noexcept { return std::exchange(received_, {}); }

  run_so_far so_far;  ///< over all agents, those included that were there when this one was not

 private:
  const N& net_;
  replica committed_;
  std::optional<replica> result_;
  bytes received_{};
  bool with_optimizer_;
};

}  // namespace comdml::learn
