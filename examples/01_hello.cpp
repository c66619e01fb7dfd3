// expects: round time [0-9.]+ s -> [0-9.]+ s.*test accuracy (9[0-9]|100)
// Ten unlike agents without a server train a ResNet on real images: the whole pipeline.
#include <cstdio>

#include "comdml/comdml.hpp"
#include "comdml/data/digits.hpp"

struct my_job : comdml::learn::default_policies {
  using model = comdml::nn::resnet<8>;
};

int main() {
  const auto images = comdml::data::digits();
  const auto fleet = comdml::fleet::paper({.agents = 10, .seed = 1});
  comdml::learn::fleet_trainer<my_job> job{fleet, {.rounds = 8, .batch = 16, .local_epochs = 2, .seed = 1}};
  const auto history = job.run(images, comdml::data::iid{});
  const auto& last = history.rounds.back();
  std::printf("simulated round time %.1f s -> %.1f s with %zu pairs, ", last.plan.alone_makespan.value(),
              last.plan.makespan.value(), last.plan.pairs.size());
  std::printf("test accuracy %.1f %%\n", 100 * last.test_accuracy.value_or(0));
}
