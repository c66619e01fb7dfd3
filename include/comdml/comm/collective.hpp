// SPDX-License-Identifier: BSL-1.0
/// \file
/// Collective operations over any Transport: a sum of vectors (all_reduce) and an exchange of small records
/// (all_gather). Where two members have no direct link, what they exchange is relayed by other members over the widest
/// path.
///
/// An operation uses up all steps of the tag's (round, kind): no other message may carry them.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "comdml/comm/codec.hpp"
#include "comdml/comm/message.hpp"
#include "comdml/comm/routes.hpp"
#include "comdml/comm/schedule.hpp"
#include "comdml/comm/transport.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"

namespace comdml::comm {

/// Who takes part in a collective operation, and how they reach each other. All members must hold equal groups.
struct group {
  epoch_index epoch{};
  comm::routes routes;

  /// \param ids  the members, ascending. Throws run_error if their links do not connect them.
  group(epoch_index number, std::vector<agent_id> ids, const link_matrix& links)
      : group{number, comm::routes{links, std::move(ids)}} {}
  /// The members are those of the routes.
  group(epoch_index number, comm::routes ways) : epoch{number}, routes{std::move(ways)} {}

  [[nodiscard]] const std::vector<agent_id>& members() const noexcept { return routes.members(); }
};

/// How a collective operation ended on this member.
struct outcome {
  comm::result result = comm::result::ok;
  /// The neighbor that did not answer, unless the result is ok.
  std::optional<agent_id> culprit{};
  /// What this member sent, for itself and as a relay.
  bytes sent{};
};

/// The records of all members, in member order; empty unless the outcome is ok.
struct gathered {
  comm::outcome outcome{};
  std::vector<std::vector<std::byte>> records{};
};

/// How values are cut into blocks, each with a scale of its own, where they travel by a codec.
template <WireCodec W>
class coded_blocks {
 public:
  static constexpr std::size_t length = 256;

  /// Refers to the codec.
  coded_blocks(const W& codec, std::size_t values) : codec_{codec}, values_{values} {}

  [[nodiscard]] std::size_t count() const noexcept { return (values_ + length - 1) / length; }
  [[nodiscard]] index_range values_of(std::size_t block) const noexcept {
    return {block * length, std::min(values_, (block + 1) * length)};
  }
  /// Bytes of all blocks before this one; of all blocks, if it is count().
  [[nodiscard]] std::size_t bytes_before(std::size_t block) const {
    if (block < count() || block == 0) return block * codec_.encoded_size(length, 1);
    return bytes_before(block - 1) + codec_.encoded_size(values_of(block - 1).size(), 1);
  }
  /// Bytes of a run of blocks.
  [[nodiscard]] std::size_t bytes_of(index_range blocks) const {
    return bytes_before(blocks.end) - bytes_before(blocks.begin);
  }

 private:
  const W& codec_;
  std::size_t values_;
};

namespace detail {

/// Carries out the steps of a schedule on one member. Within a step all first hops come first, then all second hops,
/// and so on; each member sends all messages of a hop before it waits for one. Messages between two agents are
/// numbered, so no two that are under way share a tag: sends never wait, and no order of the members can deadlock.
template <Transport T, class Load, class Store>
class exchange {
 public:
  exchange(T& transport, const group& members, tag first, seconds deadline, Load load, Store store)
      : transport_{transport}, group_{members}, tag_{first}, deadline_{deadline}, load_{load}, store_{store} {}

  [[nodiscard]] outcome run(const schedule& planned) {
    for (const auto& step : planned.steps) {
      find_paths(step);
      for (std::size_t hop = 0; hop + 1 < longest_ && done_.result == result::ok; ++hop) run_hop(step, hop);
      if (done_.result != result::ok) break;
    }
    return done_;
  }

 private:
  void find_paths(const std::vector<transfer>& step) {
    paths_.clear();
    longest_ = 0;
    for (const transfer& move : step) {
      std::vector<agent_id>& path = known_[{move.from_rank, move.to_rank}];
      if (path.empty()) path = find_path(group_.members()[move.from_rank], group_.members()[move.to_rank]);
      paths_.emplace_back(path);
      longest_ = std::max(longest_, path.size());
    }
  }
  [[nodiscard]] std::vector<agent_id> find_path(agent_id from, agent_id to) const {
    return group_.routes.linked(from, to) ? std::vector{from, to} : group_.routes.path(from, to);
  }

  void run_hop(const std::vector<transfer>& step, std::size_t hop) {
    const agent_id self = transport_.self();
    for (std::size_t i = 0; i < step.size(); ++i)
      if (hop + 1 < paths_[i].size() && paths_[i][hop] == self) {
        if (!send(paths_[i][hop + 1], hop == 0 ? load_(step[i]) : std::exchange(relayed_[i], {}))) return;
      }
    for (std::size_t i = 0; i < step.size(); ++i)
      if (hop + 1 < paths_[i].size() && paths_[i][hop + 1] == self) {
        delivery got = receive(paths_[i][hop]);
        if (done_.result != result::ok) return;
        if (hop + 2 < paths_[i].size())
          relayed_[i] = std::move(got.data);
        else
          store_(step[i], paths_[i].front(), std::span<const std::byte>{got.data});
      }
  }

