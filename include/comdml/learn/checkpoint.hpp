// SPDX-License-Identifier: BSL-1.0
/// \file
/// What a run, or one agent of it, can be gone on with after its process ended: files of a folder, written at commits.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "comdml/comm/message.hpp"
#include "comdml/core/atomic_file.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/ids.hpp"
#include "comdml/core/sha256.hpp"
#include "comdml/core/text_file.hpp"
#include "comdml/core/units.hpp"

namespace comdml::learn {

/// After a committed round. Random streams are keyed by seed and round, so they need no more than the round.
struct checkpoint {
  round_index round{};             ///< that comes next
  std::uint16_t attempt = 0;       ///< in which the result of the round before was made
  seconds elapsed{};               ///< of the run so far, by the transport's clock
  seconds wall{};                  ///< real time of the run so far
  std::vector<std::byte> state{};  ///< what all agents share: weights, optimizer's memory, results so far
  std::vector<std::byte> own{};    ///< what the agent alone knows, or what each agent of a fleet in one process does
};

/// Checkpoints of one run: the last two are kept, each a file of its own, versioned and with a checksum. A fleet in one
/// process writes one for all, an agent alone its own.
class checkpoints {
 public:
  /// \param every  rounds between two of them \param job  says what the run is: another run's are refused
  checkpoints(std::filesystem::path folder, std::uint64_t every, std::string job)
      : folder_{std::move(folder)}, every_{every}, job_{std::move(job)} {
    COMDML_REQUIRE(every > 0, "a checkpoint every ", every, " rounds");
  }

  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }
  [[nodiscard]] bool due(round_index next) const { return next.value % every_ == 0; }

  /// Durable when it returns; later ones are those of a run that was given up. \throws run_error, input_error if it
  /// cannot be written; then all are as they were
  void save(const checkpoint& now) const {
    std::error_code failure;
    std::filesystem::create_directories(folder_, failure);
    if (failure)
      throw input_error{folder_.string(), "cannot be made a directory (" + failure.message() + ")",
                        "choose a directory that you may write to"};
    comm::message_writer body;
    body.write_block(std::as_bytes(std::span{magic}));
    body.write(version).write_block(std::as_bytes(std::span{job_}));
    body.write(now.round.value).write(now.attempt).write(now.elapsed.value()).write(now.wall.value());
    body.write_block(now.state).write_block(now.own);
    std::vector<std::byte> file = body.take();
    const std::string seal = seal_of(file);
    std::string content(reinterpret_cast<const char*>(file.data()), file.size());
    replace_file(file_of(now.round), content += seal);
    const std::vector<round_index> all = rounds();
    const auto later = std::ranges::upper_bound(all, now.round);
    forget({later, all.end()});
    if (later - all.begin() > 2) forget({all.begin(), later - 2});
    forget_unfinished();
  }
  /// Removes all of them: a run that begins anew has none.
  void clear() const { forget(rounds()); }

