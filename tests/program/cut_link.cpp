// SPDX-License-Identifier: BSL-1.0
/// \file
/// Agents whose network is cut and comes back: some of them live in a network namespace, at the other end of a virtual
/// cable. Skipped without the rights to make one.
#include <unistd.h>

#include "agents_support.hpp"

using namespace support;

namespace {

/// A network namespace that a cable connects with this one.
class far_side {
 public:
  far_side() {
    if (shell("command -v ip && command -v nsenter").code != 0) {
      why_not_ = "there is no ip (on Debian: apt-get install iproute2)";
      return;
    }
    holder_ = std::make_unique<process>(
        std::vector<std::string>{"-c", "exec unshare --net sh -c 'echo there >&2; exec sleep 3600'"}, "/bin/sh");
    if (!holder_->wait_until_told("there")) {
      why_not_ = "making a network namespace needs root";
      return;
    }
    const ending made = shell("set -e\nip link add " + near_ + " type veth peer name " + far_ + " netns " + number() +
                              "\nip address add " + near_host() + "/30 dev " + near_ + "\nip link set " + near_ +
                              " up\n" + through() + " sh -c 'ip link set lo up; ip address add " + far_host() +
                              "/30 dev " + far_ + "; ip link set " + far_ + " up'");
    if (made.code != 0) why_not_ = made.error;
  }
  ~far_side() {
    if (holder_) (void)shell("ip link delete " + near_ + " 2>/dev/null");
  }
  far_side(const far_side&) = delete;
  far_side& operator=(const far_side&) = delete;

  /// "" where the two sides are connected.
  [[nodiscard]] const std::string& why_not() const { return why_not_; }
  [[nodiscard]] std::string near_host() const { return "10.213.77.1"; }
  [[nodiscard]] std::string far_host() const { return "10.213.77.2"; }
  [[nodiscard]] std::string through() const { return "nsenter --target " + number() + " --net"; }

  void cut() const { REQUIRE(shell("ip link set " + near_ + " down").code == 0); }
  void mend() const { REQUIRE(shell("ip link set " + near_ + " up").code == 0); }

 private:
  [[nodiscard]] std::string number() const { return std::to_string(holder_->id()); }

  std::string near_ = "comdml" + std::to_string(getpid() % 100000) + "n";
  std::string far_ = "comdml" + std::to_string(getpid() % 100000) + "f";
  std::unique_ptr<process> holder_;
  std::string why_not_;
};

/// Agents from `first_far` on are cut off at a moment of `round`; the cable is mended when the others have noticed.
void cut_off(std::size_t first_far, std::size_t round) {
  if (!has_agents()) return;
  const far_side far;
  if (!far.why_not().empty()) {
    MESSAGE("skipped: ", far.why_not());
    return;
  }
  agent_fleet fleet{4, std::string{linked_all} + "rounds = 300\n", impatient};
  for (std::size_t i = 0; i < 4; ++i)
    if (i < first_far)
      fleet.place(i, far.near_host());
    else
      fleet.place(i, far.far_host(), far.through());
  fleet.start_all();
  REQUIRE(fleet[0].wait_until_told(committed(round)));
  far.cut();
  for (std::size_t i = first_far; i < 4; ++i)
    REQUIRE(fleet[0].wait_until_told("agent " + std::to_string(i) + " was lost"));
  far.mend();
  require_agreement(fleet, {0, 1, 2, 3});
  for (std::size_t i = first_far; i < 4; ++i)
    CHECK(contains(fleet[0].told(), "agent " + std::to_string(i) + " takes part again"));
}

}  // namespace

TEST_CASE("an agent whose link is cut is left out, comes back with the link, and all finish alike") { cut_off(3, 2); }

TEST_CASE("of two halves of a split network one goes on, the other comes back, and all finish alike") { cut_off(2, 3); }
