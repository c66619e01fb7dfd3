// SPDX-License-Identifier: BSL-1.0
/// \file
/// The safetensors format: 8 bytes of header length, a JSON header, then the tensors' values, all little-endian.
/// Files may be damaged or hostile.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "comdml/core/atomic_file.hpp"
#include "comdml/core/errors.hpp"

namespace comdml::nn {

/// One tensor of a file.
struct stored_tensor {
  /// The format's name of the element type: F32, F64, F16, BF16, I64, ...
  std::string type = "F32";
  std::vector<std::size_t> shape;
  /// Row-major; only of type F32, empty for all others.
  std::vector<float> values;
};

/// The content of a file, by name.
struct stored_tensors {
  std::map<std::string, std::string> metadata;
  std::map<std::string, stored_tensor> tensors;
};

/// Appends the four bytes of a float, lowest first.
inline void append_little_endian(std::string& bytes, float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(bits >> shift);
}

/// A name from a file, quoted and fit to be printed on a terminal.
[[nodiscard]] inline std::string printable(const std::string& name) {
  constexpr std::size_t most = 200;
  const std::string quoted = nlohmann::json(name).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return quoted.size() <= most ? quoted : quoted.substr(0, most) + "...\"";
}

namespace detail {

inline constexpr std::size_t length_bytes = 8;
inline constexpr std::size_t most_header_bytes = std::size_t{1} << 24;
inline constexpr std::uintmax_t most_file_bytes = std::uintmax_t{1} << 31;
inline constexpr const char* metadata_key = "__metadata__";
inline constexpr const char* weights_remedy = "save the model again, or fetch the file again";

/// Bytes of one element, 0 for a type that the format does not know.
[[nodiscard]] inline std::uint64_t element_bytes(std::string_view type) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 15> sizes{{{"BOOL", 1},
                                                                              {"U8", 1},
                                                                              {"I8", 1},
                                                                              {"F8_E5M2", 1},
                                                                              {"F8_E4M3", 1},
                                                                              {"I16", 2},
                                                                              {"U16", 2},
                                                                              {"F16", 2},
                                                                              {"BF16", 2},
                                                                              {"I32", 4},
                                                                              {"U32", 4},
                                                                              {"F32", 4},
                                                                              {"I64", 8},
                                                                              {"U64", 8},
                                                                              {"F64", 8}}};
  const auto* const found = std::ranges::find(sizes, type, &std::pair<std::string_view, std::uint64_t>::first);
  return found == sizes.end() ? 0 : found->second;
}

/// Takes a file's bytes apart; `where` names the file.
class safetensors_parser {
 public:
  safetensors_parser(std::string_view content, const std::string& where) : content_{content}, where_{where} {}

  [[nodiscard]] stored_tensors parse() {
    if (content_.size() < length_bytes) refuse(content_.size(), "the file ends inside the length of its header");
    std::uint64_t header_size = 0;
    for (std::size_t i = length_bytes; i-- > 0;)
      header_size = header_size << 8 | static_cast<unsigned char>(content_[i]);
    if (header_size > most_header_bytes)
      refuse(0, text("a header of ", header_size, " bytes; at most ", most_header_bytes, " are taken"));
    if (header_size > content_.size() - length_bytes) refuse(content_.size(), "the file ends inside its header");
    const std::string_view header = content_.substr(length_bytes, static_cast<std::size_t>(header_size));
    data_ = content_.substr(length_bytes + header.size());
    stored_tensors result;
    std::vector<piece> pieces;
    const nlohmann::json root = parse_json(header);
    for (const auto& [name, entry] : root.items()) {
      if (name == metadata_key)
        result.metadata = metadata_of(entry);
      else
        pieces.push_back(piece_of(name, entry));
    }
    require_seamless(pieces);
    for (const piece& p : pieces) result.tensors.emplace(p.name, tensor_of(p));
    return result;
  }

 private:
  /// Where a tensor lies in the data.
  struct piece {
    std::string name;
    std::string type;
    std::vector<std::size_t> shape;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };

  [[noreturn]] void refuse(std::size_t offset, const std::string& what) const {
    throw input_error{text(where_, ", byte ", offset), what, weights_remedy};
  }
  [[noreturn]] void refuse_tensor(const std::string& name, const std::string& what) const {
    refuse(length_bytes, text("in the header, tensor ", printable(name), " ", what));
  }

