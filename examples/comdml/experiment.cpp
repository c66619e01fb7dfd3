// SPDX-License-Identifier: BSL-1.0
/// \file
/// Reads experiments.
#include "experiment.hpp"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include <toml++/toml.h>

#include "comdml/core/errors.hpp"
#include "comdml/core/text_file.hpp"
#include "pairings.hpp"
#include "profiles.hpp"
#include "texts.hpp"

namespace program {

using comdml::input_error;
using comdml::text;

namespace {

/// A table of the file whose keys are taken one by one; those that are left over are unknown.
class table_reader {
 public:
  table_reader(std::string file, std::string name, const toml::table& table)
      : file_{std::move(file)}, name_{std::move(name)}, table_{&table} {}

  template <class Value>
  void take(const char* key, Value& value, const text_check& check) {
    if (const toml::node* const node = find(key)) {
      const auto written = node->value_exact<std::string>();
      if (!written) refuse(*node, text(key, " is not a string"), text("write ", key, " = \"...\""));
      require(*node, key, check(*written));
      value = *written;
    }
  }
  template <class Value>
  void take(const char* key, Value& value, count_range range) {
    if (const toml::node* const node = find(key)) value = count_of(*node, key, range);
  }
  template <class Value>
  void take(const char* key, Value& value, number_range range) {
    if (const toml::node* const node = find(key)) {
      const auto written = node->is_number() ? node->value<double>() : std::nullopt;
      if (!written) refuse(*node, text(key, " is not a number"), text("write ", key, " = 0.5, say"));
      require(*node, key, outside(to_text(*written), range));
      value = *written;
    }
  }
  void take(const char* key, std::vector<std::uint64_t>& values) {
    const toml::node* const node = find(key);
    if (node == nullptr) return;
    const toml::array* const list = node->as_array();
    if (list == nullptr || list->empty()) refuse(*node, text(key, " is not a list"), text("write ", key, " = [1, 2]"));
    for (const toml::node& one : *list) values.push_back(count_of(one, key, {}));
  }

  /// A table of its own; nullopt if there is none.
  std::optional<table_reader> table(const char* key) {
    const toml::node* const node = find(key);
    if (node == nullptr) return std::nullopt;
    if (!node->is_table()) refuse(*node, text(key, " is not a table"), text("write [", key, "]"));
    return table_reader{file_, text("[", key, "]"), *node->as_table()};
  }
  /// [[key]], at least one.
  std::vector<table_reader> tables(const char* key) {
    const toml::node* const node = find(key);
    if (node == nullptr || !node->is_array_of_tables())
      refuse(node == nullptr ? *table_ : *node, text("there is no [[", key, "]]"),
             text("write [[", key, "]] and its keys below, once or more"));
    std::vector<table_reader> all;
    for (const toml::node& one : *node->as_array())
      all.push_back(table_reader{file_, text("[[", key, "]]"), *one.as_table()});
    return all;
  }

  void require_key(const char* key) {
    if (find(key) == nullptr) refuse(*table_, text(name_, " has no ", key), text("give it: ", key, " = ..."));
  }
  void require_no_other_keys() const {
    std::vector<std::string> known{known_.begin(), known_.end()};
    for (const auto& [key, node] : *table_)
      if (!known_.contains(std::string{key.str()}))
        throw input_error{place(key.source().begin), text("unknown key \"", key.str(), "\" in ", name_),
                          text("keys are ", one_of{known}.list())};
  }
  [[noreturn]] void refuse(const char* key, const std::string& what, const std::string& remedy) const {
    const toml::node* const node = table_->get(key);
    refuse(node == nullptr ? *table_ : *node, what, remedy);
  }

 private:
  const toml::node* find(const char* key) {
    known_.insert(key);
    return table_->get(key);
  }
  [[nodiscard]] std::string place(const toml::source_position& at) const {
    return text(file_, ", line ", at.line, ", column ", at.column);
  }
  [[noreturn]] void refuse(const toml::node& node, const std::string& what, const std::string& remedy) const {
    throw input_error{place(node.source().begin), what, remedy};
  }
  [[nodiscard]] std::uint64_t count_of(const toml::node& node, const char* key, count_range range) const {
    const auto written = node.value_exact<std::int64_t>();
    if (!written) refuse(node, text(key, " is not a whole number"), text("write ", key, " = 1, say"));
    require(node, key, outside(std::to_string(*written), range));
    return static_cast<std::uint64_t>(*written);
  }
  /// `problem` is empty, or says what is wrong and the remedy.
  void require(const toml::node& node, const char* key, const std::string& problem) const {
    if (problem.empty()) return;
    const std::string remedy = "\n  remedy: ";
    const std::size_t split = problem.find(remedy);
    if (split == std::string::npos) refuse(node, text(key, " = ", problem), "give another value");
    refuse(node, text(key, " = ", problem.substr(0, split)), problem.substr(split + remedy.size()));
  }

