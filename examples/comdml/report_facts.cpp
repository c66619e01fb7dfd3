// SPDX-License-Identifier: BSL-1.0
/// \file
/// Writes run.json.
#include "report_facts.hpp"

#include <cmath>
#include <utility>

#include <nlohmann/json.hpp>

#include "comdml/core/ids.hpp"

namespace program {

std::string run_facts(const comdml::fleet::description& fleet, std::span<const std::size_t> images,
                      const comdml::fleet::split_profile& profile, std::size_t units, const std::string& typed) {
  using json = nlohmann::ordered_json;
  constexpr std::size_t most_linked = 64;
  json agents = json::array();
  json links = json::array();
  const auto count = static_cast<std::uint32_t>(fleet.agents.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    agents.push_back({{"speed", fleet.agents[i].speed.value()}, {"images", images[i]}});
    json row = json::array();
    for (std::uint32_t j = 0; j < count && count <= most_linked; ++j) {
      const double rate = i == j ? 0 : fleet.links(comdml::agent_id{i}, comdml::agent_id{j}).rate.value() / 1e6;
      row.push_back(std::isfinite(rate) ? json(rate) : json(nullptr));
    }
    links.push_back(std::move(row));
  }
  json splits = json::array();
  for (const comdml::fleet::split_cost& split : profile.splits)
    splits.push_back({{"split", split.point.value},
                      {"wire", split.codec},
                      {"slow_share", split.slow_share},
                      {"fast_share", split.fast_share},
                      {"bytes_per_batch", split.wire.value()}});
  const json facts{{"schema", 1},
                   {"program", "comdml " COMDML_VERSION},
                   {"command", typed},
                   {"units", units},
                   {"agents", std::move(agents)},
                   {"links_mbps", count <= most_linked ? std::move(links) : json(nullptr)},
                   {"splits", std::move(splits)}};
  // What is not UTF-8 in a command line must not end a run.
  return facts.dump(1, ' ', false, json::error_handler_t::replace) + '\n';
}

}  // namespace program
