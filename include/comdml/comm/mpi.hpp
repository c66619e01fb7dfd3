// SPDX-License-Identifier: BSL-1.0
/// \file
/// Agents that are ranks of an MPI program. The only file that includes mpi.h. Needs the component comdml::mpi.
///
/// MPI has no deadlines and does not tell when a rank dies, and whoever can reach its ports is trusted: it is for
/// clusters. Calls of MPI are made one at a time, so MPI_THREAD_SERIALIZED is enough.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <mpi.h>

#include "comdml/comm/remote_endpoint.hpp"
#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"

namespace comdml::comm {

namespace detail {

inline void require_mpi(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> message{};
  int length = 0;
  MPI_Error_string(code, message.data(), &length);
  throw run_error{text(what, ": ", message.data())};
}

}  // namespace detail

/// MPI, from here to the end of the object; to be made once, in main, before any endpoint. Does nothing where the
/// program has started MPI itself.
class mpi_session {
 public:
  mpi_session() {
    int running = 0;
    MPI_Initialized(&running);
    started_ = running == 0;
    int provided = 0;
    if (started_)
      detail::require_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided), "MPI_Init_thread");
    else
      MPI_Query_thread(&provided);
    if (provided < MPI_THREAD_SERIALIZED)
      throw run_error{"this MPI cannot be used by more than one thread of a process"};
  }
  ~mpi_session() {
    int over = 0;
    MPI_Finalized(&over);
    if (started_ && over == 0) MPI_Finalize();
  }
  mpi_session(const mpi_session&) = delete;
  mpi_session& operator=(const mpi_session&) = delete;

 private:
  bool started_ = false;
};

struct mpi_options {
  MPI_Comm world = MPI_COMM_WORLD;                     ///< its ranks are the agents
  std::size_t largest_message = std::size_t{1} << 28;  ///< bytes
  std::size_t queue = 16;                              ///< frames under way to a rank
};