  std::string file_;
  std::string name_;
  const toml::table* table_;
  std::set<std::string> known_;
};

train_options read_learn(table_reader& in) {
  train_options o;
  in.take("dataset", o.dataset, one_of(data_set_names()));
  in.take("data-dir", o.data_dir, text_check{existing_directory});
  in.take("train-limit", o.train_limit, count_range{});
  in.take("test-limit", o.test_limit, count_range{});
  in.take("model", o.model, one_of(model_names()));
  in.take("auxiliary-head", o.auxiliary_head, one_of(auxiliary_head_names()));
  in.take("rounds", o.rounds, count_range{1, 10'000});
  in.take("batch", o.batch, count_range{2, 1'000'000});
  in.take("local-epochs", o.local_epochs, count_range{1, 10'000});
  in.take("partition", o.partition, text_check{partition_check});
  in.take("augment", o.augment, one_of({"none", "crop-flip", "crop-flip-cutout"}));
  in.take("optimizer", o.optimizer, one_of({"sgd", "adam"}));
  in.take("learning-rate", o.learning_rate, number_range{0, 1000, true});
  in.take("momentum", o.momentum, number_range{0, 1});
  in.take("weight-decay", o.weight_decay, number_range{0, 1000});
  in.take("schedule", o.schedule, one_of({"constant", "step"}));
  in.require_no_other_keys();
  return o;
}

void read_time(table_reader& in, experiment::time_model& time) {
  in.take("model", time.model, one_of(model_names()));
  in.take("images", time.images, one_of(data_set_names()));
  in.take("batch", time.batch, count_range{2, 1'000'000});
  in.take("batches", time.batches, count_range{1, 1'000'000});
  in.take("cuts", time.cuts, one_of({"every_block", "stages"}));
  in.take("auxiliary-head", time.auxiliary_head, one_of(auxiliary_head_names()));
  in.take("rounds", time.rounds, count_range{1, 100'000});
  in.require_no_other_keys();
}

experiment::setting read_setting(table_reader& in, bool learning) {
  experiment::setting one;
  in.require_key("name");
  in.take("name", one.name, text_check{not_empty});
  in.take("fleet", one.fleet.fleet, text_check{fleet_check});
  in.take("agents", one.fleet.agents, count_range{2, learning ? most_agents : 5000});
  in.take("topology", one.fleet.topology, text_check{topology_check});
  in.take("links", one.fleet.links, one_of({"symmetric", "asymmetric"}));
  in.take("latency", one.fleet.latency, number_range{0, 1e6});
  in.take("mbps", one.mbps, number_range{0, 1e9, true});
  in.take("wire", one.wire, one_of(wire_choices()));
  in.take("weight-wire", one.weight_wire, one_of(wire_names()));
  in.take("change", one.fleet.change, text_check{change_check});
  in.take("sample", one.fleet.sample, number_range{0, 1, true});
  in.take("come-and-go", one.fleet.come_and_go, text_check{come_and_go_check});
  in.require_no_other_keys();
  return one;
}

experiment::contender read_contender(table_reader& in, bool learning) {
  experiment::contender one;
  const std::vector<std::string> without_learning{"comdml", "allreduce", "fedavg", "splitlearning"};
  in.take("algorithm", one.algorithm,
          one_of({"comdml", "allreduce", "fedavg", "dpsgd", "splitlearning", "gossip", "braintorrent"}));
  one.name = one.algorithm;
  in.take("name", one.name, text_check{not_empty});
  in.take("pairing", one.pairing, text_check{pairing_check});
  in.take("cost", one.cost, one_of(cost_names()));
  in.take("replan", one.replan, one_of({"declared", "current"}));
  in.take("cuts", one.cuts, one_of({"every_block", "stages"}));
  in.take("cut", one.cut, count_range{1, 100'000});
  std::string timed = "simulation";
  in.take("timed-by", timed, one_of({"simulation", "training"}));
  in.require_no_other_keys();
  one.timed_by_training = timed == "training";
  if (!learning && std::ranges::find(without_learning, one.algorithm) == without_learning.end())
    in.refuse("algorithm", text(one.algorithm, "'s time depends on learning"),
              text("add a [learn] table, or give one of ", one_of{without_learning}.list()));
  if (one.algorithm != "comdml")
    for (const char* const key : {"pairing", "cost", "replan", "cuts", "cut"})
      if (key != std::string{"cuts"} || one.algorithm != "splitlearning")
        if ((key == std::string{"pairing"} && one.pairing != "greedy") ||
            (key == std::string{"cost"} && one.cost != "overlapped") ||
            (key == std::string{"replan"} && one.replan != "declared") || (key == std::string{"cuts"} && one.cuts) ||
            (key == std::string{"cut"} && one.cut))
          in.refuse(key, text(key, " means nothing to ", one.algorithm), "leave it out");
  if (one.timed_by_training && (!learning || one.algorithm != "allreduce"))
    in.refuse("timed-by", "training is for allreduce with a [learn] table", "leave it out");
  return one;
}

/// Whether an algorithm can be played, and learn, in a setting whose fleet is not the same in all rounds.
void require_playable(const std::string& file, const experiment::setting& setting,
                      const experiment::contender& contender) {
  const std::string& algorithm = contender.algorithm;
  const auto refuse = [&](const std::string& why, const char* keys, const char* remedy) {
    throw input_error{file, text("setting \"", setting.name, "\": ", algorithm, ' ', why),
                      text("leave out ", keys, ", or ", algorithm, remedy)};
  };
  const bool away = setting.fleet.sample < 1 || !setting.fleet.come_and_go.empty();
  if (away && algorithm != "comdml" && algorithm != "allreduce")
    refuse("needs all agents in every round", "sample and come-and-go", "; comdml and allreduce can do without");
  if (setting.fleet.change.empty()) return;
  if (algorithm == "gossip" || algorithm == "braintorrent")
    refuse("knows no rounds, from which on speeds could be others", "change", "");
  if (algorithm == "splitlearning") refuse("is timed by a formula that knows one speed of each agent", "change", "");
}

template <class Named>
void require_different(const std::string& file, const std::vector<Named>& all, const char* what) {
  std::set<std::string> names;
  for (const Named& one : all)
    if (!names.insert(one.name).second)
      throw input_error{file, text("two ", what, "s are called \"", one.name, '"'), "give each a name of its own"};
}

}  // namespace

experiment parse_experiment(const std::string& name, const std::string& content) {
  toml::table parsed;
  try {
    parsed = toml::parse(content, name);
  } catch (const toml::parse_error& error) {
    throw input_error{text(name, ", line ", error.source().begin.line, ", column ", error.source().begin.column),
                      std::string{error.description()}, "mend the TOML there"};
  }
  table_reader in{name, "the experiment", parsed};
  experiment read;
  read.source = content;
  in.require_key("title");
  in.take("title", read.title, text_check{not_empty});
  in.require_key("seeds");
  in.take("seeds", read.seeds);
  if (auto learn = in.table("learn")) {
    read.learn = std::make_shared<const train_options>(read_learn(*learn));
    in.require_key("target_accuracy");
  }
  in.take("target_accuracy", read.target, number_range{0, 1, true});
  if (auto time = in.table("time")) read_time(*time, read.time);
  for (table_reader& one : in.tables("setting")) read.settings.push_back(read_setting(one, read.learn != nullptr));
  for (table_reader& one : in.tables("algorithm"))
    read.contenders.push_back(read_contender(one, read.learn != nullptr));
  in.require_no_other_keys();
  require_different(name, read.settings, "setting");
  require_different(name, read.contenders, "algorithm");
  if (std::set<std::uint64_t>{read.seeds.begin(), read.seeds.end()}.size() != read.seeds.size())
    in.refuse("seeds", "a seed is there twice", "give each once");
  for (const experiment::setting& setting : read.settings)
    for (const experiment::contender& contender : read.contenders) require_playable(name, setting, contender);
  return read;
}

experiment read_experiment(const std::filesystem::path& file) {
  return parse_experiment(file.string(),
                          comdml::read_text_file(file, {.most = 1u << 20,
                                                        .what = "an experiment",
                                                        .if_missing = "give a TOML file, or --preset NAME",
                                                        .if_too_large = "give a smaller file"}));
}

experiment preset(const std::string& name) {
  for (const embedded_experiment& one : embedded_experiments())
    if (one.name == name) return parse_experiment(text("preset ", name), one.text);
  std::size_t width = 0;
  for (const embedded_experiment& one : embedded_experiments()) width = std::max(width, std::string{one.name}.size());
  std::string all;
  for (const embedded_experiment& one : embedded_experiments())
    all += text("\n    ", one.name, std::string(width + 2 - std::string{one.name}.size(), ' '),
                parse_experiment(text("preset ", one.name), one.text).title);
  throw input_error{"--preset", text('"', name, "\" is not known"), "give one of" + all};
}

}  // namespace program
