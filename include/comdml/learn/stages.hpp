// SPDX-License-Identifier: BSL-1.0
/// \file
/// Rounds that are alike in who takes part over which links.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "comdml/comm/routes.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/fleet/attendance.hpp"
#include "comdml/pairing/numbering.hpp"

namespace comdml::learn {

/// Rounds with the same members and links, from one on. The tables that members need are made when the first of them
/// asks, are the same object for all of them, and go with the last one: a run with other members in every round would
/// need gigabytes for all rounds' at once.
class stage {
 public:
  /// What the members share. They hold it as long as the stage lasts for them.
  struct tables {
    comm::routes routes;
    link_matrix links;  ///< between the members, numbered from 0
  };

  /// \param links       of all agents
  /// \param hand_overs  what is handed over before the first round
  stage(round_index from, std::vector<agent_id> members, link_matrix links, std::vector<fleet::hand_over> hand_overs)
      : from_{from}, members_{std::move(members)}, links_{std::move(links)}, hand_overs_{std::move(hand_overs)} {}

  [[nodiscard]] round_index from() const noexcept { return from_; }
  [[nodiscard]] const std::vector<agent_id>& members() const noexcept { return members_; }
  [[nodiscard]] const link_matrix& links() const noexcept { return links_; }
  [[nodiscard]] const std::vector<fleet::hand_over>& hand_overs() const noexcept { return hand_overs_; }

  /// Any thread may ask. \throws run_error if the members do not reach each other
  [[nodiscard]] std::shared_ptr<const tables> share() const {
    const std::lock_guard lock{made_->mutex};
    std::shared_ptr<const tables> found = made_->last.lock();
    if (!found) {
      const pairing::numbering names{members_, links_.agents()};
      found = std::make_shared<const tables>(tables{comm::routes{links_, members_}, names.links(links_)});
      made_->last = found;
    }
    return found;
  }

 private:
  struct made {
    std::mutex mutex;
    std::weak_ptr<const tables> last;
  };

  round_index from_;
  std::vector<agent_id> members_;
  link_matrix links_;
  std::vector<fleet::hand_over> hand_overs_;
  std::unique_ptr<made> made_ = std::make_unique<made>();
};

}  // namespace comdml::learn