  /// The header as an object without repeated keys. A tensor's lists are the deepest things there may be.
  [[nodiscard]] nlohmann::json parse_json(std::string_view header) const {
    // A lenient parser takes a byte order mark before the object, and a zero byte for the end, whatever comes after it.
    if (!header.starts_with('{')) refuse(length_bytes, "the header does not begin with {");
    if (const std::size_t zero = header.find('\0'); zero != header.npos)
      refuse(length_bytes + zero, "the header is not valid JSON");
    constexpr int deepest = 3;
    std::array<std::set<std::string>, deepest + 1> keys;
    const auto watch = [&](int depth, nlohmann::json::parse_event_t event, const nlohmann::json& parsed) {
      using event_kind = nlohmann::json::parse_event_t;
      const bool object = event == event_kind::object_start;
      if ((object || event == event_kind::array_start) && depth >= deepest)
        refuse(length_bytes, "the header is nested too deep");
      const auto level = static_cast<std::size_t>(depth);
      if (object) keys[level + 1].clear();
      if (event == event_kind::key && !keys[level].insert(parsed.get<std::string>()).second)
        refuse(length_bytes, text("in the header, ", printable(parsed.get<std::string>()), " stands twice"));
      return true;
    };
    nlohmann::json result;
    try {
      result = nlohmann::json::parse(header, watch);
    } catch (const nlohmann::json::parse_error& error) {
      refuse(length_bytes + error.byte - 1, "the header is not valid JSON");
    } catch (const nlohmann::json::exception&) {
      refuse(length_bytes, "the header is not valid JSON");
    }
    return result;
  }

  [[nodiscard]] std::map<std::string, std::string> metadata_of(const nlohmann::json& entry) const {
    const auto is_text = [](const nlohmann::json& value) { return value.is_string(); };
    if (!entry.is_object() || !std::ranges::all_of(entry, is_text))
      refuse(length_bytes, "in the header, the metadata is not an object of strings");
    return entry.get<std::map<std::string, std::string>>();
  }

  [[nodiscard]] piece piece_of(const std::string& name, const nlohmann::json& entry) const {
    const auto is_count = [](const nlohmann::json& value) { return value.is_number_unsigned(); };
    const auto counts = [&](const char* field) {
      if (!entry[field].is_array() || !std::ranges::all_of(entry[field], is_count))
        refuse_tensor(name, text("has no list of counts \"", field, '"'));
      return entry[field].get<std::vector<std::uint64_t>>();
    };
    if (!entry.is_object() || entry.size() != 3 || !entry.contains("dtype") || !entry.contains("shape") ||
        !entry.contains("data_offsets") || !entry["dtype"].is_string())
      refuse_tensor(name, "is not described by dtype, shape and data_offsets");
    piece p;
    p.name = name;
    p.type = entry["dtype"].get<std::string>();
    std::uint64_t size = element_bytes(p.type);
    if (size == 0) refuse_tensor(name, text("has the unknown type ", printable(p.type)));
    for (const std::uint64_t extent : counts("shape")) {
      if (extent != 0 && size > most_file_bytes / extent) refuse_tensor(name, "is larger than any file may be");
      size *= extent;
      p.shape.push_back(static_cast<std::size_t>(extent));
    }
    const auto offsets = counts("data_offsets");
    if (offsets.size() != 2 || offsets[0] > offsets[1]) refuse_tensor(name, "has no range of data_offsets");
    p.begin = offsets[0];
    p.end = offsets[1];
    if (p.end > data_.size())
      refuse(content_.size(),
             text("tensor ", printable(name), " ends at byte ", p.end, " of the data, the file at ", data_.size()));
    if (p.end - p.begin != size) refuse_tensor(name, text("takes ", p.end - p.begin, " bytes, its shape ", size));
    return p;
  }