  bool send(agent_id to, std::vector<std::byte> data) {
    const auto size = static_cast<double>(data.size());
    note(transport_.send(to, numbered(sent_[to]++), std::move(data), deadline_), to);
    if (done_.result == result::ok) done_.sent += bytes{size};
    return done_.result == result::ok;
  }
  delivery receive(agent_id from) {
    delivery got = transport_.receive(from, numbered(received_[from]++), deadline_);
    note(got.result, from);
    return got;
  }
  void note(comm::result how, agent_id peer) {
    done_.result = how;
    if (how != result::ok) done_.culprit = peer;
  }
  [[nodiscard]] tag numbered(std::size_t number) const {
    return {tag_.round, tag_.kind, static_cast<std::uint16_t>(tag_.step + number), tag_.attempt};
  }

  T& transport_;
  const group& group_;
  tag tag_;
  seconds deadline_;
  Load load_;
  Store store_;
  std::map<std::pair<std::size_t, std::size_t>, std::vector<agent_id>> known_;  ///< path of (from, to), by rank
  std::vector<std::span<const agent_id>> paths_;                                ///< of the transfers of this step
  std::size_t longest_ = 0;
  std::map<std::size_t, std::vector<std::byte>> relayed_;
  std::map<agent_id, std::size_t> sent_;
  std::map<agent_id, std::size_t> received_;
  outcome done_;
};

/// What an all-reduce loads and stores where values travel by a codec, in blocks. A sum is encoded once, by its owner,
/// who keeps what the others will decode; they pass on the bytes that they got. So all members end with the same bits,
/// whatever the codec loses.
template <WireCodec W>
class coded_values {
 public:
  coded_values(const W& codec, std::span<float> values)
      : codec_{codec},
        values_{values},
        layout_{codec, values.size()},
        wire_(layout_.bytes_before(blocks())),
        ready_(blocks(), false) {}

  [[nodiscard]] std::size_t blocks() const noexcept { return layout_.count(); }

  /// The ranges of `move` count blocks.
  [[nodiscard]] std::vector<std::byte> load(const transfer& move) {
    std::vector<std::byte> data(layout_.bytes_of(move.values));
    for (std::size_t b = move.values.begin; b < move.values.end; ++b) {
      const std::span<std::byte> out = std::span{data}.subspan(layout_.bytes_of({move.values.begin, b}), size_of(b));
      if (move.reduce) {
        codec_.encode(run_of(b), 1, out);
        continue;
      }
      if (!ready_[b]) {
        codec_.encode(run_of(b), 1, wire_of(b));
        settle(b);
      }
      std::ranges::copy(wire_of(b), out.begin());
    }
    return data;
  }

  void store(const transfer& move, agent_id sender, std::span<const std::byte> data) {
    message_reader reader{data, sender};
    std::array<float, coded_blocks<W>::length> incoming;
    for (std::size_t b = move.values.begin; b < move.values.end; ++b) {
      const std::span<const std::byte> in = reader.read_bytes(size_of(b));
      if (!move.reduce) {
        std::ranges::copy(in, wire_of(b).begin());
        settle(b);
        continue;
      }
      const std::span<float> own = run_of(b);
      codec_.decode(in, 1, std::span{incoming}.first(own.size()));
      for (std::size_t i = 0; i < own.size(); ++i)
        own[i] = move.from_rank < move.to_rank ? incoming[i] + own[i] : own[i] + incoming[i];
    }
    reader.finish();
  }

 private:
  [[nodiscard]] std::span<float> run_of(std::size_t b) const {
    const index_range values = layout_.values_of(b);
    return values_.subspan(values.begin, values.size());
  }
  [[nodiscard]] std::size_t size_of(std::size_t b) const { return layout_.bytes_of({b, b + 1}); }
  [[nodiscard]] std::span<std::byte> wire_of(std::size_t b) {
    return std::span{wire_}.subspan(layout_.bytes_before(b), size_of(b));
  }
  void settle(std::size_t b) {
    codec_.decode(wire_of(b), 1, run_of(b));
    ready_[b] = true;
  }

