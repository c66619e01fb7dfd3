// SPDX-License-Identifier: BSL-1.0
/// \file
/// Checkpoints while a run goes on: of an agent alone, and of a fleet whose agents are threads of one process.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "comdml/comm/in_process_session.hpp"
#include "comdml/comm/message.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/learn/checkpoint.hpp"
#include "comdml/learn/control.hpp"

namespace comdml::learn {

/// Writes down every so many commits, and holds the last one until it is known whether that has to be written, too.
class commit_log {
 public:
  /// \param anew  whether the run begins anew: what an earlier one left is then removed with its first checkpoint
  commit_log(std::shared_ptr<const checkpoints> folder, bool anew) : folder_{std::move(folder)}, anew_{anew} {}

  /// \throws run_error if it is due, and cannot be written
  void add(checkpoint now) {
    last_ = std::move(now);
    if (folder_->due(last_->round)) finish();
  }
  /// The run ends, however it does. \throws run_error if the last commit has to be written, and cannot be
  void finish() {
    if (!last_) return;
    try {
      if (std::exchange(anew_, false)) folder_->clear();
      folder_->save(*last_);
    } catch (const input_error& error) {  // where it could be written when the run began
      throw run_error{error.what()};
    }
    last_.reset();
  }
  /// The same while the run fails of something else.
  void finish_if_possible() noexcept {
    try {
      finish();
    } catch (...) {
    }
  }

 private:
  std::shared_ptr<const checkpoints> folder_;
  bool anew_;
  std::optional<checkpoint> last_;
};

/// One checkpoint for all agents of a process: whoever is the last of a round to tell what it knows writes it, so
/// nobody waits. Agents that are away are written down as they were. Safe to be used by all agents at once.
class fleet_log {
 public:
  fleet_log(const control& hold, std::size_t agents) : log_{hold.keep, !hold.resume}, own_(agents) {
    if (!hold.resume) return;
    for (std::uint32_t i = 0; i < agents; ++i) own_[i] = hold.resume(agent_id{i}).own;
  }

  /// After a round that `members` agents took part in; of the first of them comes the state, too.
  void add(agent_id agent, std::size_t members, checkpoint now) {
    const std::lock_guard lock{mutex_};
    own_[agent.value] = std::move(now.own);
    if (now.round < round_) return;  // it was away, and others are ahead
    if (now.round != round_) told_ = 0;
    round_ = now.round;
    if (!now.state.empty()) common_ = std::move(now);
    if (++told_ < members) return;
    told_ = 0;
    comm::message_writer all;
    all.write(static_cast<std::uint32_t>(own_.size()));
    for (const std::vector<std::byte>& one : own_) all.write_block(one);
    common_.own = all.take();
    log_.add(std::move(common_));
  }

  void finish() { log_.finish(); }
  void finish_if_possible() noexcept { log_.finish_if_possible(); }

 private:
  std::mutex mutex_;
  commit_log log_;
  std::vector<std::vector<std::byte>> own_;  ///< by agent
  round_index round_{};                      ///< that comes next
  checkpoint common_;
  std::size_t told_ = 0;
};

/// What a fleet in one process goes on from.
struct fleet_checkpoint {
  round_index round{};                           ///< that comes next
  seconds wall{};                                ///< real time of the run before it
  std::function<checkpoint(agent_id)> resume{};  ///< for control::resume
};

/// The latest checkpoint of a fleet that is whole; nothing if there is none. \param most  later ones are passed over:
/// an observer may know no more rounds \param warn  is told of each that is not used \throws input_error if there are
/// files, and none of them is whole
[[nodiscard]] inline std::optional<fleet_checkpoint> latest_of_fleet(
    const checkpoints& folder, std::size_t agents, const std::function<void(const std::string&)>& warn = {},
    round_index most = round_index{~std::uint32_t{}}) {
  std::optional<checkpoint> found = folder.latest(warn, most);
  if (!found) return std::nullopt;
  std::vector<std::vector<std::byte>> own(agents);
  try {
    comm::message_reader all{found->own, agent_id{}};
    if (const auto count = all.read<std::uint32_t>(); count != agents) all.fail(text("of ", count, " agents"));
    for (std::vector<std::byte>& one : own) {
      const auto block = all.read_block();
      one.assign(block.begin(), block.end());
    }
    all.finish();
  } catch (const run_error&) {
    throw input_error{folder.folder().string(), text("holds no checkpoint of a fleet of ", agents, " in one process"),
                      "give the folder of such a run"};
  }
  found->own.clear();
  const fleet_checkpoint result{found->round, found->wall, {}};
  return fleet_checkpoint{result.round, result.wall,
                          [common = *std::move(found), own = std::move(own)](agent_id agent) {
                            checkpoint one = common;
                            one.own = own.at(agent.value);
                            return one;
                          }};
}

namespace detail {

/// Whether a transport's clock can go on where it was.
template <class Line>
inline constexpr bool goes_on = requires(Line& line, const Line& seen) {
  line.go_on_at(seen.standing());
};

/// Where an agent stands in time, if its transport can go on from there.
template <class Line>
void write_standing(comm::message_writer& message, const Line& line) {
  message.write(std::uint8_t{goes_on<Line>});
  if constexpr (goes_on<Line>) {
    const comm::instant now = line.standing();
    message.write(now.now.value()).write(static_cast<std::uint32_t>(now.sending.size()));
    for (const auto& [to, until] : now.sending) message.write(to.value).write(until.value());
  }
}

/// \returns whether the line goes on there: its clock then counts from the start of the run
template <class Line>
bool read_standing(comm::message_reader& message, Line& line, std::size_t agents) {
  if (message.read<std::uint8_t>() == 0) return false;
  const auto time = [&] {
    const seconds when{message.read<double>()};
    if (!std::isfinite(when.value()) || when < seconds{}) message.fail("an impossible time");
    return when;
  };
  comm::instant then{time(), {}};
  for (auto left = message.read<std::uint32_t>(); left > 0; --left) {
    const agent_id to{message.read<std::uint32_t>()};
    if (to.value >= agents) message.fail(text("agent ", to, " of ", agents));
    then.sending.emplace_back(to, time());
  }
  if constexpr (goes_on<Line>) line.go_on_at(then);
  return goes_on<Line>;
}

}  // namespace detail
}  // namespace comdml::learn
