// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml status.
#include <chrono>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent_board.hpp"
#include "commands.hpp"
#include "comdml/core/errors.hpp"
#include "zeromq_line.hpp"

namespace program {

namespace {

struct status_options {
  std::vector<std::string> address;
  std::string key = "agent.key";
  std::string server_key{};
  double timeout = 5;
  bool watch = false;
  bool json = false;
};

int show(const status_options& o) {
  if (o.address.size() != 1)
    throw comdml::input_error{"ADDRESS", comdml::text("is there ", o.address.size(), " times"), "name one agent"};
  if (const std::string problem = address_check(o.address[0]); !problem.empty())
    throw comdml::input_error{"ADDRESS", problem.substr(0, problem.find('\n')), "give one like tcp://host:5555"};
  if (!key_check(o.server_key).empty())
    throw comdml::input_error{"--server-key", "is not a public key",
                              "give the agent's: the line `public` of its key file, 40 characters, in quotes"};
  zeromq_question agent{o.address[0], o.server_key, o.key};
  const std::string silence =
      comdml::text(o.address[0], " did not answer within ", to_text(o.timeout),
                   " s; is the agent running, is this its public key, and does it list yours under observers?");
  while (true) {
    const std::optional<std::string> board = agent.ask(comdml::seconds{o.timeout});
    if (o.watch && !o.json) std::cout << "\x1b[H\x1b[2J";
    if (!board && !o.watch) throw comdml::run_error{silence};
    if (!board)
      (o.json ? std::cerr : std::cout) << silence << std::endl;
    else if (board->empty())
      (o.json ? std::cerr : std::cout) << "the agent has not published anything yet" << std::endl;
    else if (o.json)
      std::cout << line_of(*board) << std::endl;
    else
      std::cout << screen_of(*board) << std::flush;
    if (!o.watch) return exit_code::done;
    if (!std::cout) return exit_code::run_failed;
    std::this_thread::sleep_for(std::chrono::seconds{1});
  }
}

}  // namespace

action add_status(command options) {
  const auto given = std::make_shared<status_options>();
  options.words("ADDRESS", given->address, "", "of an agent, like tcp://host:5555");
  options.text("key", given->key, "FILE", existing_file,
               "your own keys, of which the agent lists the public one under observers");
  options.text("server-key", given->server_key, "KEY", no_check, "the agent's public key");
  options.require("server-key");
  options.number("timeout", given->timeout, {0, 3600, true}, "seconds to wait for an answer");
  options.flag("watch", given->watch, "once a second, until Ctrl-C");
  options.flag("json", given->json, "print what the agent published, one JSON object a line (schema 1)");
  options.footer(
      "What an agent of comdml agent is doing: round, members, pairs, speeds, bytes, accuracy, the last error. Asks\n"
      "over the agents' own encrypted channel; who asks needs keys (comdml keygen) and changes nothing.\n\n"
      "Example:\n"
      "  comdml status tcp://host:5555 --key me.key --server-key \"$(cat agent0.public)\" --watch");
  return [given] { return show(*given); };
}

}  // namespace program
