// SPDX-License-Identifier: BSL-1.0
/// \file
/// Fleets as TOML files, written by people. Opt-in: needs toml++, and comdml.hpp leaves it out.
///
///     [[agent]]                # id = position, from 0
///     batches_per_second = 1.6
///     batches = 50
///     memory_mb = 512          # optional: what it can spare for guests; MB = 1e6 bytes
///     [[agent]]
///     cpus = 2                 # instead of batches_per_second: times the profile's batches_per_second (one thread)
///     batches = 80
///     [[link]]
///     between = [0, 1]         # both ways; from = 0 and to = 1 for one way
///     mbps = 50                # 1e6 bits per second; 0 = not connected
///     latency_ms = 5           # optional
///     [defaults]
///     mbps = 10                # links that no [[link]] names; without it these are not connected
///
/// Numbers may be integers or floats. A later [[link]] replaces an earlier one of the same pair and direction.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <toml++/toml.h>

#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/links.hpp"
#include "comdml/core/text_file.hpp"
#include "comdml/core/units.hpp"

namespace comdml::fleet {

/// An agent of a fleet file.
struct listed_agent {
  batches_per_second speed;
  std::optional<batches> work{};  ///< of a round
  std::optional<bytes> memory{};  ///< that it can spare for guests; empty = no limit
  std::size_t line = 0;           ///< where it stands in the file

  friend bool operator==(const listed_agent&, const listed_agent&) = default;
};

/// What a fleet file says.
struct listed_fleet {
  std::string file;
  std::vector<listed_agent> agents;
  link_matrix links;

  /// The place of an agent, for messages.
  [[nodiscard]] std::string place(std::size_t agent) const { return text(file, ", line ", agents.at(agent).line); }
};

namespace detail {

/// The `where` of an input_error.
[[nodiscard]] inline std::string place_in(const std::string& file, const toml::source_position& position) {
  return text(file, ", line ", position.line, ", column ", position.column);
}

/// A table of a fleet file, with keys that are known.
class fleet_table {
 public:
  /// \param name  what people call it: "[[agent]]"
  fleet_table(const std::string& file, const toml::table& table, std::string name,
              std::initializer_list<std::string_view> known)
      : file_{file}, table_{table}, name_{std::move(name)} {
    for (const auto& [key, value] : table)
      if (std::ranges::find(known, key.str()) == known.end()) {
        std::string all;
        for (const std::string_view one : known) all += text(all.empty() ? "" : ", ", one);
        throw input_error{place_in(file_, key.source().begin), text("unknown key \"", key.str(), "\" in ", name_),
                          "its keys are " + all};
      }
  }

  [[nodiscard]] bool has(std::string_view key) const { return table_.contains(key); }
  [[nodiscard]] std::size_t line() const { return static_cast<std::size_t>(table_.source().begin.line); }

  /// A finite number from `least` to `most`; `least` itself does not count if `above`. Requires the key.
  [[nodiscard]] double number(std::string_view key, double least, double most, bool above = false) const {
    return number_of(*table_.get(key), key, least, most, above);
  }
  /// The id of an agent of the file. Requires the key.
  [[nodiscard]] agent_id agent(std::string_view key, std::size_t agents) const {
    return agent_of(*table_.get(key), key, agents);
  }
  /// The ids of an array of two. Requires the key.
  [[nodiscard]] std::pair<agent_id, agent_id> two_agents(std::string_view key, std::size_t agents) const {
    const toml::node& node = *table_.get(key);
    const toml::array* const both = node.as_array();
    if (both == nullptr || both->size() != 2)
      refuse(node, text(key, " is not a list of two agents"), text("write ", key, " = [0, 1], say"));
    return {agent_of((*both)[0], key, agents), agent_of((*both)[1], key, agents)};
  }

  [[noreturn]] void refuse(const std::string& what, const std::string& remedy) const {
    throw input_error{place_in(file_, table_.source().begin), text(name_, ' ', what), remedy};
  }
  /// The same, at the place of a key.
  [[noreturn]] void refuse(std::string_view key, const std::string& what, const std::string& remedy) const {
    refuse(*table_.get(key), what, remedy);
  }