  /// Rounds of which there is a file, ascending.
  [[nodiscard]] std::vector<round_index> rounds() const {
    std::vector<round_index> found;
    std::error_code failure;
    for (const auto& entry : std::filesystem::directory_iterator{folder_, failure}) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with(prefix) || !name.ends_with(suffix) || entry.is_directory(failure)) continue;
      const std::string number = name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
      if (number.empty() || number.size() > 9 || number.find_first_not_of("0123456789") != std::string::npos) continue;
      found.push_back(round_index{static_cast<std::uint32_t>(std::stoul(number))});
    }
    std::ranges::sort(found);
    return found;
  }

  /// \throws input_error if there is no file of that round, or it is damaged, of another version, or of another run
  [[nodiscard]] checkpoint load(round_index round) const {
    const std::filesystem::path place = file_of(round);
    const std::string content = read_text_file(
        place, {most_bytes, "a checkpoint", "give the folder of a run that wrote one", "give a checkpoint"});
    const auto damaged = [&](const std::string& what) {
      return input_error{place.string(), what, "remove it: an earlier one is used, if there is one"};
    };
    if (content.size() < seal_size) throw damaged("is too short for a checkpoint");
    const auto all = std::as_bytes(std::span{content});
    const auto body = all.first(all.size() - seal_size);
    if (std::string_view{content}.substr(body.size()) != seal_of(body))
      throw damaged("its checksum is wrong: it was cut short or changed");
    try {
      comm::message_reader file{body, agent_id{}};
      if (as_text(file.read_block()) != magic) throw damaged("is no checkpoint");
      if (const auto theirs = file.read<std::uint32_t>(); theirs != version)
        throw input_error{place.string(), text("has version ", theirs, ", this program reads version ", version),
                          "go on with the program that wrote it"};
      if (as_text(file.read_block()) != job_)
        throw input_error{place.string(), "is of a run with other settings or data",
                          "give the settings of that run, or another folder"};
      checkpoint found;
      found.round = round_index{file.read<std::uint32_t>()};
      found.attempt = file.read<std::uint16_t>();
      found.elapsed = seconds{file.read<double>()};
      found.wall = seconds{file.read<double>()};
      for (std::vector<std::byte>* part : {&found.state, &found.own}) {
        const auto block = file.read_block();
        part->assign(block.begin(), block.end());
      }
      file.finish();
      if (found.round != round) throw damaged("its name tells another round than its content");
      return found;
    } catch (const run_error& error) {
      throw damaged(error.what());
    }
  }

  /// The latest one that is whole; nothing if there is no file at all. \param warn  is told of each that is not used
  /// \param most  later ones are passed over \throws input_error if there are files, and none of them is whole
  [[nodiscard]] std::optional<checkpoint> latest(const std::function<void(const std::string&)>& warn = {},
                                                 round_index most = round_index{~std::uint32_t{}}) const {
    std::optional<input_error> last;
    std::vector<round_index> all = rounds();
    std::erase_if(all, [&](round_index one) { return one > most; });
    for (std::size_t i = all.size(); i-- > 0;) {
      try {
        return load(all[i]);
      } catch (const input_error& error) {
        last = error;
        if (warn) warn(error.what());
      }
    }
    if (last) throw input_error{*last};
    return std::nullopt;
  }

 private:
  static constexpr std::string_view magic = "comdml checkpoint";
  static constexpr std::uint32_t version = 1;
  static constexpr std::string_view prefix = "round-";
  static constexpr std::string_view suffix = ".checkpoint";
  static constexpr std::size_t seal_size = 64;
  static constexpr std::size_t most_bytes = std::size_t{1} << 34;

  [[nodiscard]] std::filesystem::path file_of(round_index round) const {
    const std::string number = text(round);
    return folder_ / (std::string{prefix} + std::string(number.size() < 6 ? 6 - number.size() : 0, '0') + number +
                      std::string{suffix});
  }
  [[nodiscard]] static std::string seal_of(std::span<const std::byte> body) {
    sha256 digest;
    digest.update(body);
    return digest.hex();
  }
  [[nodiscard]] static std::string_view as_text(std::span<const std::byte> block) {
    return {reinterpret_cast<const char*>(block.data()), block.size()};
  }
  void forget(std::span<const round_index> old) const {
    std::error_code ignored;
    for (const round_index round : old) std::filesystem::remove(file_of(round), ignored);
  }
  /// What a writer that was killed has left: nobody else writes here.
  void forget_unfinished() const {
    std::error_code ignored;
    std::vector<std::filesystem::path> left;
    for (const auto& entry : std::filesystem::directory_iterator{folder_, ignored}) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(prefix) && name.ends_with(unfinished_suffix)) left.push_back(entry.path());
    }
    for (const auto& file : left) std::filesystem::remove(file, ignored);
  }

  std::filesystem::path folder_;
  std::uint64_t every_;
  std::string job_;
};

}  // namespace comdml::learn
