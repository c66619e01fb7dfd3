// SPDX-License-Identifier: BSL-1.0
/// \file
/// What a remote endpoint needs of an engine that carries frames between processes, and what it tells about them.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "comdml/comm/remote_frame.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/units.hpp"

namespace comdml::comm {

/// What happened on the way. All but the first five were refused: they changed nothing.
enum class remote_event_kind : std::uint8_t {
  connected,
  disconnected,
  restarted,         ///< the peer is another process now; its channels are empty
  left,              ///< the peer said bye
  closed,            ///< a connection to this agent, be it a peer's, an observer's, or of one who never was let in
  unknown_key,       ///< somebody without an authorized key
  bad_handshake,     ///< somebody who does not speak the engine's protocol, or broke it
  wrong_identity,    ///< a peer that claims to be another one
  wrong_version,     ///< of the protocol
  wrong_fleet,       ///< a peer with other settings
  malformed,         ///< bytes that are no frame, or no frame that its sender may send
  oversized,         ///< a message beyond the limit
  beyond_limits,     ///< more unread messages than there is room for
  duplicate,         ///< a message that was received before
  out_of_order,      ///< a message before one that was lost; both are sent again
  stale,             ///< a frame of or for a process that is no more
  unusable_address,  ///< an address, told by a peer, that cannot be used
};
inline constexpr std::size_t remote_event_kinds = 17;

[[nodiscard]] constexpr const char* name_of(remote_event_kind kind) noexcept {
  constexpr const char* names[remote_event_kinds] = {
      "connected",     "disconnected",   "restarted",     "left",        "closed",          "unknown key",
      "bad handshake", "wrong identity", "wrong version", "wrong fleet", "malformed",       "oversized",
      "beyond limits", "duplicate",      "out of order",  "stale",       "unusable address"};
  return names[static_cast<std::size_t>(kind)];
}
inline std::ostream& operator<<(std::ostream& out, remote_event_kind kind) { return out << name_of(kind); }

struct remote_event {
  remote_event_kind kind{};
  std::optional<agent_id> peer{};  ///< whom it is about, if that is known for certain
  std::string what{};              ///< to be read by people; never holds a key
};

/// What an engine tells its owner, inside `poll` and on the thread that polls.
class engine_owner {
 public:
  /// Frames can be sent to the peer from now on.
  virtual void connected(agent_id peer) = 0;
  /// Frames sent before may be lost.
  virtual void disconnected(agent_id peer) = 0;
  /// `from` is certain. Frames of a peer come in the order in which it sent them, except that some may be missing.
  virtual void arrived(agent_id from, std::span<const std::byte> head, std::vector<std::byte> body) = 0;
  virtual void happened(remote_event event) = 0;
  /// The published value, for an observer; null if there is none.
  [[nodiscard]] virtual shared_bytes board() = 0;

 protected:
  ~engine_owner() = default;
};

/// Moves frames between processes. One thread calls everything but `wake`, after the constructor.
///
/// | expression                    | meaning                                                                      |
/// |-------------------------------|------------------------------------------------------------------------------|
/// | `e.self()`, `e.peers()`       | own id; all others, ascending                                                |
/// | `e.largest_message()`         | bytes of the largest body                                                    |
/// | `e.send(peer, frame)`         | false: no room now, nothing was taken; `poll` returns when there may be some |
/// | `e.poll(owner, patience)`     | tells the owner what happened; waits for something no longer than that       |
/// | `e.wake()`                    | ends a wait, from any thread                                                 |
/// | `e.introduction()`            | to be told to every peer                                                     |
/// | `e.introduced(peer, block)`   | what a peer's engine says; true: there is news for the other peers           |
template <class E>
concept Engine = requires(E engine, const E& same, agent_id peer, const frame& what, engine_owner& owner,
                          seconds patience, std::span<const std::byte> block) {
  { same.self() } -> std::same_as<agent_id>;
  { same.peers() } -> std::convertible_to<std::span<const agent_id>>;
  { same.largest_message() } -> std::same_as<std::size_t>;
  { engine.send(peer, what) } -> std::same_as<bool>;
  engine.poll(owner, patience);
  engine.wake();
  { engine.introduction() } -> std::same_as<std::vector<std::byte>>;
  { engine.introduced(peer, block) } -> std::same_as<bool>;
};

}  // namespace comdml::comm