  const W& codec_;
  std::span<float> values_;
  coded_blocks<W> layout_;
  std::vector<std::byte> wire_;
  std::vector<bool> ready_;  ///< whether a block's sum is final, and encoded
};

template <Transport T>
void require_member(T& transport, const group& members) {
  COMDML_REQUIRE(std::ranges::binary_search(members.members(), agent_id{transport.self()}), "agent ",
                 agent_id{transport.self()}, " is no member of the group");
}

}  // namespace detail

/// The sum that a collective has of its own for this transport (see Collective), if it has one and wants it.
template <Transport T, Collective C>
[[nodiscard]] std::optional<outcome> own_sum(T& transport, const C& collective, const group& members, tag what,
                                             std::span<float> values, seconds deadline) {
  if constexpr (requires { collective.sum(transport, members, what, values, deadline); })
    return collective.sum(transport, members, what, values, deadline);
  else
    return std::nullopt;
}

/// Replaces `values` by their sum over all members: the same bits on every member and on every transport, unless the
/// collective has a sum of its own for this transport (see Collective). All members
/// must call it with equal group, collective, tag and number of values. If the outcome is not ok, `values` are
/// unspecified. Throws run_error, naming the sender, if a message does not have the expected size.
template <Transport T, Collective C>
[[nodiscard]] outcome all_reduce(T& transport, const C& collective, const group& members, tag what,
                                 std::span<float> values, seconds deadline) {
  detail::require_member(transport, members);
  if (const std::optional<outcome> done = own_sum(transport, collective, members, what, values, deadline)) return *done;
  const auto load = [values](const transfer& move) {
    const auto run = std::as_bytes(values.subspan(move.values.begin, move.values.size()));
    return std::vector<std::byte>(run.begin(), run.end());
  };
  std::vector<float> incoming;
  const auto store = [values, &incoming](const transfer& move, agent_id sender, std::span<const std::byte> data) {
    const std::span<float> own = values.subspan(move.values.begin, move.values.size());
    incoming.resize(own.size());
    message_reader reader{data, sender};
    reader.read(incoming);
    reader.finish();
    if (!move.reduce)
      std::ranges::copy(incoming, own.begin());
    else if (move.from_rank < move.to_rank)
      std::ranges::transform(incoming, own, own.begin(), [](float lower, float higher) { return lower + higher; });
    else
      std::ranges::transform(own, incoming, own.begin(), [](float lower, float higher) { return lower + higher; });
  };
  return detail::exchange{transport, members, what, deadline, load, store}.run(
      collective.plan(members.members().size(), values.size()));
}

/// The same with values that travel by a codec; with fp32 it is the function above, to the last bit. Each partial sum
/// that is sent loses what the codec loses, so values should be small: differences from what all members know, say.
template <Transport T, Collective C, WireCodec W>
[[nodiscard]] outcome all_reduce(T& transport, const C& collective, const group& members, tag what,
                                 std::span<float> values, seconds deadline, const W& codec) {
  if (std::string_view{codec.name} == fp32::name)
    return all_reduce(transport, collective, members, what, values, deadline);
  detail::require_member(transport, members);
  detail::coded_values<W> coded{codec, values};
  return detail::exchange{
      transport,
      members,
      what,
      deadline,
      [&](const transfer& move) { return coded.load(move); },
      [&](const transfer& move, agent_id sender, std::span<const std::byte> data) { coded.store(move, sender, data); }}
      .run(collective.plan(members.members().size(), coded.blocks()));
}

/// Tells every member the records of all: they are gathered by the first member and sent to all from there, so keep
/// them small. Records may differ in length. Throws run_error, naming the sender, if a message is malformed.
template <Transport T>
[[nodiscard]] gathered all_gather(T& transport, const group& members, tag what, std::vector<std::byte> mine,
                                  seconds deadline) {
  detail::require_member(transport, members);
  const std::size_t count = members.members().size();
  const auto self = static_cast<std::size_t>(std::ranges::lower_bound(members.members(), agent_id{transport.self()}) -
                                             members.members().begin());

  schedule planned{{{}, {}}};
  for (std::size_t rank = 1; rank < count; ++rank) {
    planned.steps[0].push_back({rank, 0});
    planned.steps[1].push_back({0, rank});
  }

  gathered all{{}, std::vector<std::vector<std::byte>>(count)};
  all.records[self] = std::move(mine);
  const auto load = [&](const transfer& move) {
    if (move.to_rank == 0) return all.records[self];
    message_writer everything;
    for (const auto& record : all.records) everything.write_block(record);
    return everything.take();
  };
  const auto store = [&](const transfer& move, agent_id sender, std::span<const std::byte> data) {
    if (move.to_rank == 0) {
      all.records[move.from_rank].assign(data.begin(), data.end());
      return;
    }
    message_reader reader{data, sender};
    for (std::size_t rank = 0; rank < count; ++rank) {
      const auto block = reader.read_block();
      if (rank == self && !std::ranges::equal(block, all.records[self]))
        reader.fail(text("a record of agent ", transport.self(), " that it has not written"));
      all.records[rank].assign(block.begin(), block.end());
    }
    reader.finish();
  };
  all.outcome = detail::exchange{transport, members, what, deadline, load, store}.run(planned);
  if (all.outcome.result != result::ok) all.records.clear();
  return all;
}

}  // namespace comdml::comm