 private:
  [[noreturn]] void refuse(const toml::node& node, const std::string& what, const std::string& remedy) const {
    throw input_error{place_in(file_, node.source().begin), what, remedy};
  }

  double number_of(const toml::node& node, std::string_view key, double least, double most, bool above) const {
    const std::optional<double> value = node.is_number() ? node.value<double>() : std::nullopt;
    if (!value) refuse(node, text(key, " is not a number"), text("write ", key, " = 1.5, say"));
    if (!(*value <= most && (above ? *value > least : *value >= least)))  // and NaN
      refuse(node, text(key, " = ", *value, " will not do"),
             text("give a number ", above ? "above " : "from ", least, " to ", most));
    return *value;
  }

  agent_id agent_of(const toml::node& node, std::string_view key, std::size_t agents) const {
    const double value = number_of(node, key, 0, 4e9, false);
    if (value != std::floor(value)) refuse(node, text(key, " = ", value, " is not an agent"), "give a whole number");
    if (value >= static_cast<double>(agents))
      refuse(
          node,
          text("link to agent ", value, ", which is missing: the file has ", agents, " agents, from 0 to ", agents - 1),
          "give the position of an [[agent]], counted from 0, or add the agent");
    return agent_id{static_cast<std::uint32_t>(value)};
  }

