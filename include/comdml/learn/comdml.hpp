// SPDX-License-Identifier: BSL-1.0
/// \file
/// ComDML (arXiv 2405.00839): statuses are shared, slow agents are paired with fast ones, both sides of a cut train at
/// once by local losses, and the halves join inside the all-reduce.
#pragma once

namespace comdml::learn {

/// A round of ComDML. Models Algorithm.
struct comdml {
  [[nodiscard]] static constexpr bool changing_members() noexcept { return true; }

  template <class Session>
  auto round(Session& agent) const {
    const auto plan = agent.agree_on_plan();
    agent.train(plan);
    agent.join(plan);
    return plan;
  }
};

}  // namespace comdml::learn
