// SPDX-License-Identifier: BSL-1.0
#include "comdml/core/sha256.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>

using namespace comdml;

namespace {

std::span<const std::byte> bytes_of(std::string_view data) { return std::as_bytes(std::span{data}); }

std::string hex_of(std::string_view data) {
  sha256 digest;
  digest.update(bytes_of(data));
  return digest.hex();
}

/// The bytes 7 i + 1 modulo 256.
std::string pattern(std::size_t size) {
  std::string data;
  for (std::size_t i = 0; i < size; ++i) data += static_cast<char>(7 * i + 1);
  return data;
}

}  // namespace

TEST_CASE("sha256: the examples that NIST publishes with FIPS 180-4") {
  CHECK(hex_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(
      hex_of("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
             "nopqrstu") == "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  CHECK(hex_of(std::string(1000000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256: lengths around the ends of a block, against another implementation") {
  const std::map<std::size_t, std::string> known{
      {55, "16fa57a0a3423a715d594516339f36189d6b5f93754a9714fef202616a9fabfe"},
      {56, "c37b44e5f1b18554b36966f4f8e08bfbf3164c4b6c10374d12d89850892073c5"},
      {63, "bbba992d2c85af960fb2987a1fd05e0aa82a3db3c740dd8982a9e273b75e36a3"},
      {64, "66bd4633ed6f71c4ecfa4763bf7ba1c8ec7612de9aa6c0578a7b675207c71e0b"},
      {65, "9f7dc47107b750a1f3d35db5d9547f24ef40da5b731b9540d4f43710a154f6c9"},
      {119, "a3ed307b730fa77c07531300c6e4a282330011d4d4caf6bb7b63ae05950f4b66"},
      {120, "8e3b15d9fea7472655aa069620b7f8c2e55ee1499f763200a7515fe826e99d20"},
      {128, "e462c130fef8c97e34f7dc3ff3ad2f8b3533ab849af21c10531552a2852387a4"}};
  for (const auto& [size, digest] : known) CHECK(hex_of(pattern(size)) == digest);
}

TEST_CASE("sha256: pieces give the digest of the whole, and asking for it in between changes nothing") {
  const std::string data = pattern(200);
  const std::string whole = hex_of(data);
  for (std::size_t first = 0; first <= data.size(); ++first) {
    sha256 digest;
    digest.update(bytes_of(data).first(first));
    CHECK(digest.hex() == hex_of(data.substr(0, first)));
    digest.update(bytes_of(data).subspan(first));
    CHECK(digest.hex() == whole);
  }
}
