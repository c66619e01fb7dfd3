// SPDX-License-Identifier: BSL-1.0
/// \file
/// Values of options.
#include "texts.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <iomanip>
#include <sstream>
#include <system_error>

#include "comdml/core/errors.hpp"

namespace program {

using comdml::text;

namespace {

template <class T>
std::optional<T> parse(std::string_view digits) {
  T value{};
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (failure != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

/// What stands after `prefix`; nothing if the text begins otherwise.
std::optional<std::string_view> after(std::string_view prefix, std::string_view whole) {
  if (!whole.starts_with(prefix)) return std::nullopt;
  return whole.substr(prefix.size());
}

}  // namespace

std::optional<std::uint64_t> to_count(std::string_view digits) { return parse<std::uint64_t>(digits); }

std::optional<double> to_number(std::string_view digits) {
  const auto value = parse<double>(digits);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::string to_text(double value) {
  char digits[32];
  const auto written = std::to_chars(std::begin(digits), std::end(digits), value);
  return {digits, written.ptr};
}

std::string fixed(double value, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return std::move(out).str();
}
std::string percent(double share) { return fixed(100 * share, 1) + " %"; }

std::optional<any_partition> to_partition(const std::string& written) {
  if (written == "iid") return comdml::data::iid{};
  if (const auto alpha = after("dirichlet:", written))
    if (const auto value = to_number(*alpha); value && *value > 0 && *value <= 1e6)
      return comdml::data::dirichlet{.alpha = *value};
  if (const auto shards = after("shards:", written))
    if (const auto value = to_count(*shards); value && *value > 0 && *value <= 1'000'000)
      return comdml::data::label_shards{.per_agent = *value};
  return std::nullopt;
}

std::optional<comdml::fleet::draw_options> to_fleet(const std::string& written) {
  namespace fleet = comdml::fleet;
  if (written == "paper") return fleet::draw_options{};
  if (written == "authors") return fleet::authors();
  if (written == "two") return fleet::two();
  if (written == "uniform") return fleet::draw_options{.speeds = {{1}}, .megabits = {{100}}};
  if (written == "loguniform") return fleet::log_uniform();
  if (const auto rate = after("paper:", written))
    if (const auto value = to_number(*rate); value && *value >= 1e-4 && *value <= 1e6) {
      fleet::draw_options options;
      for (double& speed : options.speeds.values) speed = *value * speed;
      return options;
    }
  if (const auto ratio = after("two:", written))
    if (const auto value = to_number(*ratio); value && *value >= 1e-4 && *value <= 1e6) return fleet::two(*value);
  if (auto bounds = after("loguniform:", written)) {
    std::vector<double> numbers;
    for (bool more = true; more;) {
      const std::size_t end = std::min(bounds->find(':'), bounds->size());
      const auto value = to_number(bounds->substr(0, end));
      if (!value || *value < 1e-4 || *value > 1e6) return std::nullopt;
      numbers.push_back(*value);
      more = end < bounds->size();
      bounds->remove_prefix(more ? end + 1 : end);
    }
    if (numbers.size() == 2) numbers.insert(numbers.end(), {10, 100});
    if (numbers.size() == 4 && numbers[0] <= numbers[1] && numbers[2] <= numbers[3])
      return fleet::log_uniform({numbers[0], numbers[1], numbers[2], numbers[3]});
  }
  return std::nullopt;
}

std::string one_of::operator()(const std::string& written) const {
  if (std::ranges::find(values, written) != values.end()) return {};
  return text('"', written, "\" is not known\n  remedy: give one of ", list());
}

std::string one_of::list() const {
  std::string all;
  for (const std::string& value : values) all += (all.empty() ? "" : ", ") + value;
  return all;
}

std::string no_check(const std::string&) { return {}; }

std::string not_empty(const std::string& written) {
  return written.empty() ? "\"\" is no name\n  remedy: give one, or leave the option out" : std::string{};
}

std::string partition_check(const std::string& written) {
  if (to_partition(written)) return {};
  return text('"', written,
              "\" is not known\n  remedy: give iid, dirichlet:ALPHA (ALPHA above 0, say dirichlet:0.5) or "
              "shards:N (N from 1, say shards:2)");
}

std::string fleet_check(const std::string& written) {
  if (to_fleet(written) || existing_file(written).empty()) return {};
  return text(
      '"', written,
      "\" is not known\n  remedy: give paper, paper:RATE (0.0001 to 1000000, say paper:2), authors, two, "
      "two:RATIO, uniform, loguniform, loguniform:SLOWEST:FASTEST:MBPS:MBPS (say loguniform:0.2:4:10:100), or a "
      "fleet file that there is");
}

std::string profile_check(const std::string& written) {
  return written == "analytic" || written == "measured" ? std::string{} : existing_file(written);
}

std::string counted_profile_check(const std::string& written) {
  return written == "analytic" ? std::string{} : existing_file(written);
}

bool is_path(const std::string& type, const std::string& value) {
  if (type == "KIND|FILE") return !to_fleet(value);
  if (type == "analytic|FILE") return value != "analytic";
  if (type == "analytic|measured|FILE") return value != "analytic" && value != "measured";
  return type == "DIR" || type == "FILE";
}

std::string from_anywhere(const std::string& type, const std::string& value) {
  if (is_path(type, value)) return std::filesystem::absolute(value).string();
  if (const auto file = after("file:", value); file && type == "KIND")
    return "file:" + std::filesystem::absolute(*file).string();
  return value;
}

std::string existing_file(const std::string& written) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(written, ignored)) return {};
  if (std::filesystem::exists(written, ignored))
    return text('"', written, "\" is not a regular file\n  remedy: give the name of a file");
  return text('"', written, "\": there is no such file\n  remedy: check the name");
}

std::string existing_directory(const std::string& written) {
  std::error_code ignored;
  if (std::filesystem::is_directory(written, ignored)) return {};
  return text('"', written, "\": there is no such directory\n  remedy: check the name");
}

std::string outside(const std::string& written, count_range range) {
  const auto value = to_count(written);
  if (value && *value >= range.least && *value <= range.most) return {};
  return text('"', written, "\" will not do\n  remedy: give a whole number from ", range.least, " to ", range.most);
}

std::string outside(const std::string& written, number_range range) {
  const auto value = to_number(written);
  if (value && *value <= range.most && (range.without_least ? *value > range.least : *value >= range.least)) return {};
  return text('"', written, "\" will not do\n  remedy: give a number ", range.without_least ? "above " : "from ",
              range.least, " to ", range.most);
}

}  // namespace program
