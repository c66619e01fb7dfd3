// SPDX-License-Identifier: BSL-1.0
/// \file
/// What algorithms know nothing of.
#include "algorithms.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/learn/mixing.hpp"

namespace program {

using comdml::input_error;
using comdml::text;

namespace {

struct meaning {
  const char* option;
  std::vector<std::string> algorithms;  ///< that it means something to
};

/// Options that not every algorithm knows.
const std::vector<meaning>& meanings() {
  static const std::vector<meaning> all{
      {"pairing", {"comdml"}},
      {"cost", {"comdml"}},
      {"time-limit", {"comdml"}},
      {"replan", {"comdml"}},
      {"minimum-gain", {"comdml"}},
      {"move-cost", {"comdml"}},
      {"auxiliary-head", {"comdml"}},
      {"cuts", {"comdml", "splitlearning"}},
      {"wire", {"comdml", "splitlearning"}},
      {"weight-wire", {"comdml", "allreduce", "fedavg"}},
      {"collective", {"comdml", "allreduce", "dpsgd", "gossip", "braintorrent"}},
      {"sample", {"comdml", "allreduce"}},
      {"come-and-go", {"comdml", "allreduce"}},
      {"server", {"fedavg", "splitlearning"}},
      {"cut", {"splitlearning"}},
      {"mix-every", {"dpsgd"}},
      {"time-budget", {"gossip", "braintorrent"}},
      {"checkpoint-every", {"comdml", "allreduce", "fedavg", "splitlearning"}},
  };
  return all;
}

/// Visitor that writes the value of every option down.
class value_reader {
 public:
  void group(const std::string&) {}
  template <class Value>
  void text(const std::string& name, const Value& value, const std::string&, const text_check&, const std::string&) {
    note(name, value);
  }
  template <class Value>
  void count(const std::string& name, const Value& value, count_range, const std::string&) {
    note(name, value);
  }
  template <class Value>
  void number(const std::string& name, const Value& value, number_range, const std::string&) {
    note(name, value);
  }

  std::map<std::string, std::string> values;

 private:
  template <class Value>
  void note(const std::string& name, const Value& value) {
    if constexpr (requires { value.has_value(); }) {
      if (value) values[name] = comdml::text(*value);
    } else {
      values[name] = comdml::text(value);
    }
  }
};

std::map<std::string, std::string> values_of(const train_options& options) {
  value_reader reader;
  visit_options(options, reader);
  return std::move(reader.values);
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

std::string joined(const std::vector<std::string>& names) { return one_of{names}.list(); }

}  // namespace

void require_meaning(const train_options& options) {
  if (options.replan != "measured")
    for (const auto& [name, value] :
         {std::pair{"--minimum-gain", options.minimum_gain}, std::pair{"--move-cost", options.move_cost}})
      if (value)
        throw input_error{name, "pairs only change where plans are made from what is measured",
                          "add --replan measured, or leave it out"};
  const std::string& algorithm = options.algorithm;
  const auto given = values_of(options);
  const auto untouched = std::make_unique<train_options>();  // not on the stack: g++ 12 thinks it uninitialized there
  const auto standard = values_of(*untouched);
  const auto value = [](const auto& values, const std::string& name) {
    const auto found = values.find(name);
    return found == values.end() ? std::string{} : found->second;
  };
  for (const meaning& one : meanings())
    if (value(given, one.option) != value(standard, one.option) && !contains(one.algorithms, algorithm))
      throw input_error{text("--", one.option), text("means nothing to --algorithm ", algorithm),
                        text("leave it out, or choose an algorithm that knows it: ", joined(one.algorithms))};

  const bool free = contains({"gossip", "braintorrent"}, algorithm);
  const auto refuse = [&](bool when, const char* option, const char* what, const char* remedy) {
    if (when) throw input_error{option, text(what, ", and the algorithm is ", algorithm), remedy};
  };
  refuse(options.optimizer_state == "averaged" && (free || algorithm == "dpsgd"), "--optimizer-state averaged",
         "needs an average of all agents", "leave it out: each agent's memory is its own, and forgotten every round");
  refuse(options.schedule == "plateau" && free, "--schedule plateau", "needs an accuracy that all agents agree on",
         "use constant or step");
  refuse(options.clock == "wall" && free, "--clock wall", "needs rounds, which this algorithm does not know",
         "use --clock virtual");
}

void require_suitable(const train_options& options, const comdml::fleet::description& fleet) {
  if (options.server && *options.server >= fleet.agents.size())
    throw input_error{"--server", text("there is no agent ", *options.server, " among ", fleet.agents.size()),
                      text("give one of 0 to ", fleet.agents.size() - 1)};
  if (contains({"dpsgd", "braintorrent"}, options.algorithm) && !comdml::learn::mutually_connected(fleet.links))
    throw input_error{"--fleet",
                      text(options.algorithm,
                           " needs links in both directions, and those of the fleet do not join all "
                           "agents"),
                      "add links back, or choose an algorithm that relays: comdml, allreduce, fedavg, splitlearning"};
}

}  // namespace program
