// expects: round 2 of 4.*going on after round 2.*round 4 of 4.*same weights: yes
// One new idea: a run that is stopped, and goes on from its checkpoint as if nothing had happened.
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <memory>

#include "comdml/comdml.hpp"
#include "comdml/data/digits.hpp"

using namespace comdml;

struct my_job : learn::default_policies {
  using model = nn::resnet<8>;
};

/// Tells of every round, and stops after one of them.
struct narrator {
  std::uint32_t last;

  learn::verdict on_round(const learn::round_report& report) const {
    std::cout << "round " << report.round.value + 1 << " of " << report.rounds_planned << std::endl;
    return report.round.value + 1 == last ? learn::verdict::stop : learn::verdict::go_on;
  }
};

int main() {
  const fleet::description agents = fleet::uniform({.agents = 4});
  data::split images = data::digits();
  images.train.limit(400);
  images.test.limit(100);
  learn::settings<my_job> how;
  how.rounds = 4;

  const auto folder = std::filesystem::temp_directory_path() / text("comdml-example-", ::getpid());
  const auto keep = std::make_shared<const learn::checkpoints>(folder, 1, "digits, 4 agents, seed 1");
  const auto run = [&](std::uint32_t last) {
    learn::control hold{.keep = keep};
    if (const auto from = learn::latest_of_fleet(*keep, agents.agents.size())) {
      std::cout << "going on after round " << from->round << std::endl;
      hold.resume = from->resume;
    }
    return learn::fleet_trainer<my_job>{agents, how}.run(images, data::iid{}, narrator{last}, hold);
  };
  static_cast<void>(run(2));  // this could be another process
  const learn::history resumed = run(4);

  const learn::history whole = learn::fleet_trainer<my_job>{agents, how}.run(images, data::iid{});
  std::cout << "same weights: " << (resumed.state == whole.state ? "yes" : "no") << std::endl;
  std::filesystem::remove_all(folder);
}
