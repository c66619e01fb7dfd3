// SPDX-License-Identifier: BSL-1.0
/// \file
/// Plain decentralized training: every agent trains its whole model, then all models are averaged by all-reduce.
#pragma once

namespace comdml::learn {

/// A round of all-reduce training. Models Algorithm.
struct all_reduce {
  [[nodiscard]] static constexpr bool changing_members() noexcept { return true; }

  template <class Session>
  auto round(Session& agent) const {
    const auto plan = agent.everyone_alone();
    agent.train(plan);
    agent.join(plan);
    return plan;
  }
};

}  // namespace comdml::learn
