// SPDX-License-Identifier: BSL-1.0
/// \file
/// The program's doors to ZeroMQ.
#include "zeromq_line.hpp"

#include <algorithm>
#include <utility>

#include "comdml/core/errors.hpp"

#ifdef COMDML_PROGRAM_AGENTS
#include "comdml/comm/zeromq.hpp"
#include "comdml/comm/zeromq_observer.hpp"
#endif

namespace program {

namespace comm = comdml::comm;
using comdml::agent_id;
using comdml::seconds;

#ifdef COMDML_PROGRAM_AGENTS

namespace {

comm::zeromq_options engine_options(const agent_config& config, comdml::seconds heartbeat) {
  comm::zeromq_options options{.self = agent_id{static_cast<std::uint32_t>(*config.agent.id)},
                               .keys = comm::read_keys(config.agent.key),
                               .bind = config.agent.bind,
                               .advertise = config.agent.advertise,
                               .observers = config.agent.observers,
                               .heartbeat = heartbeat,
                               .ipv6 = config.agent.bind.starts_with("tcp://[")};
  for (const peer_options& peer : config.peers) {
    if (peer.public_key == options.keys.public_key())
      throw comdml::input_error{config.agent.key, comdml::text("its public key is that of peer ", *peer.id),
                                "give every agent keys of its own, by comdml keygen"};
    options.peers.push_back({agent_id{static_cast<std::uint32_t>(*peer.id)}, peer.public_key, peer.address});
    options.ipv6 = options.ipv6 || peer.address.starts_with("tcp://[");
  }
  return options;
}

comm::remote_options line_options(const agent_config& config, std::uint64_t settings, comdml::seconds heartbeat,
                                  zeromq_line::ears tell) {
  // At the end others may still be sent the state, over a slow link; whoever is gone is not waited for.
  comm::remote_options options{.fleet = settings,
                               .grace = heartbeat,
                               .linger = std::max(seconds{2}, seconds{config.survival.patience}),
                               .share = config.emulate.share,
                               .observed = std::move(tell.observed),
                               .on_event = std::move(tell.on_event)};
  if (config.emulate.mbps)
    options.link_of = [rate = comdml::megabits_per_second(*config.emulate.mbps)](agent_id, comdml::round_index) {
      return comdml::directed_link{rate, {}};
    };
  return options;
}

}  // namespace

std::string make_keys_in(const std::filesystem::path& file) {
  const comm::curve_keys keys = comm::make_keys();
  comm::write_keys(file, keys);
  return keys.public_key();
}

struct zeromq_line::inside {
  inside(comm::zeromq_options engine, comm::remote_options options, std::stop_token stop)
      : public_key{engine.keys.public_key()},
        endpoint{std::move(options), std::move(engine)},
        front{endpoint, std::move(stop)} {}

  std::string public_key;
  comm::zeromq_endpoint endpoint;
  any_transport front;
};

zeromq_line::zeromq_line(const agent_config& config, std::uint64_t settings, comdml::seconds heartbeat,
                         std::stop_token stop, ears tell)
    : inside_{std::make_unique<inside>(engine_options(config, heartbeat),
                                       line_options(config, settings, heartbeat, std::move(tell)), std::move(stop))} {}
zeromq_line::~zeromq_line() = default;
any_transport& zeromq_line::transport() { return inside_->front; }
std::string zeromq_line::address() const { return inside_->endpoint.engine().address(); }
const std::string& zeromq_line::public_key() const { return inside_->public_key; }
std::vector<agent_id> zeromq_line::missing(seconds patience) {
  return inside_->endpoint.wait_for_peers(inside_->endpoint.clock().now() + patience);
}
void zeromq_line::restart_clock() { inside_->endpoint.restart_clock(); }

struct zeromq_question::inside {
  inside(const std::string& address, const std::string& server_key, const comm::curve_keys& own)
      : line{address, server_key, own} {}

  comm::zeromq_observer line;
};
zeromq_question::zeromq_question(const std::string& address, const std::string& server_key,
                                 const std::filesystem::path& own_keys)
    : inside_{std::make_unique<inside>(address, server_key, comm::read_keys(own_keys))} {}
zeromq_question::~zeromq_question() = default;
std::optional<std::string> zeromq_question::ask(seconds patience) {
  const auto told = inside_->line.ask(patience);
  if (!told) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(told->data()), told->size());
}

#else

namespace {

[[noreturn]] void refuse() {
  throw comdml::input_error{"comdml", "this program was built without ZeroMQ and spdlog, which agents need",
                            "install them (Debian: libzmq3-dev cppzmq-dev libspdlog-dev) and configure again with "
                            "-DCOMDML_WITH_ZEROMQ=ON"};
}

}  // namespace

std::string make_keys_in(const std::filesystem::path&) { refuse(); }
struct zeromq_line::inside {};
zeromq_line::zeromq_line(const agent_config&, std::uint64_t, comdml::seconds, std::stop_token, ears) { refuse(); }
zeromq_line::~zeromq_line() = default;
any_transport& zeromq_line::transport() { refuse(); }
std::string zeromq_line::address() const { refuse(); }
const std::string& zeromq_line::public_key() const { refuse(); }
std::vector<agent_id> zeromq_line::missing(seconds) { refuse(); }
void zeromq_line::restart_clock() { refuse(); }
struct zeromq_question::inside {};
zeromq_question::zeromq_question(const std::string&, const std::string&, const std::filesystem::path&) { refuse(); }
zeromq_question::~zeromq_question() = default;
std::optional<std::string> zeromq_question::ask(seconds) { refuse(); }

#endif

}  // namespace program
