// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml keygen.
#include <iostream>
#include <memory>
#include <string>

#include "commands.hpp"
#include "zeromq_line.hpp"

namespace program {

action add_keygen(command options) {
  const auto file = std::make_shared<std::string>("agent.key");
  options.text("out", *file, "FILE", not_empty, "the key file to make; one that is there is never replaced");
  options.footer(
      "Makes the keys of an agent or an observer: a file that only you can read (mode 0600), and prints the public\n"
      "key, which goes into the [[peer]] tables, or the observers, of the others' configurations.\n\n"
      "Example:\n"
      "  comdml keygen --out agent.key");
  return [file]() -> int {
    std::cout << make_keys_in(*file) << '\n';
    std::cerr << "the secret key is in " << *file << ": keep it on this machine; the line above is for the others\n";
    return exit_code::done;
  };
}

}  // namespace program