  const std::string& file_;
  const toml::table& table_;
  std::string name_;
};

/// The tables of an array of tables; none if there is no such key.
inline std::vector<const toml::table*> tables_of(const std::string& file, const toml::table& root,
                                                 std::string_view key) {
  std::vector<const toml::table*> tables;
  const toml::node* const node = root.get(key);
  if (node == nullptr) return tables;
  const auto refuse = [&](const toml::node& wrong) {
    throw input_error{place_in(file, wrong.source().begin), text(key, " is not a list of tables"),
                      text("begin each with [[", key, "]]")};
  };
  const toml::array* const all = node->as_array();
  if (all == nullptr) refuse(*node);
  for (const toml::node& element : *all) {
    if (!element.is_table()) refuse(element);
    tables.push_back(element.as_table());
  }
  return tables;
}

inline listed_agent read_agent(const fleet_table& table, batches_per_second one_thread) {
  constexpr double slowest = 1e-6;  // agents tell their speed in millionths
  constexpr double fastest = 1e12;
  listed_agent agent{.speed = {}, .line = table.line()};
  const bool measured = table.has("cpus");
  if (measured && table.has("batches_per_second"))
    table.refuse("cpus", "cpus and batches_per_second of one agent", "give one of them");
  if (measured) {
    const double cpus = table.number("cpus", 0, 1e6, true);
    if (!(one_thread.value() > 0))
      table.refuse("cpus", "cpus = times the speed of one thread, which is not known here",
                   "give batches_per_second, or a profile that was measured (comdml profile)");
    agent.speed = cpus * one_thread;
    if (!(agent.speed.value() >= slowest && agent.speed.value() <= fastest))
      table.refuse("cpus", text("cpus = ", cpus, " makes ", agent.speed.value(), " batches/s"),
                   text("the speed must lie between ", slowest, " and ", fastest));
  } else if (table.has("batches_per_second")) {
    agent.speed = batches_per_second{table.number("batches_per_second", slowest, fastest)};
  } else {
    table.refuse("has no speed", "give batches_per_second = 1.6, say, or cpus = 2");
  }
  if (table.has("batches")) agent.work = batches{table.number("batches", 0, 1e12)};
  if (table.has("memory_mb")) agent.memory = megabytes(table.number("memory_mb", 0, 1e12));
  return agent;
}

inline void read_link(const fleet_table& table, link_matrix& links) {
  const std::size_t agents = links.agents();
  std::pair<agent_id, agent_id> ends;
  const bool both_ways = table.has("between");
  if (both_ways && (table.has("from") || table.has("to")))
    table.refuse("between", "between and from/to of one link", "give between = [0, 1] for both ways, or from and to");
  if (both_ways)
    ends = table.two_agents("between", agents);
  else if (table.has("from") && table.has("to"))
    ends = {table.agent("from", agents), table.agent("to", agents)};
  else
    table.refuse("does not say which agents it joins", "give between = [0, 1] for both ways, or from = 0 and to = 1");
  if (ends.first == ends.second)
    table.refuse(both_ways ? "between" : "to", text("link of agent ", ends.first, " to itself"),
                 "an agent needs no link to itself: join two agents, or take the link out");
  if (!table.has("mbps")) table.refuse("has no rate", "give mbps = 50, say; 0 = not connected");
  const directed_link link{
      .rate = megabits_per_second(table.number("mbps", 0, 1e12)),
      .latency = table.has("latency_ms") ? 1e-3 * seconds{table.number("latency_ms", 0, 1e9)} : seconds{}};
  links.set(ends.first, ends.second, link);
  if (both_ways) links.set(ends.second, ends.first, link);
}

}  // namespace detail

/// Agents that a fleet file may list: the table of their links may take 4 bytes a pair.
inline constexpr std::size_t most_listed_agents = 20'000;

/// Reads a fleet; `file` stands in messages only.
/// \param one_thread  what an agent with cpus = 1 makes; zero if that is not known
/// \throws input_error that names the file, the line and the remedy
[[nodiscard]] inline listed_fleet parse_fleet(std::string_view toml, std::string file,
                                              batches_per_second one_thread = {}) {
  listed_fleet fleet{.file = std::move(file), .agents = {}, .links = {}};
  toml::table root;
  try {
    root = toml::parse(toml, std::string_view{fleet.file});
  } catch (const toml::parse_error& error) {
    throw input_error{detail::place_in(fleet.file, error.source().begin), std::string{error.description()},
                      "mend the TOML there"};
  }
  const detail::fleet_table checked{fleet.file, root, "a fleet file", {"agent", "link", "defaults"}};
  const auto agents = detail::tables_of(fleet.file, root, "agent");
  if (agents.empty())
    throw input_error{text(fleet.file, ", line 1"), "lists no agents", "begin each agent with a line [[agent]]"};
  if (agents.size() > most_listed_agents)
    throw input_error{text(fleet.file, ", line ", agents[most_listed_agents]->source().begin.line),
                      text(agents.size(), " agents"), text("list at most ", most_listed_agents)};
  for (const toml::table* const agent : agents)
    fleet.agents.push_back(detail::read_agent(
        {fleet.file, *agent, "[[agent]]", {"batches_per_second", "cpus", "batches", "memory_mb"}}, one_thread));

  fleet.links = link_matrix{agents.size()};
  if (checked.has("defaults")) {
    const toml::table* const defaults = root.get("defaults")->as_table();
    if (defaults == nullptr) checked.refuse("defaults", "defaults is not a table", "write [defaults] above its keys");
    const detail::fleet_table table{fleet.file, *defaults, "[defaults]", {"mbps"}};
    if (table.has("mbps"))
      if (const double rate = table.number("mbps", 0, 1e12); rate > 0) {
        const std::array kinds{directed_link{}, directed_link{.rate = megabits_per_second(rate), .latency = {}}};
        fleet.links = link_matrix{agents.size(), kinds, [](agent_id, agent_id) { return 1U; }};
      }
  }
  for (const toml::table* const link : detail::tables_of(fleet.file, root, "link"))
    detail::read_link({fleet.file, *link, "[[link]]", {"between", "from", "to", "mbps", "latency_ms"}}, fleet.links);
  return fleet;
}

/// Reads a fleet file. \throws input_error that names the file, the line and the remedy
[[nodiscard]] inline listed_fleet read_fleet(const std::filesystem::path& file, batches_per_second one_thread = {}) {
  const std::string content = read_text_file(file, {.most = 64 << 20,
                                                    .what = "a fleet",
                                                    .if_missing = "give a fleet file in TOML",
                                                    .if_too_large = "split the fleet"});
  return parse_fleet(content, file.string(), one_thread);
}

}  // namespace comdml::fleet
