// SPDX-License-Identifier: BSL-1.0
/// \file
/// A plan, for people and as JSON.
#include "plan_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iomanip>
#include <numeric>
#include <ostream>
#include <utility>

#include "comdml/core/errors.hpp"
#include "texts.hpp"

namespace program {

using comdml::agent_id;
using comdml::seconds;
using comdml::text;
using comdml::pairing::assignment;

namespace {

/// More lines than that are for machines.
constexpr std::size_t most_lines = 40;

std::string in_seconds(seconds time) {
  const double value = time.value();
  if (!std::isfinite(value)) return "never";
  return fixed(value, value < 1 ? 4 : value < 100 ? 2 : 1) + " s";
}

std::string bar(seconds time, seconds longest) {
  constexpr double width = 24;
  if (!(longest > seconds{})) return {};
  const double share = std::clamp(time / longest, 0.0, 1.0);
  return std::string(static_cast<std::size_t>(std::ceil(width * share)), '#');
}

std::string units(comdml::split_point kept) { return text(kept, kept.value == 1 ? " unit" : " units"); }

/// A helper and its guests as a fleet of their own: the helper is agent 0, its p-th guest agent p + 1.
struct star {
  comdml::fleet::instance fleet;
  std::vector<assignment> pairs;
};

star star_of(const planned_round& round, agent_id helper) {
  const comdml::fleet::instance& all = round.fleet;
  star one{{{all.agents[helper.value]}, comdml::link_matrix{0}, all.profile}, {}};
  std::vector<agent_id> members{helper};
  for (const assignment& pair : round.plan.pairs) {
    if (pair.fast != helper) continue;
    one.pairs.push_back(pair);
    one.pairs.back().slow = agent_id{static_cast<std::uint32_t>(members.size())};
    one.pairs.back().fast = agent_id{0};
    members.push_back(pair.slow);
    one.fleet.agents.push_back(all.agents[pair.slow.value]);
  }
  one.fleet.links = comdml::link_matrix{members.size()};
  for (std::uint32_t a = 0; a < members.size(); ++a)
    for (std::uint32_t b = 0; b < members.size(); ++b)
      if (a != b) one.fleet.links.set(agent_id{a}, agent_id{b}, all.links(members[a], members[b]));
  return one;
}

/// What sets the pace of a pair: that which would shorten it most if it were twice as fast.
std::string pace(const planned_round& round, const assignment& pair) {
  const star real = star_of(round, pair.fast);
  std::uint32_t guest = 1;
  for (const assignment& other : round.plan.pairs) {
    if (other.slow == pair.slow) break;
    guest += other.fast == pair.fast ? 1 : 0;
  }
  const auto time = [&](const star& s) { return comdml::pairing::pair_costs(s.fleet, s.pairs, round.cost)[guest - 1]; };
  const auto twice = [&](auto&& change) {
    star faster = real;
    change(faster.fleet);
    return time(faster);
  };
  const auto hurry = [&](std::uint32_t from, std::uint32_t to, comdml::fleet::instance& fleet) {
    auto link = fleet.links(agent_id{from}, agent_id{to});
    fleet.links.set(agent_id{from}, agent_id{to}, {link.rate * 2.0, link.latency / 2.0});
  };
  const seconds now = time(real);
  const std::pair<seconds, const char*> reasons[]{
      {twice([&](auto& fleet) { fleet.agents[guest].speed = fleet.agents[guest].speed * 2.0; }), "its own part"},
      {twice([](auto& fleet) { fleet.agents[0].speed = fleet.agents[0].speed * 2.0; }), "the helper"},
      {twice([&](auto& fleet) {
         hurry(guest, 0, fleet);
         hurry(0, guest, fleet);
       }),
       "the link"}};
  const auto& best = *std::ranges::min_element(reasons, {}, [](const auto& one) { return one.first; });
  return best.first < now ? best.second : "two things at once";
}

std::string link_of(const planned_round& round, const assignment& pair) {
  const double rate = round.fleet.links(pair.slow, pair.fast).rate.value() / 1e6;
  const auto entry = comdml::pairing::entry_of(round.fleet.profile, pair);
  return text(to_text(rate), " Mbps, ", fixed(round.fleet.profile.splits[*entry].wire.value() / 1e6, 2),
              " MB a batch by ", pair.codec);
}

}  // namespace

std::optional<double> gap(const planned_round& round) {
  if (!round.optimum) return std::nullopt;
  return *round.optimum > seconds{} ? round.plan.makespan / *round.optimum - 1 : 0;
}

nlohmann::ordered_json to_json(const planned_round& round) {
  using json = nlohmann::ordered_json;
  json pairs = json::array();
  for (const assignment& pair : round.plan.pairs)
    pairs.push_back({{"slow", pair.slow.value},
                     {"fast", pair.fast.value},
                     {"split", pair.split.value},
                     {"time_s", pair.cost.value()},
                     {"wire", pair.codec}});
  json alone = json::array();
  for (const agent_id agent : round.plan.alone) alone.push_back(agent.value);
  const std::optional<double> distance = gap(round);
  json object{{"policy", round.policy},
              {"makespan_s", round.plan.makespan.value()},
              {"alone_s", round.plan.alone_makespan.value()},
              {"optimal_s", round.optimum ? json(round.optimum->value()) : json(nullptr)},
              {"gap", distance ? json(*distance) : json(nullptr)},
              {"solve_ms", 1e3 * round.solve_time.value()},
              {"pairs", std::move(pairs)},
              {"alone", std::move(alone)}};
  if (round.bound) object["bound_s"] = round.bound->value();
  if (round.messages) object["messages"] = *round.messages;
  return object;
}

void print(std::ostream& out, const planned_round& round) {
  const comdml::fleet::instance& fleet = round.fleet;
  const comdml::pairing::plan& plan = round.plan;
  const std::size_t agents = fleet.agents.size();
  out << "policy " << round.policy << ", cost " << round.cost_name << ", "
      << (fleet.profile.model.empty() ? "a model" : fleet.profile.model) << " in batches of " << fleet.profile.batch
      << ", " << agents << " agents\n\n";

  std::vector<seconds> solo(agents);
  std::vector<seconds> time(agents);
  std::vector<std::string> role(agents);
  for (std::uint32_t i = 0; i < agents; ++i) time[i] = solo[i] = round.cost.solo(fleet, agent_id{i});
  for (const assignment& pair : plan.pairs) {
    time[pair.slow.value] = pair.cost;
    time[pair.fast.value] = std::max(time[pair.fast.value], pair.cost);
    role[pair.slow.value] = text("helped by ", pair.fast);
    role[pair.fast.value] += text(role[pair.fast.value].empty() ? "helps " : ", ", pair.slow);
  }
  const seconds longest = std::max(*std::ranges::max_element(solo), plan.makespan);
  std::vector<std::uint32_t> order(agents);
  std::iota(order.begin(), order.end(), 0u);
  if (agents > most_lines) std::ranges::stable_sort(order, [&](auto a, auto b) { return solo[a] > solo[b]; });
  order.resize(std::min(agents, most_lines));
  const auto cell = [&](seconds value) {
    const std::string number = in_seconds(value);
    const std::string length = bar(value, longest);
    return text(std::string(12 - std::min<std::size_t>(12, number.size()), ' '), number, "  ", length,
                std::string(25 - length.size(), ' '));
  };
  out << "agent  batches/s  batches       alone                                planned\n";
  for (const std::uint32_t i : order) {
    std::string line = text(std::setw(5), i, std::setw(11), fixed(fleet.agents[i].speed.value(), 2), std::setw(9),
                            fixed(fleet.agents[i].work.value(), 1), cell(solo[i]), cell(time[i]), role[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  }
  if (agents > order.size())
    out << "  and " << agents - order.size() << " agents that are faster alone; --json lists all pairs\n";

  out << "\npairs\n";
  for (std::size_t p = 0; p < std::min(plan.pairs.size(), most_lines); ++p) {
    const assignment& pair = plan.pairs[p];
    out << "  agent " << pair.slow << " keeps " << units(pair.split) << ", agent " << pair.fast
        << " trains the rest: " << in_seconds(pair.cost) << " instead of " << in_seconds(pair.solo) << "\n      "
        << link_of(round, pair) << "; " << pace(round, pair) << " sets the pace";
    if (pair.refused)
      out << "; refused: agent " << pair.refused->fast << " after " << units(pair.refused->split) << ", "
          << in_seconds(pair.refused->cost);
    out << '\n';
  }
  if (plan.pairs.size() > most_lines) out << "  and " << plan.pairs.size() - most_lines << " more\n";
  if (plan.pairs.empty()) out << "  none\n";

  const double alone = plan.alone_makespan.value();
  out << "\nround: " << in_seconds(plan.makespan) << " instead of " << in_seconds(plan.alone_makespan)
      << " with nobody helped";
  if (alone > 0) out << " (" << percent(1 - plan.makespan.value() / alone) << " less)";
  out << "\noptimum over pairs: ";
  if (round.optimum)
    out << in_seconds(*round.optimum) << ", gap " << percent(*gap(round)) << '\n';
  else
    out << "not computed for so many agents; --optimal asks for it\n";
  if (round.bound)
    out << "proved by " << round.policy << ": no pairing takes less than " << in_seconds(*round.bound) << ", gap "
        << percent(*round.bound > seconds{} ? round.plan.makespan / *round.bound - 1 : 0) << '\n';
  if (round.messages) {
    const auto sum = std::accumulate(round.messages->begin(), round.messages->end(), std::size_t{0});
    out << "messages: " << fixed(static_cast<double>(sum) / static_cast<double>(agents), 1) << " per agent, at most "
        << *std::ranges::max_element(*round.messages) << '\n';
  }
  out << "planned in " << fixed(1e3 * round.solve_time.value(), 3) << " ms\n";

  if (round.sensitivity.empty()) return;
  out << "\nwhat if                                   this plan   planned anew   nobody helped\n";
  for (const what_if& one : round.sensitivity)
    out << "  " << std::left << std::setw(36) << one.change << std::right << std::setw(13) << in_seconds(one.kept)
        << std::setw(15) << (one.planned ? in_seconds(*one.planned) : "") << std::setw(16) << in_seconds(one.alone)
        << '\n';
}

}  // namespace program
