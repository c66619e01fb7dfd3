// SPDX-License-Identifier: BSL-1.0
/// \file
/// Split profiles as JSON files: written once per model, batch size and machine, read by every later run.
///
///     {"schema": 1, "model": "resnet20", "batch": 50, "batches_per_second": 3.1,
///      "splits": [{"point": 10, "slow_share": 0.99, "fast_share": 0.01, "bytes_per_batch": 819604,
///                  "fast_side_bytes": 2600, "codec": "fp32"}]}
///
/// Of `splits` that make a pair equally fast, the first is taken; the library writes the most units kept first. `codec`
/// may be left out: fp32.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "comdml/core/atomic_file.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/text_file.hpp"
#include "comdml/fleet/profile.hpp"

namespace comdml::fleet {

namespace detail {

inline constexpr const char* profile_remedy = "measure the profile again, or use the analytic one";

/// Line, counted from 1, in which a byte lies.
[[nodiscard]] inline std::size_t line_at(std::string_view text, std::size_t position) {
  return 1 + static_cast<std::size_t>(std::ranges::count(text.substr(0, position), '\n'));
}

/// Where the objects inside the root's lists begin, in valid JSON: the parser does not say.
[[nodiscard]] inline std::vector<std::size_t> positions_of_entries(std::string_view json) {
  std::vector<std::size_t> found;
  bool quoted = false;
  int depth = 0;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (c == '{' && depth == 2) found.push_back(i);
      ++depth;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return found;
}

/// An object of a profile file, which begins at a byte of the file; errors name the line of the field.
class profile_object {
 public:
  profile_object(const nlohmann::json& object, std::string_view file, std::size_t begin, const std::string& where,
                 std::initializer_list<std::string_view> known)
      : object_{object}, file_{file}, begin_{begin}, where_{where} {
    if (!object.is_object()) refuse("is not an object");
    for (const auto& [key, value] : object.items())
      if (std::ranges::find(known, std::string_view{key}) == known.end())
        refuse("has an unknown field \"" + key + '"', key);
  }

  [[nodiscard]] const nlohmann::json& at(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end()) refuse(text("has no field \"", key, '"'));
    return *found;
  }

  [[nodiscard]] double number(const char* key) const {
    const auto& value = at(key);
    if (!value.is_number() || !std::isfinite(value.get<double>()))
      refuse(text('"', key, "\" is not a finite number"), key);
    return value.get<double>();
  }

  [[nodiscard]] std::uint32_t count(const char* key) const {
    const double value = number(key);
    if (value < 0 || value > std::numeric_limits<std::uint32_t>::max() || value != std::floor(value))
      refuse(text('"', key, "\" is not a count"), key);
    return static_cast<std::uint32_t>(value);
  }

  [[nodiscard]] std::string letters(const char* key) const {
    const auto& value = at(key);
    if (!value.is_string()) refuse(text('"', key, "\" is not a string"), key);
    return value.get<std::string>();
  }

  [[nodiscard]] bool has(const char* key) const { return object_.contains(key); }

  /// Line of a field; the object's where it has no such field.
  [[nodiscard]] std::size_t line(std::string_view key) const {
    const std::size_t found = key.empty() ? file_.npos : file_.find(text('"', key, '"'), begin_);
    return line_at(file_, found == file_.npos ? begin_ : found);
  }

  /// \param key  the field that is wrong, if it is there
  [[noreturn]] void refuse(const std::string& what, std::string_view key = {}) const {
    throw input_error{text(where_, ", line ", line(key)), what, profile_remedy};
  }

 private:
  const nlohmann::json& object_;
  std::string_view file_;
  std::size_t begin_;
  std::string where_;
};

}  // namespace detail

