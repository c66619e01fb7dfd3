// SPDX-License-Identifier: BSL-1.0
/// \file
/// Values of options that are more than a number: how they are written, and what is wrong with one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "comdml/data/partition.hpp"
#include "comdml/fleet/draw.hpp"

namespace program {

/// The whole of `digits` as a number; nothing if it is not one, or too large.
[[nodiscard]] std::optional<std::uint64_t> to_count(std::string_view digits);
[[nodiscard]] std::optional<double> to_number(std::string_view digits);
/// The shortest text that to_number reads back as the same value.
[[nodiscard]] std::string to_text(double value);
/// With so many digits behind the point.
[[nodiscard]] std::string fixed(double value, int digits);
/// A share, as 12.3 %.
[[nodiscard]] std::string percent(double share);

using any_partition = std::variant<comdml::data::iid, comdml::data::dirichlet, comdml::data::label_shards>;
/// iid, dirichlet:ALPHA or shards:N.
[[nodiscard]] std::optional<any_partition> to_partition(const std::string& text);

/// A fleet by name: paper[:RATE], authors, two[:RATIO], uniform, loguniform[:SLOWEST:FASTEST[:MBPS:MBPS]]. Its agents
/// are as many as it has by default.
[[nodiscard]] std::optional<comdml::fleet::draw_options> to_fleet(const std::string& text);

/// Looks at a written value: what is wrong with it, with the remedy, or nothing.
using text_check = std::function<std::string(const std::string&)>;

/// Whether a text is one of these. A type of its own, so that --help can list them.
struct one_of {
  std::vector<std::string> values;

  explicit one_of(std::vector<std::string> known) : values{std::move(known)} {}
  [[nodiscard]] std::string operator()(const std::string& written) const;
  /// "a, b, c".
  [[nodiscard]] std::string list() const;
};
[[nodiscard]] std::string no_check(const std::string& text);
[[nodiscard]] std::string not_empty(const std::string& text);
[[nodiscard]] std::string partition_check(const std::string& text);
[[nodiscard]] std::string fleet_check(const std::string& text);
[[nodiscard]] std::string profile_check(const std::string& text);
/// The same, but for measuring.
[[nodiscard]] std::string counted_profile_check(const std::string& text);
/// Whether a value of an option of this type ("FILE", "KIND|FILE", say) is the name of a file or a directory.
[[nodiscard]] bool is_path(const std::string& type, const std::string& value);
/// The value as it is read the same from every directory: names of files are made absolute, behind "file:" too.
[[nodiscard]] std::string from_anywhere(const std::string& type, const std::string& value);
[[nodiscard]] std::string existing_file(const std::string& text);
[[nodiscard]] std::string existing_directory(const std::string& text);

struct count_range {
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::int64_t>::max();  // the largest that TOML can write
};

struct number_range {
  double least = 0;
  double most = 0;
  bool without_least = false;
};

// What is wrong with a number, as it is written, with the remedy, or nothing.
[[nodiscard]] std::string outside(const std::string& text, count_range range);
[[nodiscard]] std::string outside(const std::string& text, number_range range);

}  // namespace program
