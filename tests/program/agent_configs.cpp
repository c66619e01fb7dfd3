// SPDX-License-Identifier: BSL-1.0
/// \file
/// Configurations of agents that will not do: exit code 2, with file, line, column and remedy.
#include "agents_support.hpp"

using namespace support;

TEST_CASE("an agent's bad configuration is told with its place and a remedy") {
  if (!has_agents()) return;
  const scratch files;
  const std::string key = (files / "agent.key").string();
  const std::string own = lines(run({"keygen", "--out", key}).out).at(0);
  const std::string other = lines(run({"keygen", "--out", (files / "other.key").string()}).out).at(0);
  const std::string agent = "[agent]\nid = 0\nkey = \"" + key + "\"\nbind = \"tcp://127.0.0.1:*\"\n";
  const std::string peer = "[[peer]]\nid = 1\npublic-key = \"" + other + "\"\naddress = \"tcp://127.0.0.1:1\"\n";

  struct wrong {
    std::string config;
    std::string place;  ///< "" = the file alone
    std::string what;
  };
  const std::vector<wrong> all{
      {"rounds = 3\n", "", "there is no [agent]"},
      {"[agent\n", ", line 1, column", ""},
      {agent + "colour = \"red\"\n" + peer, ", line 5, column 1", "colour"},
      {agent + peer + "[trian]\nrounds = 3\n", ", line 9, column", "trian"},
      {agent + peer + "[train]\nround = 3\n", ", line 10, column 1", "round"},
      {agent + peer + "[train]\nrounds = \"three\"\n", ", line 10, column", "rounds"},
      {agent + peer + "[train]\nalgorithm = \"gossip\"\n", ", line 10, column", "allreduce"},
      {agent + peer + "[train]\ntransport = \"mpi\"\n", ", line 10, column", "transport"},
      {agent + peer + "[train]\nagents = 3\n", ", line 10, column", "agents = 3"},
      {agent + peer + "[survival]\npatience = -1\n", ", line 10, column", "patience"},
      {agent + peer + "[survival]\npatience = 10\nendurance = 5\n", ", line 11, column", "endurance"},
      {agent + peer + "[log]\nlevel = \"loud\"\n", ", line 10, column", "loud"},
      {agent + peer + "[emulate]\nshare = 2\n", ", line 10, column", "share"},
      {"[agent]\nkey = \"" + key + "\"\n", ", line 1, column", "id"},
      {agent + "[[peer]]\nid = 0\npublic-key = \"" + other + "\"\n", ", line 6, column", "agent 0 is there twice"},
      {agent + "[[peer]]\nid = 2\npublic-key = \"" + other + "\"\n", ", line 5, column", "0 to 1"},
      {agent + "[[peer]]\nid = 1\n", ", line 5, column", "public key"},
      {agent + "[[peer]]\nid = 1\npublic-key = \"short\"\n", ", line 7, column", "40 characters"},
      {agent + peer + "[[peer]]\nid = 2\npublic-key = \"" + other + "\"\n", ", line 11, column", "another peer's"},
      {agent + "[[peer]]\nid = 1\npublic-key = \"" + other + "\"\naddress = \"host\"\n", ", line 8, column", "host"},
      {agent + "observers = \"" + other + "\"\n" + peer, ", line 5, column", "list"},
      {agent + "[peer]\nid = 1\n", ", line 5, column", "[[peer]]"},
  };
  const fs::path file = files / "agent.toml";
  for (const wrong& one : all) {
    write(file, one.config);
    const ending end = run({"agent", "--config", file.string()});
    CAPTURE(one.config);
    INFO(end.error);
    CHECK(end.code == 2);
    CHECK(contains(end.error, file.string() + one.place));
    CHECK(contains(end.error, one.what));
    CHECK(contains(end.error, "remedy: "));
  }

  write(file, agent + "[[peer]]\nid = 1\npublic-key = \"" + own + "\"\n");
  CHECK(run({"agent", "--config", file.string()}).code == 2);
  write(file, agent + peer);
  fs::permissions(key, fs::perms::group_read, fs::perm_options::add);
  const ending open = run({"agent", "--config", file.string()});
  CHECK(open.code == 2);
  CHECK(contains(open.error, "chmod 600"));
  CHECK(run({"agent"}).code == 2);
  CHECK(run({"agent", "--config", (files / "none.toml").string()}).code == 2);
  CHECK(run({"status", "nowhere", "--key", key, "--server-key", own}).code == 2);
  CHECK(run({"status", "tcp://127.0.0.1:1", "--key", key, "--server-key", "short"}).code == 2);
}