/// Reads a profile from JSON. `where` names the source in errors.
/// \throws input_error that names the line, for anything but a usable profile of at least one cut
[[nodiscard]] inline split_profile parse_profile(std::string_view json, const std::string& where) {
  nlohmann::json root;
  try {
    root = nlohmann::json::parse(json);
  } catch (const nlohmann::json::parse_error& error) {
    const std::string_view before = json.substr(0, error.byte > 0 ? error.byte - 1 : 0);
    const std::size_t column = before.size() - (before.rfind('\n') + 1) + 1;  // npos + 1 is 0
    throw input_error{text(where, ", line ", detail::line_at(json, before.size()), ", column ", column),
                      "not valid JSON", detail::profile_remedy};
  } catch (const nlohmann::json::out_of_range& error) {
    // The number stands in the message, between quotes.
    const std::string_view what = error.what();
    const std::size_t begin = what.find('\'') + 1;
    const std::string_view number = what.substr(begin, what.rfind('\'') - begin);
    const std::size_t at = number.empty() ? json.npos : json.find(number);
    throw input_error{text(where, ", line ", detail::line_at(json, at == json.npos ? 0 : at)),
                      "a number is too large for a double", detail::profile_remedy};
  } catch (const nlohmann::json::exception& error) {
    throw input_error{where, error.what(), detail::profile_remedy};
  }
  const detail::profile_object top{
      root, json, json.find('{'), where, {"schema", "model", "batch", "batches_per_second", "splits"}};
  if (top.count("schema") != 1) top.refuse(text("schema ", top.count("schema"), " is not known, wanted 1"), "schema");
  split_profile profile{.model = top.letters("model"),
                        .batch = top.count("batch"),
                        .speed = batches_per_second{top.number("batches_per_second")},
                        .splits = {}};
  const auto& splits = top.at("splits");
  if (!splits.is_array()) top.refuse("\"splits\" is not a list", "splits");
  if (splits.empty()) top.refuse("lists no cuts", "splits");
  const std::vector<std::size_t> positions = detail::positions_of_entries(json);
  std::vector<detail::profile_object> entries;
  entries.reserve(splits.size());
  for (const auto& element : splits) {
    const std::size_t number = entries.size();
    const detail::profile_object& entry =
        entries.emplace_back(element, json, element.is_object() ? positions.at(number) : json.find("\"splits\""),
                             text(where, ", entry ", number, " of \"splits\""),
                             std::initializer_list<std::string_view>{"point", "slow_share", "fast_share",
                                                                     "bytes_per_batch", "fast_side_bytes", "codec"});
    profile.splits.push_back({.point = split_point{entry.count("point")},
                              .slow_share = entry.number("slow_share"),
                              .fast_share = entry.number("fast_share"),
                              .wire = bytes_per_batch{entry.number("bytes_per_batch")},
                              .fast_side = bytes{entry.number("fast_side_bytes")},
                              .codec = entry.has("codec") ? entry.letters("codec") : "fp32"});
  }
  validate(profile, [&](std::optional<std::size_t> entry, const char* field) {
    return text(where, ", line ", (entry ? entries[*entry] : top).line(field));
  });
  return profile;
}

/// The profile as JSON, as parse_profile reads it.
[[nodiscard]] inline std::string to_json(const split_profile& profile) {
  nlohmann::ordered_json splits = nlohmann::ordered_json::array();
  for (const split_cost& split : profile.splits)
    splits.push_back({{"point", split.point.value},
                      {"slow_share", split.slow_share},
                      {"fast_share", split.fast_share},
                      {"bytes_per_batch", split.wire.value()},
                      {"fast_side_bytes", split.fast_side.value()},
                      {"codec", split.codec}});
  const nlohmann::ordered_json root{{"schema", 1},
                                    {"model", profile.model},
                                    {"batch", profile.batch},
                                    {"batches_per_second", profile.speed.value()},
                                    {"splits", std::move(splits)}};
  return root.dump(2) + '\n';
}

/// Reads a profile file. \throws input_error that names the file and the place
[[nodiscard]] inline split_profile read_profile(const std::filesystem::path& file) {
  const std::string content = read_text_file(file, {.most = 1 << 20,  // a hundred cuts take some ten thousand bytes
                                                    .what = "a split profile",
                                                    .if_missing = "give a split profile, or use the analytic one",
                                                    .if_too_large = detail::profile_remedy});
  return parse_profile(content, file.string());
}

/// Writes a profile file, or throws input_error and leaves what was there.
inline void write_profile(const std::filesystem::path& file, const split_profile& profile) {
  validate(profile);
  replace_file(file, to_json(profile));
}

}  // namespace comdml::fleet