  /// Tensors must neither overlap nor leave bytes between them or behind: nothing may hide in a file.
  void require_seamless(std::vector<piece>& pieces) const {
    std::ranges::sort(pieces, {}, [](const piece& p) { return std::pair{p.begin, p.end}; });
    std::uint64_t end = 0;
    for (const piece& p : pieces) {
      if (p.begin != end)
        refuse(offset_of(std::min(p.begin, end)), text("tensor ", printable(p.name), " begins at byte ", p.begin,
                                                       " of the data, the one before ends at ", end));
      end = p.end;
    }
    if (end != data_.size()) refuse(offset_of(end), text(data_.size() - end, " bytes that belong to no tensor"));
  }

  [[nodiscard]] std::size_t offset_of(std::uint64_t data_offset) const {
    return content_.size() - data_.size() + static_cast<std::size_t>(data_offset);
  }

  [[nodiscard]] stored_tensor tensor_of(const piece& p) const {
    stored_tensor tensor{.type = p.type, .shape = p.shape, .values = {}};
    if (p.type != "F32") return tensor;
    const std::string_view bytes =
        data_.substr(static_cast<std::size_t>(p.begin), static_cast<std::size_t>(p.end - p.begin));
    tensor.values.reserve(bytes.size() / 4);
    for (std::size_t i = 0; i < bytes.size(); i += 4) {
      std::uint32_t bits = 0;
      for (std::size_t k = 4; k-- > 0;) bits = bits << 8 | static_cast<unsigned char>(bytes[i + k]);
      tensor.values.push_back(std::bit_cast<float>(bits));
    }
    return tensor;
  }

  std::string_view content_;
  std::string_view data_;
  const std::string& where_;
};

}  // namespace detail

/// Takes the bytes of a file apart. `where` names the file in errors.
/// \throws input_error that names the byte, for anything but a file that keeps the format to the letter
[[nodiscard]] inline stored_tensors parse_safetensors(std::string_view content, const std::string& where) {
  return detail::safetensors_parser{content, where}.parse();
}

/// Reads a file of at most 2 GiB. \throws input_error
[[nodiscard]] inline stored_tensors read_safetensors(const std::filesystem::path& file) {
  const auto refuse = [&](const std::string& what, const char* remedy) {
    throw input_error{file.string(), what, remedy};
  };
  std::error_code failure;
  if (!std::filesystem::exists(file, failure)) refuse("there is no such file", "check its name");
  if (!std::filesystem::is_regular_file(file, failure)) refuse("is not a regular file", "name a .safetensors file");
  const std::uintmax_t size = std::filesystem::file_size(file, failure);
  if (failure || size > detail::most_file_bytes)
    refuse(text("is larger than ", detail::most_file_bytes, " bytes"), "name the weights of one model");
  std::ifstream in{file, std::ios::binary};
  std::string content(static_cast<std::size_t>(size), '\0');
  if (!in.read(content.data(), static_cast<std::streamsize>(content.size())))
    refuse("cannot be read", "check its permissions and the disk");
  return parse_safetensors(content, file.string());
}

/// The bytes of a file with these tensors, all of type F32, in the order of their names: SHA-256 of what follows the
/// header is that of the values. Metadata that is not UTF-8 gets replacement characters.
[[nodiscard]] inline std::string to_safetensors(const stored_tensors& content) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!content.metadata.empty()) header[detail::metadata_key] = content.metadata;
  std::size_t end = 0;
  for (const auto& [name, tensor] : content.tensors) {
    COMDML_REQUIRE(tensor.type == "F32" && name != detail::metadata_key, "tensor ", name, " of type ", tensor.type);
    const std::size_t size =
        std::accumulate(tensor.shape.begin(), tensor.shape.end(), std::size_t{1}, std::multiplies{});
    COMDML_REQUIRE(tensor.values.size() == size, "tensor ", name, " of ", tensor.values.size(), " values");
    const std::size_t begin = std::exchange(end, end + 4 * tensor.values.size());
    header[name] = {{"dtype", tensor.type}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  std::string json = header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  json.append((8 - json.size() % 8) % 8, ' ');  // so that the values lie aligned
  std::string bytes;
  bytes.reserve(detail::length_bytes + json.size() + end);
  for (unsigned shift = 0; shift < 64; shift += 8) bytes += static_cast<char>(std::uint64_t{json.size()} >> shift);
  bytes += json;
  for (const auto& [name, tensor] : content.tensors)
    for (const float value : tensor.values) append_little_endian(bytes, value);
  return bytes;
}

}  // namespace comdml::nn
