// SPDX-License-Identifier: BSL-1.0
/// \file
/// The program's doors to ZeroMQ. Without ZeroMQ they are there, too, and say how to get it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "agent_config.hpp"
#include "any_transport.hpp"
#include "comdml/comm/remote_engine.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"

namespace program {

/// Makes a key file. \returns the public key \throws comdml::input_error if the file is there already
[[nodiscard]] std::string make_keys_in(const std::filesystem::path& file);

/// An agent's line to its fleet.
class zeromq_line {
 public:
  /// Called on another thread; must not throw.
  struct ears {
    std::function<void(const comdml::comm::remote_event&)> on_event;
    std::function<std::vector<std::byte>()> observed;  ///< what observers are told
  };

  /// \param settings  digest of what all agents are told alike \param stop  ends waits
  /// \throws comdml::input_error
  zeromq_line(const agent_config& config, std::uint64_t settings, comdml::seconds heartbeat, std::stop_token stop,
              ears tell);
  /// Says bye to all.
  ~zeromq_line();

  [[nodiscard]] any_transport& transport();
  /// Where it is bound, and its public key.
  [[nodiscard]] std::string address() const;
  [[nodiscard]] const std::string& public_key() const;
  /// Those that are not there, after some time at most.
  [[nodiscard]] std::vector<comdml::agent_id> missing(comdml::seconds patience);
  /// Now is time zero.
  void restart_clock();

 private:
  struct inside;
  std::unique_ptr<inside> inside_;
};

/// Asks agents for what they publish.
class zeromq_question {
 public:
  /// \throws comdml::input_error
  zeromq_question(const std::string& address, const std::string& server_key, const std::filesystem::path& own_keys);
  ~zeromq_question();

  /// \returns nothing if there is no answer in time
  [[nodiscard]] std::optional<std::string> ask(comdml::seconds patience);

 private:
  struct inside;
  std::unique_ptr<inside> inside_;
};

}  // namespace program
