// SPDX-License-Identifier: BSL-1.0
/// \file
/// The safetensors format, held against bytes put together by hand; and damaged and hostile files.
#include "comdml/nn/safetensors.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "../temporary_directory.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/random.hpp"

namespace nn = comdml::nn;

namespace {

/// A file's bytes from its header and its data.
std::string file_of(const std::string& header, const std::string& data = {}) {
  std::string bytes;
  for (unsigned i = 0; i < 8; ++i) bytes += static_cast<char>(std::uint64_t{header.size()} >> (8 * i));
  return bytes + header + data;
}

/// 1, -2 and 0.5, little-endian.
const std::string three_values{"\0\0\x80\x3f\0\0\0\xc0\0\0\0\x3f", 12};

const std::string good_header =
    R"({"__metadata__":{"model":"tiny"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
    R"("b":{"dtype":"F32","shape":[],"data_offsets":[8,12]}})";

/// The message with which the bytes are refused; empty if they are not.
std::string refusal(const std::string& bytes) {
  return input_error_of([&] { (void)nn::parse_safetensors(bytes, "weights"); });
}

/// A tensor's entry in a header.
std::string tensor(const std::string& name, const std::string& type, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":")" + type + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

nn::stored_tensors example() {
  nn::stored_tensors content;
  content.metadata = {{"model", "resnet8"}, {"note", "quotes \" and \xc3\xa9"}};
  content.tensors["layer.weight"] = {.shape = {2, 3}, .values = {1, -2, 0.5f, 1e-40f, 3e38f, -0.0f}};
  content.tensors["bias"] = {.shape = {3}, .values = {4, 5, 6}};
  content.tensors["count"] = {.shape = {}, .values = {7}};
  content.tensors["none"] = {.shape = {0, 4}, .values = {}};
  return content;
}

bool same(const nn::stored_tensors& a, const nn::stored_tensors& b) {
  if (a.metadata != b.metadata || a.tensors.size() != b.tensors.size()) return false;
  for (const auto& [name, one] : a.tensors) {
    const auto other = b.tensors.find(name);
    if (other == b.tensors.end() || other->second.type != one.type || other->second.shape != one.shape ||
        other->second.values.size() != one.values.size())
      return false;
    for (std::size_t i = 0; i < one.values.size(); ++i)
      if (std::bit_cast<std::uint32_t>(one.values[i]) != std::bit_cast<std::uint32_t>(other->second.values[i]))
        return false;
  }
  return true;
}

}  // namespace

TEST_CASE("safetensors: a file put together by hand is read") {
  const auto content = nn::parse_safetensors(file_of(good_header + "   ", three_values), "weights");
  CHECK(content.metadata == std::map<std::string, std::string>{{"model", "tiny"}});
  REQUIRE(content.tensors.size() == 2);
  CHECK(content.tensors.at("a").shape == std::vector<std::size_t>{2, 1});
  CHECK(content.tensors.at("a").values == std::vector<float>{1, -2});
  CHECK(content.tensors.at("b").shape.empty());
  CHECK(content.tensors.at("b").values == std::vector<float>{0.5f});
  CHECK(nn::parse_safetensors(file_of("{}"), "weights").tensors.empty());
}

TEST_CASE("safetensors: tensors of other types are listed without values, and may stand in any order") {
  const auto content = nn::parse_safetensors(
      file_of("{" + tensor("half", "F16", "[2]", "[12,16]") + "," + tensor("count", "I64", "[]", "[0,8]") + "," +
                  tensor("x", "F32", "[1]", "[8,12]") + "}",
              std::string(8, '\0') + three_values.substr(0, 4) + "1234"),
      "weights");
  CHECK(content.tensors.at("half").type == "F16");
  CHECK(content.tensors.at("half").values.empty());
  CHECK(content.tensors.at("count").type == "I64");
  CHECK(content.tensors.at("x").values == std::vector<float>{1});
}

