// SPDX-License-Identifier: BSL-1.0
/// \file
/// A network's weights in a file: there and back, what does not fit, and the digest.
#include "comdml/nn/weights_file.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../temporary_directory.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/sha256.hpp"
#include "comdml/nn/batch_normalization.hpp"
#include "comdml/nn/linear.hpp"
#include "comdml/nn/network.hpp"
#include "comdml/nn/resnet.hpp"

namespace nn = comdml::nn;
using comdml::image_shape;
using comdml::index_range;

namespace {

/// Its file is small enough to be damaged everywhere.
struct tiny_model : nn::network<nn::sequential<nn::linear, nn::batch_normalization, nn::linear>> {
  tiny_model(image_shape input, std::size_t classes)
      : network{nn::sequential{nn::linear{2}, nn::batch_normalization{}, nn::linear{classes}}, input} {}
};

/// A state whose values are all different.
template <class N>
nn::model_state<float> numbered(const N& net) {
  nn::model_state<float> state;
  net.initialize(state, {1, comdml::purpose::initialization});
  float next = 0;
  for (float& value : state.parameters) value = (next += 1);
  for (float& value : state.statistics) value = (next += 1);
  return state;
}

template <class N>
nn::stored_tensors content_of(const N& net) {
  return {{}, nn::tensors_by_name(net, numbered(net))};
}

template <class N>
std::string refusal(const N& net, const nn::stored_tensors& content) {
  return input_error_of([&] { (void)nn::to_state(net, content, "weights"); });
}

}  // namespace

TEST_CASE_TEMPLATE("weights file: a network's state comes back bit for bit, with the metadata", N, tiny_model,
                   nn::resnet<8>, nn::bottleneck_resnet<20>) {
  const temporary_directory directory;
  const auto file = directory.path() / "model.safetensors";
  const N net{{8, 8, 3}, 10};
  nn::model_state<float> state;
  net.initialize(state, {3, comdml::purpose::initialization});
  state.parameters[0] = -0.0f;
  state.parameters[1] = 1e-42f;
  state.statistics.back() = 0.1f;
  const std::map<std::string, std::string> metadata{{"model", "resnet8"}, {"mean", "0.5,0.25,0.125"}};
  nn::write_weights(file, net, numbered(net));
  nn::write_weights(file, net, state, metadata);
  const auto content = nn::read_safetensors(file);
  CHECK(content.metadata == metadata);
  const auto read = nn::to_state(net, content, file.string());
  CHECK(read == state);
  CHECK(std::signbit(read.parameters[0]));
}

TEST_CASE("weights file: PyTorch's names and shapes, running statistics included") {
  const nn::resnet<8> net{{8, 8, 3}, 10};
  const auto tensors = nn::tensors_by_name(net, numbered(net));
  CHECK(tensors.at("conv1.weight").shape == std::vector<std::size_t>{16, 3, 3, 3});
  CHECK(tensors.at("bn1.weight").shape == std::vector<std::size_t>{16});
  CHECK(tensors.at("bn1.running_mean").shape == std::vector<std::size_t>{16});
  CHECK(tensors.at("bn1.running_var").shape == std::vector<std::size_t>{16});
  CHECK(tensors.at("layer2.0.conv1.weight").shape == std::vector<std::size_t>{32, 16, 3, 3});
  CHECK(tensors.at("fc.weight").shape == std::vector<std::size_t>{10, 64});
  CHECK(tensors.at("fc.bias").shape == std::vector<std::size_t>{10});
  CHECK(tensors.size() == net.tensors().size());
}

TEST_CASE("weights file: each tensor has its own values") {
  const tiny_model net{{1, 1, 3}, 2};
  const auto tensors = nn::tensors_by_name(net, numbered(net));
  const std::map<std::string, std::vector<float>> wanted{{"0.weight", {1, 2, 3, 4, 5, 6}},
                                                         {"0.bias", {7, 8}},
                                                         {"1.weight", {9, 10}},
                                                         {"1.bias", {11, 12}},
                                                         {"2.weight", {13, 14, 15, 16}},
                                                         {"2.bias", {17, 18}},
                                                         {"1.running_mean", {19, 20}},
                                                         {"1.running_var", {21, 22}}};
  CHECK(tensors.size() == wanted.size());
  for (const auto& [name, values] : wanted) CHECK(tensors.at(name).values == values);
}

TEST_CASE("weights file: all faults are reported at once, by name") {
  const tiny_model net{{1, 1, 3}, 2};
  auto content = content_of(net);
  content.tensors.erase("0.bias");
  content.tensors.erase("1.running_var");
  content.tensors["0.weight"].shape = {3, 2};
  content.tensors["1.bias"] = {.type = "F64", .shape = {2}, .values = {}};
  content.tensors["2.weight"].values[1] = INFINITY;
  content.tensors["2.bias"].values[0] = NAN;
  content.tensors["layer9.weight"] = {.shape = {1}, .values = {1}};
  const std::string message = refusal(net, content);
  CHECK(contains(message, "weights: does not hold the weights of this model"));
  CHECK(contains(message, "2 missing: 0.bias, 1.running_var"));
  CHECK(contains(message, "0.weight (F32 [3, 2] in the file, F32 [2, 3] in the model)"));
  CHECK(contains(message, "1.bias (F64 [2] in the file, F32 [2] in the model)"));
  CHECK(contains(message, "2 with values that are not finite: 2.weight, 2.bias"));
  CHECK(contains(message, "1 unknown: \"layer9.weight\""));
  CHECK(contains(message, "remedy: "));
  CHECK_FALSE(contains(message, "1.weight"));
}