/// A frame is one or two messages of MPI: the head, and the body if there is one. What is under way keeps its buffers
/// until MPI is through with it, whatever deadlines have passed; what is still under way in the end keeps them for
/// ever.
class mpi_engine {
 public:
  /// Collective: all ranks of `world` make one at the same time. Requires an mpi_session, or its like.
  explicit mpi_engine(mpi_options options = {}) : options_{options} {
    COMDML_REQUIRE(options_.largest_message < std::size_t{1} << 31U,
                   "MPI counts bytes in an int: ", options_.largest_message);
    for (MPI_Comm* own : {&frames_, &groups_}) {
      detail::require_mpi(MPI_Comm_dup(options_.world, own), "MPI_Comm_dup");
      MPI_Comm_set_errhandler(*own, MPI_ERRORS_RETURN);
    }
    int rank = 0;
    int size = 0;
    MPI_Comm_rank(frames_, &rank);
    MPI_Comm_size(frames_, &size);
    self_ = agent_id{static_cast<std::uint32_t>(rank)};
    for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(size); ++i)
      if (agent_id{i} != self_) ids_.push_back(agent_id{i});
  }
  /// Never waits for other ranks. The communicator is given back at the end of MPI, for the others may still use it.
  ~mpi_engine() {
    const std::lock_guard lock{mutex_};
    settle();
    static auto* abandoned = std::make_unique<std::list<std::list<sending>>>().release();  // see above: never freed
    if (!sending_.empty()) abandoned->push_back(std::move(sending_));
    static auto* unread = std::make_unique<std::list<std::map<int, std::deque<receiving>>>>().release();
    std::erase_if(receiving_, [](const auto& one) { return one.second.empty(); });
    if (!receiving_.empty()) unread->push_back(std::move(receiving_));
  }
  mpi_engine(const mpi_engine&) = delete;
  mpi_engine& operator=(const mpi_engine&) = delete;

  [[nodiscard]] agent_id self() const noexcept { return self_; }
  [[nodiscard]] std::span<const agent_id> peers() const noexcept { return ids_; }
  [[nodiscard]] std::size_t largest_message() const noexcept { return options_.largest_message; }

  [[nodiscard]] bool send(agent_id to, const frame& what) {
    const std::lock_guard lock{mutex_};
    std::size_t& under_way = under_way_[to];
    if (under_way >= options_.queue) return false;
    const int rank = static_cast<int>(to.value);
    sending& one = sending_.emplace_back(sending{to, what});
    ++under_way;
    detail::require_mpi(MPI_Isend(one.what.head.data(), static_cast<int>(one.what.head.size()), MPI_BYTE, rank,
                                  head_tag, frames_, &one.requests[0]),
                        "MPI_Isend");
    if (one.what.body)
      detail::require_mpi(MPI_Isend(one.what.body->data(), static_cast<int>(one.what.body->size()), MPI_BYTE, rank,
                                    body_tag, frames_, &one.requests[1]),
                          "MPI_Isend");
    busy_ = true;
    return true;
  }

  void poll(engine_owner& owner, seconds patience) {
    if (!std::exchange(told_, true)) {
      for (const agent_id id : ids_) owner.connected(id);
      return;
    }
    const auto end = clock::now() + std::chrono::duration<double>{patience.value()};
    for (bool first = true; first || clock::now() < end; first = false) {
      bool worked = std::exchange(busy_, false);
      {
        const std::lock_guard lock{mutex_};
        worked |= settle();
        worked |= look();
      }
      worked |= deliver(owner);
      if (worked) {
        idle_ = 0;
        return;
      }
      if (rest(end)) return;
    }
  }
  void wake() {
    {
      const std::lock_guard lock{rest_mutex_};
      woken_ = true;
    }
    news_.notify_one();
  }

  [[nodiscard]] std::vector<std::byte> introduction() const { return {}; }
  [[nodiscard]] bool introduced(agent_id, std::span<const std::byte>) const { return false; }

  /// Replaces `values` by their sum over these agents, in whatever order this MPI sums. All of them call it, on their
  /// agents' threads, one after another for equal (epoch, members); the first time they make a communicator, during
  /// which nothing else goes on: members that die in that moment leave the others hanging.
  /// \param gives_up  is asked now and then; its yes is a time-out
  [[nodiscard]] result sum(epoch_index epoch, std::span<const agent_id> members, std::span<float> values,
                           seconds timeout, const std::function<bool()>& gives_up = {}) {
    const auto end = clock::now() + std::chrono::duration<double>{std::min(timeout.value(), 1e9)};
    auto one = std::make_unique<summing>(summing{std::vector(values.begin(), values.end()), MPI_REQUEST_NULL});
    {
      const std::lock_guard lock{mutex_};
      detail::require_mpi(MPI_Iallreduce(MPI_IN_PLACE, one->values.data(), static_cast<int>(values.size()), MPI_FLOAT,
                                         MPI_SUM, group_of(epoch, members), &one->request),
                          "MPI_Iallreduce");
    }
    auto next_look = clock::now() + std::chrono::milliseconds{10};
    while (true) {
      int done = 0;
      {
        const std::lock_guard lock{mutex_};
        detail::require_mpi(MPI_Test(&one->request, &done, MPI_STATUS_IGNORE), "the all-reduce");
      }
      if (done != 0) break;
      const auto now = clock::now();
      bool in_vain = now >= end;
      if (gives_up && now >= next_look) {
        in_vain = in_vain || gives_up();
        next_look = now + std::chrono::milliseconds{10};
      }
      if (in_vain) {
        (void)one.release();  // MPI may write to it at any time
        group_broken_ = true;
        return result::timed_out;
      }
      std::this_thread::yield();
    }
    std::ranges::copy(one->values, values.begin());
    return result::ok;
  }
  [[nodiscard]] bool has_group(epoch_index epoch, std::span<const agent_id> members) const {
    return group_ != MPI_COMM_NULL && !group_broken_ && epoch == group_epoch_ &&
           std::ranges::equal(members, group_members_);
  }

 private:
  using clock = std::chrono::steady_clock;
  static constexpr int head_tag = 1;
  static constexpr int body_tag = 2;

  struct sending {
    agent_id to{};
    frame what{};
    std::array<MPI_Request, 2> requests{MPI_REQUEST_NULL, MPI_REQUEST_NULL};
  };
  struct receiving {
    std::vector<std::byte> head{};
    std::vector<std::byte> body{};
    MPI_Request request = MPI_REQUEST_NULL;
    bool begun = false;  ///< whether the body has been found, if there is one
    bool whole = false;
  };
  struct summing {
    std::vector<float> values;
    MPI_Request request;
  };

  /// Drops what MPI is through with. \returns whether there was something
  bool settle() {
    return std::erase_if(sending_, [&](sending& one) {
             int done = 0;
             detail::require_mpi(MPI_Testall(2, one.requests.data(), &done, MPI_STATUSES_IGNORE), "a message");
             if (done != 0) --under_way_[one.to];
             return done != 0;
           }) > 0;
  }
  /// Takes in heads, then the bodies that they announce. \returns whether there was something
  bool look() {
    bool found = false;
    for (int i = 0; i < 64; ++i) {
      int there = 0;
      MPI_Message message = MPI_MESSAGE_NULL;
      MPI_Status status{};
      detail::require_mpi(MPI_Improbe(MPI_ANY_SOURCE, head_tag, frames_, &there, &message, &status), "MPI_Improbe");
      if (there == 0) break;
      receiving& one = receiving_[status.MPI_SOURCE].emplace_back();
      one.head.resize(size_of(status));
      detail::require_mpi(
          MPI_Mrecv(one.head.data(), static_cast<int>(one.head.size()), MPI_BYTE, &message, MPI_STATUS_IGNORE),
          "MPI_Mrecv");
      one.whole = detail::frame_head::body_of(one.head) == 0;
      found = true;
    }
    for (auto& [source, frames] : receiving_)
      for (receiving& one : frames) {
        if (one.whole) continue;
        if (!one.begun && !begin_body(source, one)) break;
        int done = 0;
        detail::require_mpi(MPI_Test(&one.request, &done, MPI_STATUS_IGNORE), "a message");
        one.whole = done != 0;
        found |= one.whole;
      }
    return found;
  }
  bool begin_body(int source, receiving& one) {
    int there = 0;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Status status{};
    detail::require_mpi(MPI_Improbe(source, body_tag, frames_, &there, &message, &status), "MPI_Improbe");
    if (there == 0) return false;
    if (size_of(status) > options_.largest_message)
      throw run_error{text("rank ", source, " sends ", size_of(status), " bytes")};
    one.body.resize(size_of(status));
    detail::require_mpi(
        MPI_Imrecv(one.body.data(), static_cast<int>(one.body.size()), MPI_BYTE, &message, &one.request), "MPI_Imrecv");
    return one.begun = true;
  }
  static std::size_t size_of(const MPI_Status& status) {
    int count = 0;
    MPI_Get_count(&status, MPI_BYTE, &count);
    return static_cast<std::size_t>(count);
  }
  /// Without the lock: the owner may send. \returns whether there was something
  bool deliver(engine_owner& owner) {
    bool worked = false;
    for (auto& [source, frames] : receiving_)
      for (; !frames.empty() && frames.front().whole; frames.pop_front()) {
        owner.arrived(agent_id{static_cast<std::uint32_t>(source)}, frames.front().head,
                      std::move(frames.front().body));
        worked = true;
      }
    return worked;
  }
  /// MPI tells nothing by itself: looks often, then less often. \returns whether it was woken
  template <class Time>
  bool rest(Time end) {
    std::unique_lock lock{rest_mutex_};
    if (++idle_ > 50 && !woken_) {
      const std::chrono::microseconds longest{idle_ > 2000 ? 1000 : 50};
      const auto until = std::min<Time>(end, clock::now() + longest);
      news_.wait_until(lock, until, [&] { return woken_; });
    } else if (!woken_) {
      lock.unlock();
      std::this_thread::yield();
      lock.lock();
    }
    if (woken_) idle_ = 0;
    return std::exchange(woken_, false);
  }

  /// With the lock held.
  MPI_Comm group_of(epoch_index epoch, std::span<const agent_id> members) {
    if (has_group(epoch, members)) return group_;
    std::vector<int> ranks;
    for (const agent_id id : members) ranks.push_back(static_cast<int>(id.value));
    MPI_Group all = MPI_GROUP_NULL;
    MPI_Group some = MPI_GROUP_NULL;
    MPI_Comm_group(groups_, &all);
    detail::require_mpi(MPI_Group_incl(all, static_cast<int>(ranks.size()), ranks.data(), &some), "MPI_Group_incl");
    if (group_ != MPI_COMM_NULL && !group_broken_) MPI_Comm_free(&group_);  // waits for nobody
    group_ = MPI_COMM_NULL;
    group_broken_ = false;
    constexpr std::uint64_t numbers = 1024;
    const int code = MPI_Comm_create_group(groups_, some, static_cast<int>(epoch.value % numbers), &group_);
    MPI_Group_free(&some);
    MPI_Group_free(&all);
    detail::require_mpi(code, "MPI_Comm_create_group");
    group_epoch_ = epoch;
    group_members_.assign(members.begin(), members.end());
    return group_;
  }

  mpi_options options_;
  agent_id self_{};
  std::vector<agent_id> ids_;
  bool told_ = false;
  bool busy_ = false;
  std::size_t idle_ = 0;

  std::mutex mutex_;  ///< guards MPI, and all that it writes to or reads from
  MPI_Comm frames_ = MPI_COMM_NULL;
  MPI_Comm groups_ = MPI_COMM_NULL;  ///< apart: some MPIs make groups by messages with the tag that they are given
  std::list<sending> sending_;
  std::map<agent_id, std::size_t> under_way_;
  std::map<int, std::deque<receiving>> receiving_;
  MPI_Comm group_ = MPI_COMM_NULL;
  bool group_broken_ = false;  ///< a sum in it never ended
  epoch_index group_epoch_{};
  std::vector<agent_id> group_members_;

  std::mutex rest_mutex_;
  std::condition_variable news_;
  bool woken_ = false;
};

static_assert(Engine<mpi_engine>);

using mpi_endpoint = remote_endpoint<mpi_engine>;
static_assert(Transport<mpi_endpoint>);

}  // namespace comdml::comm