TEST_CASE("safetensors: what is written has the documented layout") {
  const auto content = example();
  const std::string bytes = nn::to_safetensors(content);
  std::uint64_t header_size = 0;
  for (unsigned i = 0; i < 8; ++i) header_size |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  CHECK(header_size % 8 == 0);
  REQUIRE(header_size + 8 <= bytes.size());
  CHECK(bytes[8] == '{');
  const auto header = nlohmann::json::parse(bytes.substr(8, header_size));
  CHECK(header.size() == 5);
  CHECK(header["__metadata__"]["note"] == "quotes \" and \xc3\xa9");
  CHECK(header["bias"]["dtype"] == "F32");
  CHECK(header["bias"]["shape"] == std::vector<int>{3});
  CHECK(header["bias"]["data_offsets"] == std::vector<int>{0, 12});
  CHECK(header["count"]["shape"] == nlohmann::json::array());
  CHECK(header["count"]["data_offsets"] == std::vector<int>{12, 16});
  CHECK(header["layer.weight"]["data_offsets"] == std::vector<int>{16, 40});
  CHECK(header["none"]["data_offsets"] == std::vector<int>{40, 40});
  CHECK(bytes.size() == 8 + header_size + 40);
  CHECK(bytes.substr(8 + header_size, 4) == std::string("\0\0\x80\x40", 4));  // 4, the first value of "bias"
}

TEST_CASE("safetensors: written and read gives the same bits, not-a-number included") {
  auto content = example();
  content.tensors["odd"] = {.shape = {2}, .values = {std::numeric_limits<float>::quiet_NaN(), -INFINITY}};
  CHECK(same(nn::parse_safetensors(nn::to_safetensors(content), "weights"), content));
  CHECK(same(nn::parse_safetensors(nn::to_safetensors({}), "weights"), {}));
}

TEST_CASE("safetensors: what the format cannot hold is refused; text that is not UTF-8 is mended") {
  nn::stored_tensors content;
  content.metadata["bad"] = "\xff!";
  const auto mended = nn::parse_safetensors(nn::to_safetensors(content), "weights");
  CHECK(mended.metadata.at("bad") == "\xef\xbf\xbd!");
  content.tensors["x"] = {.shape = {2}, .values = {1}};
  CHECK_THROWS_AS((void)nn::to_safetensors(content), comdml::contract_error);
  content.tensors["x"] = {.type = "F16", .shape = {0}, .values = {}};
  CHECK_THROWS_AS((void)nn::to_safetensors(content), comdml::contract_error);
  content.tensors.clear();
  content.tensors["__metadata__"] = {.shape = {0}, .values = {}};
  CHECK_THROWS_AS((void)nn::to_safetensors(content), comdml::contract_error);
}