TEST_CASE("weights file: PyTorch's counts of batches are passed over") {
  const tiny_model net{{1, 1, 3}, 2};
  auto content = content_of(net);
  content.tensors["1.num_batches_tracked"] = {.type = "I64", .shape = {}, .values = {}};
  CHECK(nn::to_state(net, content, "weights") == numbered(net));
}

TEST_CASE("weights file: another model's weights are refused") {
  const nn::resnet<8> net{{8, 8, 3}, 10};
  CHECK(contains(refusal(net, content_of(nn::resnet<8>{{8, 8, 3}, 5})), "fc.weight (F32 [5, 64] in the file"));
  CHECK(
      contains(refusal(net, content_of(nn::resnet<8>{{8, 8, 1}, 10})), "conv1.weight (F32 [16, 1, 3, 3] in the file"));
  CHECK(contains(refusal(net, content_of(nn::resnet<14>{{8, 8, 3}, 10})), "unknown: \"layer1.1."));
  CHECK(contains(refusal(nn::resnet<14>{{8, 8, 3}, 10}, content_of(net)), "missing: layer1.1."));
  CHECK(refusal(net, content_of(net)).empty());
}

TEST_CASE("weights file: a state of the wrong size is the caller's fault") {
  const tiny_model net{{1, 1, 3}, 2};
  auto state = numbered(net);
  state.statistics.pop_back();
  CHECK_THROWS_AS((void)nn::tensors_by_name(net, state), comdml::contract_error);
  CHECK_THROWS_AS((void)nn::weights_sha256(net, state), comdml::contract_error);
  CHECK_THROWS_AS(nn::write_weights("never", net, state), comdml::contract_error);
}

TEST_CASE("weights file: values of another number than the shape says are never copied") {
  const tiny_model net{{1, 1, 3}, 2};
  auto content = content_of(net);
  content.tensors["2.bias"].values.resize(1000);
  CHECK(contains(refusal(net, content), "2.bias"));
}

TEST_CASE("weights file: who cannot write loses nothing") {
  const temporary_directory directory;
  const tiny_model net{{1, 1, 3}, 2};
  const auto file = directory.write("file", std::string{"old"});
  const auto below = file / "model.safetensors";
  CHECK(contains(input_error_of([&] { nn::write_weights(below, net, numbered(net)); }), below.string()));
  CHECK(directory.read("file").size() == 3);
}

TEST_CASE("weights file: any flipped bit or cut is refused, or gives finite weights that differ") {
  const tiny_model net{{1, 1, 3}, 2};
  const auto state = numbered(net);
  const std::string bytes = nn::to_safetensors({{{"model", "tiny"}}, nn::tensors_by_name(net, state)});
  std::size_t taken = 0;
  const auto try_bytes = [&](const std::string& damaged) {
    try {
      const auto content = nn::parse_safetensors(damaged, "weights");
      const auto read = nn::to_state(net, content, "weights");
      ++taken;
      const bool metadata_changed = content.metadata != std::map<std::string, std::string>{{"model", "tiny"}};
      if (read == state && !metadata_changed) FAIL("damage that does not show");
      if (!std::ranges::all_of(read.parameters, [](float value) { return std::isfinite(value); })) FAIL("not finite");
    } catch (const comdml::input_error&) {
    }
  };
  for (std::size_t size = 0; size < bytes.size(); ++size) try_bytes(bytes.substr(0, size));
  CHECK(taken == 0);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    try_bytes(damaged);
  }
  CHECK(taken > 0);
}

TEST_CASE("weights_sha256: that of the values in the file, in the order of names; every bit counts") {
  const tiny_model net{{1, 1, 3}, 2};
  auto state = numbered(net);
  const std::string bytes = nn::to_safetensors({{}, nn::tensors_by_name(net, state)});
  const std::string values = bytes.substr(bytes.size() - 4 * (state.parameters.size() + state.statistics.size()));
  comdml::sha256 digest;
  digest.update(std::as_bytes(std::span{values}));
  const std::string whole = nn::weights_sha256(net, state);
  CHECK(whole == digest.hex());
  // 7, 8, 1 .. 6, 11, 12, 19 .. 22, 9, 10, 17, 18, 13 .. 16 as little-endian floats, by Python's struct and hashlib
  CHECK(whole == "314e525a02b3c79b3859bcafdea26f86ddfde38d9f1eda3b4fbee7d846441b0e");
  state.statistics.back() = std::nextafter(state.statistics.back(), 0.0f);
  CHECK(nn::weights_sha256(net, state) != whole);
  state = numbered(net);
  state.parameters[0] = -state.parameters[0];
  CHECK(nn::weights_sha256(net, state) != whole);
}
