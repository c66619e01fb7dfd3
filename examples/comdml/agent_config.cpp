// SPDX-License-Identifier: BSL-1.0
/// \file
/// The configuration of an agent.
#include "agent_config.hpp"

#include <algorithm>
#include <cstddef>
#include <set>

#include "comdml/comm/zeromq_address.hpp"
#include "comdml/comm/zeromq_keys.hpp"
#include "comdml/core/errors.hpp"
#include "config_reader.hpp"

namespace program {

using comdml::input_error;
using comdml::text;

namespace {

const std::function<bool(const std::string&)> nothing_is_given = [](const std::string&) { return false; };

/// Lets `visit` take options from the table [name], if there is one.
template <class Visit>
void read_table(const std::filesystem::path& file, config_reader& all, const std::string& name, Visit&& visit) {
  const toml::table* const found = all.table(name);
  if (found == nullptr) return;
  config_reader table{file, *found, nothing_is_given};
  visit(table);
  table.require_no_other_keys(text("[", name, "] knows: ", table.known_keys()));
}

void read_peers(const std::filesystem::path& file, config_reader& all, agent_config& config) {
  std::set<std::uint64_t> ids{*config.agent.id};
  std::set<std::string> keys;
  for (const toml::table* const found : all.tables("peer")) {
    config_reader table{file, *found, nothing_is_given};
    peer_options peer;
    table.count("id", peer.id, {0, most_agents - 1}, "");
    table.text("public-key", peer.public_key, "KEY", key_check, "");
    table.text("address", peer.address, "ADDRESS", address_check, "");
    table.flag("later", peer.later, "");
    table.require_no_other_keys(text("[[peer]] knows: ", table.known_keys()));
    if (!peer.id) throw input_error{table.place("id"), "a peer without an id", "write id = 1, say"};
    if (peer.public_key.empty())
      throw input_error{table.place("public-key"), text("peer ", *peer.id, " has no public key"),
                        "write public-key = \"...\", the line `public` of the peer's key file"};
    if (!ids.insert(*peer.id).second)
      throw input_error{table.place("id"), text("agent ", *peer.id, " is there twice"),
                        "give every agent an id of its own"};
    if (!keys.insert(peer.public_key).second)
      throw input_error{table.place("public-key"), text("peer ", *peer.id, " has another peer's public key"),
                        "make keys for each agent by comdml keygen"};
    config.peers.push_back(peer);
  }
  for (const std::string& key : config.agent.observers)
    if (keys.contains(key))
      throw input_error{all.place("agent"), "an observer has a peer's public key",
                        "make keys of their own for observers, by comdml keygen"};
  if (config.agent.later && std::ranges::all_of(config.peers, &peer_options::later))
    throw input_error{all.place("agent"), "all agents come later, and nobody begins the run",
                      "leave later = true out where agents are there from the start"};
  if (*ids.rbegin() != ids.size() - 1)
    throw input_error{all.place("peer"), text("the ids of ", ids.size(), " agents are not 0 to ", ids.size() - 1),
                      "number the agents from 0 on, without gaps, this one included"};
}

}  // namespace

std::string key_check(const std::string& written) {
  if (comdml::comm::is_curve_key(written)) return {};
  return "... is not a public key\n  remedy: copy the line `public` of a key file: 40 characters";
}
std::string address_check(const std::string& written) {
  if (comdml::comm::is_tcp_address(written) && !comdml::comm::is_wildcard(written)) return {};
  return text('"', written, "\" is not an address\n  remedy: give one like tcp://host:5555");
}
std::string bind_check(const std::string& written) {
  const bool any_port = written.ends_with(":*");
  if (comdml::comm::is_tcp_address(any_port ? written.substr(0, written.size() - 1) + "1" : written)) return {};
  return text('"', written, "\" is not an address\n  remedy: give one like tcp://*:5555; port * takes a free one");
}

void read_agent_config(const std::filesystem::path& file, const std::function<bool(const std::string&)>& is_given,
                       agent_config& config) {
  const toml::table whole = parse_config(file, "give an agent's TOML file with --config");
  config_reader all{file, whole, nothing_is_given};
  const toml::table* const own = all.table("agent");
  if (own == nullptr) throw input_error{file.string(), "there is no [agent]", "see comdml agent --help"};
  {
    config_reader table{file, *own, is_given};
    agent_options& o = config.agent;
    table.count("id", o.id, {0, most_agents - 1}, "");
    table.text("key", o.key, "FILE", not_empty, "");
    table.text("bind", o.bind, "ADDRESS", bind_check, "");
    table.text("advertise", o.advertise, "ADDRESS", address_check, "");
    table.text("data-dir", o.data_dir, "DIR", existing_directory, "");
    table.flag("own-data", o.own_data, "");
    table.flag("later", o.later, "");
    table.list("observers", o.observers, key_check);
    visit_options(config.output, table);
    table.require_no_other_keys(text("[agent] knows: ", table.known_keys()));
    if (!o.id) throw input_error{table.place("id"), "[agent] has no id", "write id = 0, say"};
  }
  read_peers(file, all, config);
  read_table(file, all, "survival", [&](config_reader& table) {
    table.number("patience", config.survival.patience, {0, 1e6, true}, "");
    table.number("endurance", config.survival.endurance, {0, 1e9, true}, "");
    table.count("quorum", config.survival.quorum, {0, most_agents}, "");
    if (config.survival.endurance <= config.survival.patience)
      throw input_error{
          table.place("endurance"),
          text("endurance is ", config.survival.endurance, " s, and patience ", config.survival.patience, " s"),
          "give an endurance that is longer"};
  });
  read_table(file, all, "checkpoint", [&](config_reader& table) {
    table.text("folder", config.checkpoint.folder, "DIR", not_empty, "");
    table.count("every", config.checkpoint.every, {1, 1'000'000}, "");
  });
  read_table(file, all, "emulate", [&](config_reader& table) {
    table.number("share", config.emulate.share, {0, 1, true}, "");
    table.number("mbps", config.emulate.mbps, {0, 1e6, true}, "");
  });
  read_table(file, all, "log", [&](config_reader& table) {
    table.text("level", config.log.level, "LEVEL", one_of({"debug", "info", "warning", "error"}), "");
    table.text("file", config.log.file, "FILE", not_empty, "");
  });
  if (const toml::table* const train = all.table("train")) {
    config_reader table{file, *train, nothing_is_given};
    visit_options(config.train, table);
    table.require_no_other_keys("[train] knows the options of comdml train: see comdml train --help");
    const auto refuse = [&](bool when, const char* key, const std::string& what, const char* remedy) {
      if (when) throw input_error{table.place(key), what, remedy};
    };
    const std::uint64_t agents = config.peers.size() + 1;
    refuse(config.train.fleet.agents && *config.train.fleet.agents != agents, "agents",
           text("agents = ", config.train.fleet.agents.value_or(0), ", and with this one there are ", agents,
                " by the [[peer]]s"),
           "leave agents out, or list all others as [[peer]]");
    refuse(config.train.checkpoint_every > 0, "checkpoint-every", "an agent's checkpoints have a table of their own",
           "leave it out, and write [checkpoint] every = N");
    refuse(config.train.transport != "in-process", "transport", "an agent's transport is ZeroMQ",
           "leave transport out");
    refuse(config.train.algorithm != "comdml" && config.train.algorithm != "allreduce", "algorithm",
           text("algorithm = \"", config.train.algorithm, "\" does not go on when an agent is lost"),
           "use comdml or allreduce");
  }
  all.require_no_other_keys("tables are [agent], [[peer]], [train], [survival], [checkpoint], [emulate] and [log]");
}

const char* agent_config_example() {
  return "[agent]\n"
         "id = 0                        # from 0 on, every agent its own\n"
         "key = \"agent.key\"             # made by comdml keygen\n"
         "bind = \"tcp://*:5555\"         # port * takes a free one\n"
         "# advertise = \"tcp://HOST:PORT\", what others are told if that is another address\n"
         "# data-dir = \"DIR\", own-data = true: all of its images are this agent's own\n"
         "# observers = [\"KEY\"], public keys that may ask for comdml status\n"
         "# later = true: the run begins without it, and it joins when it is started; the others say so of it, too\n"
         "# out = \"DIR\", json = true: as the options\n"
         "[[peer]]                      # one for each other agent\n"
         "id = 1\n"
         "public-key = \"40 characters\"\n"
         "address = \"tcp://HOST:5555\"   # may be left out for all but one: others are asked for it\n"
         "# later = true: it may join the running fleet\n"
         "[train]                       # options of comdml train, the same on all agents\n"
         "rounds = 20\n"
         "fleet = \"uniform\"             # the declared speeds and links\n"
         "[survival]\n"
         "patience = 30                 # seconds beyond what a peer should take, before it counts as lost\n"
         "endurance = 600               # seconds to go on trying where too few are there\n"
         "quorum = 0                    # agents that must go on together; 0: a majority\n"
         "[checkpoint]\n"
         "folder = \"checkpoints\"        # goes on from there when started again\n"
         "every = 1                     # rounds\n"
         "[emulate]                     # for a test lab\n"
         "share = 1                     # of a core\n"
         "# mbps = 100, of each link\n"
         "[log]\n"
         "level = \"info\"                # debug, info, warning, error\n"
         "# file = \"agent.log\", instead of standard error\n";
}

}  // namespace program