TEST_CASE("safetensors: every way to break a file is refused by its name") {
  const std::string a = tensor("a", "F32", "[2]", "[0,8]"), c = tensor("c", "F32", "[1]", "[8,12]");
  const auto header_of = [](const std::string& entry) { return file_of("{" + entry + "}", three_values); };
  REQUIRE(refusal(header_of(a + "," + c)) == "");
  using namespace std::string_literals;
  const std::vector<std::pair<std::string, std::string>> broken{
      {"", "byte 0: the file ends inside the length"},
      {std::string(7, '\0'), "ends inside the length"},
      {std::string(8, '\0'), "does not begin with {"},
      {std::string(8, '\xff'), "a header of 18446744073709551615 bytes"},
      {"\0\0\0\1\0\0\0\0"s, "byte 8: the file ends inside its header"},
      {"\1\0\0\1\0\0\0\0"s, "a header of 16777217 bytes"},
      {file_of("[]"), "does not begin with {"},
      {file_of(" {}"), "does not begin with {"},
      {file_of("\xef\xbb\xbf{}"), "does not begin with {"},
      {file_of("{} x"), "byte 11: the header is not valid JSON"},
      {file_of("{}\0hidden"s), "byte 10: the header is not valid JSON"},
      {file_of("{\"a\":"), "not valid JSON"},
      {file_of("{\"\xff\":1}"), "not valid JSON"},
      {header_of(R"("a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,8]})"), "not valid JSON"},
      {file_of("{" + std::string(100000, '[')), "not valid JSON"},
      {file_of("{\"a\":" + std::string(100000, '[')), "nested too deep"},
      {header_of(R"("a":{"dtype":{"x":{}},"shape":[2],"data_offsets":[0,8]})"), "nested too deep"},
      {file_of(R"({"__metadata__":{"x":1}})"), "metadata is not an object of strings"},
      {file_of(R"({"__metadata__":[]})"), "metadata is not an object of strings"},
      {file_of(R"({"__metadata__":{"x":"1","x":"2"}})"), "\"x\" stands twice"},
      {header_of(a + "," + a), "\"a\" stands twice"},
      {header_of(R"("a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]})"), "\"dtype\" stands twice"},
      {header_of(R"("a":1)"), "tensor \"a\" is not described by"},
      {header_of(R"("a":{"dtype":"F32","shape":[2]})"), "tensor \"a\" is not described by"},
      {header_of(R"("a":{"dtype":1,"shape":[2],"data_offsets":[0,8]})"), "tensor \"a\" is not described by"},
      {header_of(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1})"), "is not described by"},
      {header_of(tensor("a", "F31", "[2]", "[0,8]")), "the unknown type \"F31\""},
      {header_of(tensor("a", "F32", "2", "[0,8]")), "no list of counts \"shape\""},
      {header_of(tensor("a", "F32", "[-2]", "[0,8]")), "no list of counts \"shape\""},
      {header_of(tensor("a", "F32", "[2.0]", "[0,8]")), "no list of counts \"shape\""},
      {header_of(tensor("a", "F32", "[\"2\"]", "[0,8]")), "no list of counts \"shape\""},
      {header_of(tensor("a", "F32", "[2]", "[0]")), "no range of data_offsets"},
      {header_of(tensor("a", "F32", "[2]", "[0,8,9]")), "no range of data_offsets"},
      {header_of(tensor("a", "F32", "[2]", "[8,0]")), "no range of data_offsets"},
      {header_of(tensor("a", "F32", "[2]", "[-8,0]")), "no list of counts \"data_offsets\""},
      {header_of(tensor("a", "F32", "[18446744073709551615,18446744073709551615]", "[0,4]")), "larger than any file"},
      {header_of(tensor("a", "F32", "[4294967296,4294967296]", "[0,0]")), "larger than any file"},
      {header_of(tensor("a", "F32", "[1]", "[0,8]") + "," + c), "takes 8 bytes, its shape 4"},
      {header_of(tensor("a", "F16", "[2]", "[0,8]") + "," + c), "takes 8 bytes, its shape 4"},
      {header_of(tensor("a", "F32", "[4]", "[0,16]")), "ends at byte 16 of the data, the file at 12"},
      {header_of(tensor("a", "F32", "[0]", "[18446744073709551615,18446744073709551615]")), "the file at 12"},
      {header_of(a), "4 bytes that belong to no tensor"},
      {header_of(c), "begins at byte 8 of the data, the one before ends at 0"},
      {header_of(a + "," + tensor("c", "F32", "[2]", "[4,12]")), "begins at byte 4 of the data"},
      {header_of(tensor("a", "F32", "[3]", "[0,12]") + "," + c), "begins at byte 8 of the data"},
      {header_of(a + "," + c) + "x", "1 bytes that belong to no tensor"}};
  for (const auto& one : broken) {
    CAPTURE(one.second);
    const std::string message = refusal(one.first);
    CAPTURE(message);
    CHECK(contains(message, one.second));
    CHECK(contains(message, "weights, byte "));
    CHECK(contains(message, "remedy: "));
  }
}

