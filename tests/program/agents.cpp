// SPDX-License-Identifier: BSL-1.0
/// \file
/// Agents that are processes, over ZeroMQ: the same bits, losses, restarts, strangers, status.
#include <netinet/in.h>
#include <sys/socket.h>

#include <random>

#include "agents_support.hpp"

using namespace support;

namespace {

std::vector<std::size_t> all_but(std::size_t lost) {
  std::vector<std::size_t> others;
  for (std::size_t i = 0; i < 4; ++i)
    if (i != lost) others.push_back(i);
  return others;
}

/// Four agents, one of which is killed at a random moment; the others must end alike. \returns whether they lost it in
/// the middle of the run
bool kill_one(std::uint32_t seed) {
  std::mt19937 random{seed};
  const std::size_t lost = random() % 4;
  const std::size_t round = random() % 8;
  const std::chrono::microseconds later{random() % 100'000};
  CAPTURE(seed);
  CAPTURE(lost);
  CAPTURE(round);
  agent_fleet fleet{4, std::string{linked_all} + "rounds = 8\n", impatient};
  fleet.start_all();
  // Moment 0: while they come together; 7: perhaps when the run ends.
  if (round > 0) REQUIRE(fleet[lost].wait_until_told(committed(round)));
  std::this_thread::sleep_for(later);
  fleet[lost].signal(SIGKILL);
  if (round == 0) fleet.start(lost);  // perhaps they wait for it
  require_agreement(fleet, all_but(lost));
  fleet[lost].signal(SIGKILL);  // what was started again may be waiting still
  (void)fleet[lost].wait();
  require_nothing_left(fleet.folder());
  return contains(fleet[lost == 0 ? 1 : 0].told(), "agent " + std::to_string(lost) + " was lost");
}

/// One of four agents is stopped at a random moment, and goes on when the others have noticed: all end alike.
void freeze_one(std::uint32_t seed) {
  std::mt19937 random{seed};
  const std::size_t frozen = random() % 4;
  const std::size_t round = 1 + random() % 4;
  CAPTURE(seed);
  CAPTURE(frozen);
  CAPTURE(round);
  agent_fleet fleet{4, std::string{linked_all} + "rounds = 250\n", impatient};
  fleet.start_all();
  REQUIRE(fleet[frozen].wait_until_told(committed(round)));
  std::this_thread::sleep_for(std::chrono::milliseconds{random() % 400});
  fleet[frozen].signal(SIGSTOP);
  REQUIRE(fleet[(frozen + 1) % 4].wait_until_told("agent " + std::to_string(frozen) + " was lost"));
  fleet[frozen].signal(SIGCONT);
  require_agreement(fleet, {0, 1, 2, 3});
}

/// Four agents that are killed so many times, all at once, at random moments, and started again.
void kill_all_and_go_on(std::size_t kills, std::uint32_t seed) {
  const std::string train = "rounds = 30\ntrain-limit = 600\ntest-limit = 100\n";
  static const ending here =
      run({"train", "--agents", "4", "--rounds", "30", "--train-limit", "600", "--test-limit", "100", "--json"});
  agent_fleet fleet{4, train};
  const scratch folders;
  for (std::size_t i = 0; i < 4; ++i)
    fleet.tell_otherwise(i, train + "[checkpoint]\nfolder = \"" + (folders / std::to_string(i)).string() + "\"\n");
  std::mt19937 random{seed};
  for (std::size_t kill = 0; kill < kills; ++kill) {
    CAPTURE(kill);
    fleet.start_all();
    std::this_thread::sleep_for(std::chrono::milliseconds{random() % 2000});
    for (std::size_t i = 0; i < 4; ++i) fleet[(i + kill) % 4].signal(SIGKILL);
    for (std::size_t i = 0; i < 4; ++i) (void)fleet[i].wait();
  }
  fleet.start_all();
  for (std::size_t i = 0; i < 4; ++i) {
    const ending end = fleet[i].wait();
    INFO(end.error);
    REQUIRE(end.code == 0);
    CHECK(end.result()["weights_sha256"] == here.result()["weights_sha256"]);
  }
  require_nothing_left(fleet.folder());
  require_nothing_left(folders / "");
}

}  // namespace

TEST_CASE("four agents over ZeroMQ end with the bits of four in one process, by the same plan") {
  if (!has_agents()) return;
  const scratch files;
  const ending here = run({"train", "--agents", "4", "--rounds", "3", "--json", "--out", (files / "here").string()});
  INFO(here.error);
  REQUIRE(here.code == 0);
  agent_fleet fleet{4, "rounds = 3\nprofile = \"analytic\"\n"};
  fleet.start_all();
  for (std::size_t i = 0; i < 4; ++i) {
    const ending there = fleet[i].wait();
    INFO(there.error);
    REQUIRE(there.code == 0);
    CHECK(there.result()["weights_sha256"] == here.result()["weights_sha256"]);
    CHECK(there.result()["test_accuracy"] == here.result()["test_accuracy"]);
    CHECK(there.result()["bytes_activations"] == here.result()["bytes_activations"]);
    // The plan, as the in-process run's metrics tell it.
    const json round = json::parse(lines(content(files / "here" / "metrics.jsonl")).at(2));
    std::string pairs = "pairs";
    for (const json& pair : round["pairs"])
      pairs += " " + pair["slow"].dump() + ">" + pair["fast"].dump() + "@" + pair["split"].dump();
    if (round["pairs"].empty()) pairs += " none";
    CHECK(contains(there.error, pairs));
  }
}

TEST_CASE("an agent is killed at some moment: the others finish, alike") {
  if (!has_agents()) return;
  int hits = 0;
  for (std::uint32_t seed = 1; seed <= 10; ++seed) hits += kill_one(seed) ? 1 : 0;
  MESSAGE(hits, " of 10 were lost in the middle of the run");
  CHECK(hits >= 5);
}

TEST_CASE("an agent freezes, is left out, comes back, and all finish alike") {
  if (!has_agents()) return;
  freeze_one(101);
}

TEST_CASE("an agent that was killed and is started again is taken in") {
  if (!has_agents()) return;
  for (const std::size_t lost : {2, 0}) {
    CAPTURE(lost);
    agent_fleet fleet{4, "rounds = 100\nfleet = \"loguniform:10:80:50:100\"\ntrain-limit = 600\ntest-limit = 100\n",
                      impatient};
    fleet.start_all();
    REQUIRE(fleet[lost].wait_until_told(committed(2)));
    fleet[lost].signal(SIGKILL);
    CHECK(fleet[lost].wait().code == 128 + SIGKILL);
    fleet.start(lost);
    REQUIRE(fleet[lost].wait_until_told("taken in by the running fleet"));
    require_agreement(fleet, {0, 1, 2, 3});
    CHECK(contains(fleet[1].told(), "agent " + std::to_string(lost) + " was lost"));
    CHECK(contains(fleet[1].told(), "agent " + std::to_string(lost) + " takes part again"));
  }
}

TEST_CASE("an agent that comes later joins the running fleet") {
  if (!has_agents()) return;
  agent_fleet fleet{4, std::string{linked_all} + "rounds = 100\n", impatient};
  fleet.joins_later(3);
  for (std::size_t i = 0; i < 3; ++i) fleet.start(i);
  REQUIRE(fleet[0].wait_until_told(committed(3)));
  fleet.start(3);
  REQUIRE(fleet[3].wait_until_told("taken in by the running fleet"));
  require_agreement(fleet, {0, 1, 2, 3});
  CHECK(contains(fleet[0].told(), "agent 3 takes part again"));
}

TEST_CASE("an agent that would go on with fewer others than the rest is refused") {
  if (!has_agents()) return;
  const std::string train = "rounds = 2\n";
  agent_fleet fleet{2, train};
  fleet.tell_otherwise(1, train + "[survival]\nquorum = 1\n");
  fleet.start_all();
  REQUIRE(fleet[0].wait_until_told("refused: wrong fleet, agent 1"));
  for (const std::size_t i : {0, 1}) {
    fleet[i].signal(SIGTERM);
    CHECK(fleet[i].wait().code == 130);
  }
}

TEST_CASE("all agents are killed, and go on from their checkpoints to the same weights") {
  if (has_agents()) kill_all_and_go_on(5, 1);
}

TEST_CASE("agents with an unknown key or with other settings are refused, and the run goes on") {
  if (!has_agents()) return;
  agent_fleet fleet{4, "rounds = 60\nfleet = \"loguniform:10:80:50:100\"\ntrain-limit = 600\ntest-limit = 100\n",
                    impatient};
  fleet.start_all();
  REQUIRE(fleet[3].wait_until_told(committed(1)));
  fleet[3].signal(SIGKILL);
  (void)fleet[3].wait();
  fleet.tell_otherwise(
      3,
      "rounds = 60\nfleet = \"loguniform:10:80:50:100\"\ntrain-limit = 600\ntest-limit = 100\nlearning-rate = 0.5\n");
  fleet.start(3);
  REQUIRE(fleet[0].wait_until_told("refused: wrong fleet, agent 3"));
  fleet[3].signal(SIGKILL);
  (void)fleet[3].wait();
  fleet.replace_key(3);
  fleet.start(3);
  REQUIRE(fleet[0].wait_until_told("refused: unknown key"));
  fleet[3].signal(SIGTERM);
  CHECK(fleet[3].wait().code == 130);
  // Bytes of something else altogether, and none at all.
  const std::string address = fleet.address(0);
  const auto port = static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
  for (const std::string& garbage : {std::string(5000, '\x7f'), std::string{"GET / HTTP/1.0\r\n\r\n"}, std::string{}}) {
    const int line = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(line, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    (void)!write(line, garbage.data(), garbage.size());
    close(line);
  }
  REQUIRE(fleet[0].wait_until_told("refused: bad handshake"));
  require_agreement(fleet, {0, 1, 2});
}

#ifdef COMDML_HOSTILE_PEER
TEST_CASE("what a peer with a key must not send is refused, told, and the run goes on") {
  if (!has_agents()) return;
  agent_fleet fleet{4, std::string{linked_all} + "rounds = 100000\n", impatient + "[log]\nlevel = \"debug\"\n"};
  fleet.start_all();
  REQUIRE(fleet[3].wait_until_told(committed(1)));
  fleet[3].signal(SIGKILL);
  (void)fleet[3].wait();
  const std::string told = fleet[0].told();
  const std::string settings = told.substr(told.find("settings ") + 9, 16);
  process peer{{fleet.key_of(3), "3", fleet.address(0), fleet.public_key(0), settings}, COMDML_HOSTILE_PEER};
  for (const std::string what :
       {"refused: wrong identity, agent 3: ", "refused: wrong version, agent 3: ", "refused: malformed, agent 3: ",
        "duplicate, agent 3", "refused: oversized, agent 3: "}) {
    CAPTURE(what);
    const bool heard = fleet[0].wait_until_told(what);
    INFO(peer.told());
    INFO(fleet[0].told());
    REQUIRE(heard);
  }
  peer.signal(SIGKILL);
  REQUIRE(fleet[0].wait_for_told(lines(fleet[0].told()).size() + 10));
  for (const std::size_t i : {0, 1, 2}) fleet[i].signal(SIGTERM);
  for (const std::size_t i : {0, 1, 2}) CHECK(fleet[i].wait().code == 130);
  const std::vector<std::string> said = lines(fleet[0].told());
  CHECK(std::ranges::any_of(said.end() - 10, said.end(),
                            [](const std::string& one) { return contains(one, " committed, digest "); }));
}
#endif

TEST_CASE("agents with data of their own train on all of it, and on nobody else's") {
  if (!has_agents()) return;
  const scratch files;
  agent_fleet fleet{3, "rounds = 2\ndataset = \"mnist\"\nbatch = 8\n", impatient};
  for (std::size_t i = 0; i < 3; ++i) {
    const fs::path own = files / std::to_string(i);
    write_mnist(own, 40 + 8 * static_cast<unsigned>(i));
    fleet.tell_agent(i, "own-data = true\ndata-dir = \"" + own.string() + "\"\n");
  }
  fleet.start_all();
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(contains(fleet[i].told(), ", " + std::to_string(40 + 8 * i) + " images of mnist"));
  require_agreement(fleet, {0, 1, 2});
  // The others' is not: their settings say what data there is.
  agent_fleet mixed{2, "rounds = 2\ndataset = \"mnist\"\nbatch = 8\n", impatient};
  mixed.tell_agent(0, "own-data = true\ndata-dir = \"" + (files / "0").string() + "\"\n");
  mixed.tell_agent(1, "data-dir = \"" + (files / "1").string() + "\"\n");
  mixed.start_all();
  REQUIRE(mixed[0].wait_until_told("refused: wrong fleet, agent 1"));
}

TEST_CASE("SIGTERM: the agent says bye and ends with 130, the others go on") {
  if (!has_agents()) return;
  agent_fleet fleet{3, "rounds = 40\nfleet = \"loguniform:10:80:50:100\"\ntrain-limit = 600\ntest-limit = 100\n",
                    impatient};
  fleet.start_all();
  REQUIRE(fleet[1].wait_until_told(committed(2)));
  fleet[1].signal(SIGTERM);
  const ending end = fleet[1].wait();
  INFO(end.error);
  CHECK(end.code == 130);
  CHECK(contains(end.error, "said bye"));
  require_agreement(fleet, {0, 2});
}

TEST_CASE("SIGTERM ends an agent that waits for others, too") {
  if (!has_agents()) return;
  agent_fleet fleet{3, "rounds = 2\n"};
  fleet.start(0);
  fleet.start(1);
  REQUIRE(fleet[0].wait_until_told("waiting for agent 2"));
  for (const std::size_t i : {0, 1}) {
    fleet[i].signal(SIGTERM);
    CHECK(fleet[i].wait().code == 130);
  }
}

TEST_CASE("status: what an agent is doing, for those whose key it knows") {
  if (!has_agents()) return;
  agent_fleet fleet{3, "rounds = 100000\ntrain-limit = 600\ntest-limit = 100\nreplan = \"measured\"\n", impatient};
  fleet.start(0);
  fleet.start(1);
  REQUIRE(fleet[0].wait_until_told("waiting for agent 2"));
  const auto ask = [&](const std::string& key, std::vector<std::string> more) {
    std::vector<std::string> all{"status", fleet.address(0), "--key", key, "--server-key", fleet.public_key(0)};
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  };
  const ending waiting = ask(fleet.observer_key(), {"--json"});
  INFO(waiting.error);
  REQUIRE(waiting.code == 0);
  CHECK(waiting.result()["schema"] == 1);
  CHECK(waiting.result()["phase"] == "waiting");
  CHECK(waiting.result()["missing"] == json::array({2}));
  const json declared = waiting.result()["speeds"];
  CHECK(declared.size() == 3);

  fleet.start(2);
  REQUIRE(fleet[0].wait_until_told(committed(4)));
  const json told = ask(fleet.observer_key(), {"--json"}).result();
  CHECK(told["phase"] == "training");
  CHECK(told["round"] >= 4);
  CHECK(told["members"] == json::array({0, 1, 2}));
  CHECK(told["bytes_weights"] > 0);
  CHECK(told["speeds_are"] == "measured");
  for (std::size_t i = 0; i < 3; ++i) CHECK(told["speeds"][i].get<double>() != declared[i].get<double>());
  const ending screen = ask(fleet.observer_key(), {});
  CHECK(screen.code == 0);
  CHECK(contains(screen.out, "members   0 1 2\n"));
  CHECK(contains(screen.out, "of 100000"));
  CHECK(contains(screen.out, " batches/s, measured\n"));

  // Somebody else's key: no answer.
  const std::string stranger = (fleet.folder() / "stranger").string();
  REQUIRE(run({"keygen", "--out", stranger}).code == 0);
  const ending refused = ask(stranger, {"--timeout", "2"});
  CHECK(refused.code == 3);
  CHECK(contains(refused.error, "observers"));
  for (std::size_t i = 0; i < 3; ++i) fleet[i].signal(SIGTERM);
  for (std::size_t i = 0; i < 3; ++i) CHECK(fleet[i].wait().code == 130);
}

TEST_CASE("keygen: a file for its owner alone, never replaced, and the public key on standard output") {
  if (!has_agents()) return;
  const scratch files;
  const std::string file = (files / "me.key").string();
  const ending made = run({"keygen", "--out", file});
  REQUIRE(made.code == 0);
  CHECK(lines(made.out).size() == 1);
  CHECK(made.out.size() == 41);
  CHECK(contains(content(file), "public = \"" + lines(made.out)[0] + "\""));
  CHECK((fs::status(file).permissions() & fs::perms::all) == (fs::perms::owner_read | fs::perms::owner_write));
  const std::string before = content(file);
  const ending again = run({"keygen", "--out", file});
  CHECK(again.code == 2);
  CHECK(contains(again.error, file));
  CHECK(contains(again.error, "remedy: "));
  CHECK(content(file) == before);
  const std::string secret = before.substr(before.find("secret = \"") + 10, 40);
  CHECK_FALSE(contains(made.out + made.error, secret));
}

TEST_SUITE("long") {
  TEST_CASE("all agents are killed at 50 random moments") {
    if (!has_agents()) return;
    for (std::uint32_t seed = 2; seed < 12; ++seed) kill_all_and_go_on(5, seed);
  }
  TEST_CASE("killed at 100 random moments, frozen at 20") {
    if (!has_agents()) return;
    int hits = 0;
    for (std::uint32_t seed = 1000; seed < 1100; ++seed) hits += kill_one(seed) ? 1 : 0;
    MESSAGE(hits, " of 100 were lost in the middle of the run");
    CHECK(hits >= 60);
    for (std::uint32_t seed = 2000; seed < 2020; ++seed) freeze_one(seed);
  }
}
