// expects: epoch 8: .*test accuracy (9[0-9]|100)
// One new idea: a model trained without any fleet. Network, loss, optimizer and loader are plain objects; a training
// step is one call, and nothing else of the library is needed.
#include <cstdio>

#include "comdml/data/digits.hpp"
#include "comdml/data/loader.hpp"
#include "comdml/learn/evaluate.hpp"
#include "comdml/nn/adam.hpp"
#include "comdml/nn/loss.hpp"
#include "comdml/nn/network.hpp"
#include "comdml/nn/linear.hpp"
#include "comdml/nn/relu.hpp"
#include "comdml/split/sides.hpp"

namespace nn = comdml::nn;

/// A small net on flat pixels: 64 -> 64 -> 10.
using small_net = nn::network<nn::sequential<nn::linear, nn::relu, nn::linear>>;

int main() {
  const auto images = comdml::data::digits();
  const small_net net{nn::sequential{nn::linear{64}, nn::relu{}, nn::linear{10}}, images.train.shape()};
  const nn::adam optimizer{.learning_rate = 0.003};
  const nn::softmax_cross_entropy loss;

  comdml::split::training_state<float> state;
  net.initialize(state.model, comdml::random_stream{1, comdml::purpose::initialization});
  state.optimizer.reset(optimizer.slots(), state.model.parameters.size());

  comdml::data::loader<comdml::data::image_set> loader{images.train, {.batch = 32, .seed = 1}};
  comdml::data::batch batch;
  comdml::split::workspace<small_net> memory;
  const comdml::split::fast_side whole_model{net, comdml::split_point{0}, loss, optimizer};
  for (std::uint32_t epoch = 0; epoch < 8; ++epoch) {
    double sum = 0;
    for (loader.start(comdml::round_index{epoch}); loader.next(batch); ++state.optimizer.updates)
      sum += whole_model
                 .step(comdml::split::part_of(net, state, {0, net.units()}), batch.inputs, batch.labels,
                       optimizer.learning_rate, memory, {})
                 .sum;
    const auto test = comdml::learn::evaluate(net, state.model, images.test, loss, memory.body, {}, [] {});
    std::printf("epoch %u: training loss %.3f, test accuracy %.1f %%\n", epoch + 1,
                sum / static_cast<double>(images.train.size()), 100 * test.accuracy());
  }
}