TEST_CASE("safetensors: a name that would play tricks on a terminal is quoted, a long one cut") {
  const std::string message = refusal(file_of("{" + tensor("\\u001b[2Jx", "F31", "[2]", "[0,8]") + "}", three_values));
  CHECK(contains(message, R"("\u001b[2Jx")"));
  CHECK_FALSE(contains(message, "\x1b"));
  CHECK(refusal(file_of("{" + tensor(std::string(100000, 'n'), "F31", "[2]", "[0,8]") + "}")).size() < 1000);
}

TEST_CASE("safetensors: a file that ends too early is refused, wherever it ends") {
  const std::string bytes = nn::to_safetensors(example());
  for (std::size_t size = 0; size < bytes.size(); ++size)
    if (refusal(bytes.substr(0, size)).empty()) FAIL("taken after ", size, " of ", bytes.size(), " bytes");
}

TEST_CASE("safetensors: one flipped bit is refused, or changes what is read, but does no harm") {
  const auto content = example();
  const std::string bytes = nn::to_safetensors(content);
  const std::size_t data = bytes.size() - 40;
  std::size_t taken = 0, unseen = 0;
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    try {
      const auto read = nn::parse_safetensors(damaged, "weights");
      ++taken;
      unseen += same(read, content) ? 1 : 0;
    } catch (const comdml::input_error&) {
      if (bit / 8 >= data) FAIL("a flipped bit of a value was refused: bit ", bit);
    }
  }
  CHECK(unseen == 0);
  CHECK(taken >= 8 * 40);
  CHECK(taken < 8 * bytes.size());
}

TEST_CASE("safetensors: headers mixed up at random are refused or read, never more") {
  const std::vector<std::string> pieces{"{",
                                        "}",
                                        "[",
                                        "]",
                                        ",",
                                        ":",
                                        "\"",
                                        "\\",
                                        "0",
                                        "1",
                                        "8",
                                        "-",
                                        ".",
                                        "e9",
                                        "18446744073709551615",
                                        "\"a\"",
                                        "\"F32\"",
                                        "\"dtype\"",
                                        "\"shape\"",
                                        "\"data_offsets\"",
                                        "\"__metadata__\"",
                                        "null",
                                        "true",
                                        " ",
                                        std::string(1, '\0'),
                                        "\xff"};
  comdml::random_stream rng{1, comdml::purpose::testing};
  std::size_t refused = 0;
  for (int trial = 0; trial < 20000; ++trial) {
    std::string header = good_header;
    for (std::size_t changes = 1 + rng.below(3); changes > 0; --changes) {
      const std::size_t at = rng.below(header.size()), length = std::min(rng.below(12), header.size() - at);
      header.replace(at, length,
                     rng.below(2) == 0 ? pieces[rng.below(pieces.size())]
                                       : good_header.substr(rng.below(good_header.size()), length));
    }
    refused += refusal(file_of(header, three_values)).empty() ? 0 : 1;
  }
  CHECK(refused > 10000);
  CHECK(refused < 20000);
}

TEST_CASE("safetensors: files that cannot be read are named, with what to do") {
  const temporary_directory directory;
  const auto message = [](const std::filesystem::path& file) {
    return input_error_of([&] { (void)nn::read_safetensors(file); });
  };
  const auto missing = directory.path() / "missing";
  CHECK(contains(message(missing), missing.string() + ": there is no such file"));
  CHECK(contains(message(directory.path()), "is not a regular file"));
  CHECK(contains(message("/dev/zero"), "is not a regular file"));
  CHECK(contains(message(directory.write("empty", std::string{})), "empty, byte 0: the file ends"));
  CHECK(contains(message(directory.write("file", std::string{"text"}) / "below"), "there is no such file"));
  const auto huge = directory.write("huge", std::string{"x"});
  std::filesystem::resize_file(huge, (std::uintmax_t{1} << 31) + 1);  // a hole, not disk space
  CHECK(contains(message(huge), "is larger than 2147483648 bytes"));
  const auto good = directory.write("good", file_of(good_header, three_values));
  CHECK(nn::read_safetensors(good).tensors.size() == 2);
}
