// SPDX-License-Identifier: BSL-1.0
/// \file
/// Fleets whose agents train in microseconds, over a network that fails by a schedule: what is tested is who agrees
/// with whom.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comdml/comm/checked_transport.hpp"
#include "comdml/comm/in_process.hpp"
#include "comdml/core/digest.hpp"
#include "comdml/data/array_set.hpp"
#include "comdml/fleet/draw.hpp"
#include "comdml/learn/agent.hpp"
#include "comdml/learn/checkpoint.hpp"
#include "comdml/nn/linear.hpp"
#include "comdml/nn/sequential.hpp"
#include "comdml/split/auxiliary_head.hpp"
#include "comdml/testing/faults.hpp"
#include "comdml/testing/faulty_transport.hpp"

namespace support {

using namespace comdml;

using below = comm::in_process<comm::virtual_time>::endpoint;
using faulty = testing::faulty_transport<below>;
using sound = comm::checked_transport<faulty>;
static_assert(Transport<sound>);

struct interval {
  seconds from{}, until{};
};

/// Changes what an agent sends, at some time.
using twist = std::function<void(const comm::tag& what, seconds now, std::vector<std::byte>& message)>;

/// For some time there is nonsense in place of an agent's data; what is said of the fleet stays as it is.
inline twist nonsense(interval when) {
  return [when](const comm::tag& what, seconds now, std::vector<std::byte>& message) {
    if (now >= when.from && now < when.until && what.round != comm::tag::no_round) message.assign(10, std::byte{42});
  };
}

/// An agent that does not say what it means.
class liar {
 public:
  explicit liar(sound& line, twist lie = {}) : line_{line}, lie_{std::move(lie)} {}

  [[nodiscard]] agent_id self() const { return line_.self(); }
  [[nodiscard]] std::span<const agent_id> peers() const { return line_.peers(); }
  [[nodiscard]] decltype(auto) clock() { return line_.clock(); }
  [[nodiscard]] comm::result send(agent_id to, const comm::tag& what, std::vector<std::byte> data, seconds deadline) {
    if (lie_) lie_(what, line_.clock().now(), data);
    return line_.send(to, what, std::move(data), deadline);
  }
  [[nodiscard]] comm::delivery receive(agent_id from, const comm::tag& what, seconds deadline) {
    return line_.receive(from, what, deadline);
  }
  [[nodiscard]] comm::delivery receive_any(std::span<const comm::channel> channels, seconds deadline) {
    return line_.receive_any(channels, deadline);
  }
  void forget_before(round_index round) { line_.forget_before(round); }
  void publish(std::vector<std::byte> data) { line_.publish(std::move(data)); }
  [[nodiscard]] auto peek(agent_id peer) { return line_.peek(peer); }

