// SPDX-License-Identifier: BSL-1.0
/// \file
/// A fleet of real agents: processes of `comdml agent` on this machine, at free ports.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "support.hpp"

namespace support {

/// Whether the program was built with agents; says so where it was not.
inline bool has_agents() {
  const scratch files;
  const ending made = run({"keygen", "--out", (files / "key").string()});
  const bool built = !contains(made.error, "built without ZeroMQ");
  if (built) REQUIRE(made.code == 0);
  if (!built) MESSAGE("skipped: the program was built without ZeroMQ and spdlog");
  return built;
}

/// Agent 0 is started first, and the others are told its address; they learn the rest from it.
class agent_fleet {
 public:
  /// \param train  lines of the table [train] \param more  further tables of every agent
  agent_fleet(std::size_t count, std::string train, std::string more = "")
      : train_{std::move(train)},
        more_{std::move(more)},
        agents_(count),
        own_(count),
        tables_(count),
        hosts_(count, "127.0.0.1"),
        through_(count) {
    for (std::size_t i = 0; i <= count; ++i) {  // the last one is an observer's
      const ending made = run({"keygen", "--out", key_of(i)});
      REQUIRE(made.code == 0);
      public_keys_.push_back(lines(made.out).at(0));
    }
  }

  [[nodiscard]] std::string key_of(std::size_t i) const { return (files_ / ("key-" + std::to_string(i))).string(); }
  [[nodiscard]] const std::string& public_key(std::size_t i) const { return public_keys_.at(i); }
  [[nodiscard]] std::string observer_key() const { return key_of(agents_.size()); }
  [[nodiscard]] fs::path folder() const { return files_ / ""; }

  /// Other lines of [train] for one agent.
  void tell_otherwise(std::size_t i, std::string train) { tables_.at(i) = std::move(train); }
  /// More lines of [agent] for one agent.
  void tell_agent(std::size_t i, std::string own) { own_.at(i) = std::move(own); }
  /// A host that an agent listens at in place of the loopback's, and the command through which it is started.
  void place(std::size_t i, std::string host, std::string through = "") {
    hosts_.at(i) = std::move(host);
    through_.at(i) = std::move(through);
  }
  /// The run begins without that agent.
  void joins_later(std::size_t i) { later_.insert(i); }
  /// Other keys for one agent, which the others do not know.
  void replace_key(std::size_t i) {
    fs::remove(key_of(i));
    REQUIRE(run({"keygen", "--out", key_of(i)}).code == 0);
  }

  void start(std::size_t i) {
    std::string config = "[agent]\nid = " + std::to_string(i) + "\nkey = \"" + key_of(i) + "\"\nbind = \"tcp://" +
                         hosts_[i] + ":*\"\nobservers = [\"" + public_keys_.back() + "\"]\n";
    config += own_[i];
    if (later_.contains(i)) config += "later = true\n";
    for (std::size_t j = 0; j < agents_.size(); ++j) {
      if (j == i) continue;
      config += "[[peer]]\nid = " + std::to_string(j) + "\npublic-key = \"" + public_keys_[j] + "\"\n";
      if (later_.contains(j)) config += "later = true\n";
      if (agents_[j]) config += "address = \"" + address(j) + "\"\n";
    }
    config += "[train]\nthreads = 1\n" + tables_[i].value_or(train_) + more_;
    const fs::path file = files_ / ("agent-" + std::to_string(i) + ".toml");
    write(file, config);
    // exec: the process is the agent, whatever it is started through.
    agents_[i] = std::make_unique<process>(
        std::vector<std::string>{"-c", "exec " + through_[i] + " \"$0\" agent --config '" + file.string() + "' --json",
                                 COMDML_PROGRAM},
        "/bin/sh");
    INFO(agents_[i]->told());
    REQUIRE(agents_[i]->wait_until_told("listens at"));
  }
  void start_all() {
    for (std::size_t i = 0; i < agents_.size(); ++i) start(i);
  }

  [[nodiscard]] process& operator[](std::size_t i) { return *agents_.at(i); }
  [[nodiscard]] std::string address(std::size_t i) const {
    const std::string told = agents_[i]->told();
    const std::size_t begin = told.find("tcp://", told.find("listens at"));
    return told.substr(begin, told.find(',', begin) - begin);
  }

 private:
  scratch files_;
  std::string train_;
  std::string more_;
  std::vector<std::string> public_keys_;
  std::vector<std::unique_ptr<process>> agents_;
  std::vector<std::string> own_;
  std::vector<std::optional<std::string>> tables_;
  std::vector<std::string> hosts_;
  std::vector<std::string> through_;
  std::set<std::size_t> later_;
};

/// [survival] and [log] of tests: a lost agent is not waited for long, on a machine that may stall.
inline const std::string impatient = "[survival]\npatience = 4\nendurance = 60\n";

/// [train]: agents of unlike speeds, rounds of some hundredths of a second.
inline constexpr const char* linked_all = "fleet = \"loguniform:10:80:50:100\"\ntrain-limit = 600\ntest-limit = 100\n";

/// How the line of a round in an agent's log begins.
inline std::string committed(std::size_t round) { return "round " + std::to_string(round) + "/"; }

/// Ends of agents that must agree.
inline void require_agreement(agent_fleet& fleet, const std::vector<std::size_t>& survivors) {
  std::string digest;
  for (const std::size_t i : survivors) {
    const ending end = fleet[i].wait();
    CAPTURE(i);
    INFO(end.error);
    REQUIRE(end.code == 0);
    if (digest.empty()) digest = end.result()["weights_sha256"];
    CHECK(end.result()["weights_sha256"] == digest);
  }
}

/// No process that was told of this folder runs on, and no temporary file is left in it.
inline void require_nothing_left(const fs::path& folder) {
  for (const auto& one : fs::directory_iterator{"/proc"})
    if (fs::exists(one.path() / "cmdline")) CHECK_FALSE(contains(content(one.path() / "cmdline"), folder.string()));
  for (const auto& one : fs::recursive_directory_iterator{folder})
    CHECK_FALSE(contains(one.path().filename().string(), ".partial"));
}

}  // namespace support
