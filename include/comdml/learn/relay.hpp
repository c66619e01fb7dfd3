// SPDX-License-Identifier: BSL-1.0
/// \file
/// One message from agent to agent, over others where there is no direct link.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"
#include "comdml/learn/peers.hpp"

namespace comdml::learn {

/// Passes messages on along the direct link, or the widest path. Every agent of the fleet must call it for every
/// message, in the same order; who is not on the way returns at once.
template <Transport T>
class relay {
 public:
  explicit relay(peers<T>& fleet) : fleet_{fleet} {}

  /// `data` is what `from` sends; the others' is not looked at. \returns it at `to`, nothing elsewhere
  std::vector<std::byte> pass(message_kind kind, agent_id from, agent_id to, std::vector<std::byte> data, bytes& sent) {
    if (from == to) return data;
    const std::vector<agent_id>& way = path(from, to);
    const auto at = std::ranges::find(way, fleet_.self());
    if (at == way.end()) return {};
    if (at != way.begin()) {
      comm::delivery got = fleet_.transport().receive(*std::prev(at), fleet_.tag(kind), seconds::infinity());
      fleet_.require_ok("receiving what is passed on", *std::prev(at), got.result);
      data = std::move(got.data);
    }
    if (std::next(at) == way.end()) return data;
    sent += bytes{static_cast<double>(data.size())};
    fleet_.require_ok("passing on", *std::next(at),
                      fleet_.transport().send(*std::next(at), fleet_.tag(kind), std::move(data), seconds::infinity()));
    return {};
  }

 private:
  const std::vector<agent_id>& path(agent_id from, agent_id to) {
    if (fleet_.round() != round_) known_.clear();  // links may be others
    round_ = fleet_.round();
    std::vector<agent_id>& way = known_[{from, to}];
    if (way.empty()) way = fleet_.routes().linked(from, to) ? std::vector{from, to} : fleet_.routes().path(from, to);
    return way;
  }

  peers<T>& fleet_;
  round_index round_{};
  std::map<std::pair<agent_id, agent_id>, std::vector<agent_id>> known_;
};

}  // namespace comdml::learn
