// SPDX-License-Identifier: BSL-1.0
/// \file
/// Residual networks: tensors, parameters and work as published.
#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/nn/resnet.hpp"

namespace nn = comdml::nn;
using comdml::image_shape;

namespace {

constexpr image_shape cifar{32, 32, 3};

template <class N>
std::size_t parameters(const N& net) {
  return net.parameters({0, net.units()}).size();
}

template <class N>
double multiply_adds(const N& net) {
  double sum = 0;
  for (std::size_t unit = 0; unit < net.units(); ++unit) sum += net.multiply_adds(unit);
  return sum;
}

}  // namespace

TEST_CASE("He's networks: parameters, multiply-adds, units and stages") {
  // Per block: two convolutions and two normalizations; stem 432 + 32, head 650. ResNet-20 .27 M, 56 .86 M, 110 1.73 M.
  CHECK(parameters(nn::resnet<8>{cifar, 10}) == 75'290);
  CHECK(parameters(nn::resnet<14>{cifar, 10}) == 172'506);
  CHECK(parameters(nn::resnet<20>{cifar, 10}) == 269'722);
  CHECK(parameters(nn::resnet<32>{cifar, 10}) == 464'154);
  CHECK(parameters(nn::resnet<44>{cifar, 10}) == 658'586);
  CHECK(parameters(nn::resnet<56>{cifar, 10}) == 853'018);
  CHECK(parameters(nn::resnet<110>{cifar, 10}) == 1'727'962);
  CHECK(parameters(nn::resnet<20, nn::projection>{cifar, 10}) == 269'722 + (16 + 2) * 32 + (32 + 2) * 64);
  CHECK(multiply_adds(nn::resnet<20>{cifar, 10}) == 40'551'040);
  CHECK(multiply_adds(nn::resnet<20, nn::projection>{cifar, 10}) == 40'813'184);
  CHECK(multiply_adds(nn::resnet<56>{cifar, 10}) == 125'485'696);
  CHECK(multiply_adds(nn::resnet<110>{cifar, 10}) == 252'887'680);
  const nn::resnet<20> net{cifar, 10};
  CHECK(net.units() == 11);
  CHECK(net.stage_ends() == std::vector<std::size_t>{1, 4, 7, 10});
  CHECK(net.output_shape(3) == image_shape{32, 32, 16});
  CHECK(net.output_shape(4) == image_shape{16, 16, 32});
  CHECK(net.output_shape(9) == image_shape{8, 8, 64});
}

TEST_CASE("the authors' bottleneck networks") {
  const nn::bottleneck_resnet<56> net{cifar, 10};
  CHECK(parameters(net) == 591'322);
  CHECK(multiply_adds(net) == 87'214'592);
  CHECK(parameters(nn::bottleneck_resnet<110>{cifar, 10}) == 1'147'738);
  CHECK(multiply_adds(nn::bottleneck_resnet<110>{cifar, 10}) == 167'430'656);
  // The cuts of their split table: what the stem and each of the first five stages put out, and the sixth.
  CHECK(net.stage_ends() == std::vector<std::size_t>{1, 4, 7, 10, 13, 16, 19});
  const std::vector<image_shape> shapes{{32, 32, 16},  {32, 32, 64}, {32, 32, 64}, {16, 16, 128},
                                        {16, 16, 128}, {8, 8, 256},  {8, 8, 256}};
  for (std::size_t stage = 0; stage < shapes.size(); ++stage)
    CHECK(net.output_shape(net.stage_ends()[stage] - 1) == shapes[stage]);
  CHECK(net.tensors().back().name == "fc.bias");
}

TEST_CASE("names, shapes and order are PyTorch's") {
  const nn::resnet<8, nn::projection> net{{28, 28, 1}, 7};
  std::vector<std::string> expected{"conv1.weight"};
  const auto normalization = [&](const std::string& name) {
    for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) expected.push_back(name + part);
  };
  normalization("bn1");
  for (const std::string layer : {"layer1.0.", "layer2.0.", "layer3.0."}) {
    expected.push_back(layer + "conv1.weight");
    normalization(layer + "bn1");
    expected.push_back(layer + "conv2.weight");
    normalization(layer + "bn2");
    if (layer == "layer1.0.") continue;
    expected.push_back(layer + "downsample.0.weight");
    normalization(layer + "downsample.1");
  }
  expected.insert(expected.end(), {"fc.weight", "fc.bias"});
  std::vector<std::string> names;
  for (const auto& tensor : net.tensors()) names.push_back(tensor.name);
  CHECK(names == expected);
  CHECK(net.tensors()[0].shape == std::vector<std::size_t>{16, 1, 3, 3});
  CHECK(net.tensors()[net.tensors().size() - 2].shape == std::vector<std::size_t>{7, 64});
  CHECK(net.output_shape(net.units() - 2) == image_shape{7, 7, 64});
}

TEST_CASE("tensors lie one behind the other, parameters and statistics each") {
  const nn::bottleneck_resnet<56> net{{8, 8, 3}, 10};
  std::size_t parameter_end = 0, statistic_end = 0, unit = 0;
  for (const auto& tensor : net.tensors()) {
    std::size_t& end = tensor.kind == nn::tensor_kind::parameter ? parameter_end : statistic_end;
    CHECK(tensor.offset == end);
    end += tensor.size;
    CHECK(tensor.unit >= unit);
    unit = tensor.unit;
  }
  CHECK(parameter_end == parameters(net));
  CHECK(statistic_end == net.statistics({0, net.units()}).size());
}

TEST_CASE("a depth known at run time gives the same network, a wrong one is refused") {
  CHECK(parameters(nn::make_resnet<>(32, cifar, 100)) == parameters(nn::resnet<32>{cifar, 100}));
  CHECK(parameters(nn::make_bottleneck_resnet<>(110, cifar, 10)) == 1'147'738);
  static_assert(std::is_base_of_v<decltype(nn::make_resnet<>(8, cifar, 10)), nn::resnet<110>>);
  for (const std::size_t depth : std::vector<std::size_t>{0, 2, 9, 18}) {
    CHECK_THROWS_AS((void)nn::make_resnet<>(depth, cifar, 10), comdml::contract_error);
    CHECK_THROWS_AS((void)nn::make_bottleneck_resnet<>(depth, cifar, 10), comdml::contract_error);
  }
}