 private:
  sound& line_;
  twist lie_;
};
static_assert(Transport<liar>);

/// With slow and fast agents there are pairs in every round.
struct tiny_job : learn::default_policies {
  using model = nn::network<nn::sequential<nn::linear, nn::linear, nn::linear>, float>;
  using auxiliary_head = split::pool_linear;
  using transport = liar;
};

constexpr std::size_t features = 4;
constexpr std::size_t classes = 3;

inline data::array_set points(std::uint64_t seed, std::size_t count) {
  random_stream rng{seed, purpose::testing};
  std::vector<float> values;
  std::vector<label> labels;
  for (std::size_t i = 0; i < count; ++i) {
    labels.push_back(static_cast<label>(rng.below(classes)));
    for (std::size_t f = 0; f < features; ++f) values.push_back(static_cast<float>(rng.normal()));
  }
  return {{1, 1, features}, classes, std::move(values), labels};
}

inline fleet::description tiny_fleet(std::size_t agents) {
  fleet::description fleet = fleet::uniform({.agents = agents, .bandwidth = megabits_per_second(1)});
  for (std::size_t i = 0; i < agents; ++i)
    fleet.agents[i].speed = batches_per_second{4.0 / static_cast<double>(1 + 3 * (i % 3))};
  return fleet;
}

inline learn::settings<tiny_job> tiny_settings(std::size_t rounds) {
  learn::settings<tiny_job> how;
  how.rounds = rounds;
  how.batch = 4;
  how.survival = {.wanted = true, .patience = seconds{2}, .endurance = seconds{200}};
  how.make_model = [](image_shape shape, std::size_t outputs) {
    return tiny_job::model{
        nn::sequential{nn::linear{.outputs = 8}, nn::linear{.outputs = 16}, nn::linear{.outputs = outputs}}, shape};
  };
  return how;
}

/// What a fleet is, and what befalls it.
struct trial {
  std::size_t agents = 4;
  learn::settings<tiny_job> how = tiny_settings(4);
  testing::fault_schedule faults{};
  std::map<std::size_t, twist> lies{};  ///< by agent
  /// Whether agents may be started again, so that all ask to be taken in, from the start.
  bool founded_by_asking = true;
  std::vector<agent_id> founders{};  ///< all, if empty
  std::function<std::shared_ptr<const learn::checkpoints>(std::size_t agent)> keep{};
  bool resume = false;  ///< from these
};

struct outcome {
  std::map<std::uint32_t, std::set<std::uint64_t>> digests;  ///< by round, of all who committed it
  std::vector<std::optional<learn::history>> histories;      ///< by agent, of those who came to the end
  std::vector<std::optional<std::uint64_t>> last;            ///< by agent: digest of what it ended with
  std::map<std::uint32_t, std::string> errors;               ///< by agent
  std::string failure;                                       ///< of the network: a deadlock
  seconds end{};
};

struct watching {
  outcome& seen;
  std::mutex& mutex;
  learn::verdict on_round(const learn::round_report& report) {
    const std::lock_guard lock{mutex};
    seen.digests[report.round.value].insert(report.digest);
    seen.end = std::max(seen.end, report.elapsed);
    return learn::verdict::go_on;
  }
};

inline std::uint64_t digest_of(const nn::model_state<float>& state) {
  digest64 weights;
  weights.update(std::as_bytes(std::span{state.parameters}));
  weights.update(std::as_bytes(std::span{state.statistics}));
  return weights.value();
}

inline outcome run(const trial& what) {
  const fleet::description fleet = tiny_fleet(what.agents);
  static const data::array_set test = points(99, 8);
  comm::in_process<comm::virtual_time> network{fleet.links, {.compute_slots = 1}};
  for (const testing::death& one : what.faults.deaths) network.kill(one.agent, one.when);
  const comm::routes routes =
      what.founders.empty() ? comm::routes{fleet.links} : comm::routes{fleet.links, what.founders};
  outcome seen;
  seen.histories.resize(what.agents);
  seen.last.resize(what.agents);
  std::mutex mutex;
  const auto live = [&](below& line) {
    const std::size_t i = line.self().value;
    faulty broken{line, what.faults};
    sound mended{broken};
    const auto lies = what.lies.find(i);
    liar front{mended, lies == what.lies.end() ? twist{} : lies->second};
    const data::array_set own = points(i, 16);
    watching observer{seen, mutex};
    learn::control hold;
    if (what.keep) hold.keep = what.keep(i);
    if (what.resume)
      if (const auto last = hold.keep->latest()) hold.resume = [last](agent_id) { return *last; };
    for (std::uint32_t life = 1; life > 0; ++life) {
      learn::membership mine{routes, fleet.agents[i].speed};
      if (what.founded_by_asking) mine.life = life;
      learn::agent<tiny_job> self{front, mine, what.how};
      try {
        learn::history past = self.run(own, &test, observer, hold);
        const std::lock_guard lock{mutex};
        seen.last[i] = digest_of(past.state);
        seen.histories[i] = std::move(past);
        break;
      } catch (const testing::restart&) {
      } catch (const run_error& error) {
        const std::lock_guard lock{mutex};
        seen.errors[static_cast<std::uint32_t>(i)] = error.what();
        break;
      }
    }
  };
  try {
    network.run(live);
  } catch (const run_error& error) {
    seen.failure = error.what();
  }
  return seen;
}

}  // namespace support
