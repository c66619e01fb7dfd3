// SPDX-License-Identifier: BSL-1.0
/// \file
/// Any network behind one type, so that the program compiles one training job and not one per model. The virtual calls
/// are per run of units, thousands of times colder than the loops inside. Models Network.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/nn/layer.hpp"

namespace program {

using comdml::execution;
using comdml::image_shape;
using comdml::index_range;

class any_network {
  struct any_memory {
    virtual ~any_memory() = default;
  };

 public:
  using scalar = float;

  /// The workspace of whichever network uses it: made at the first use, and again when another type of network comes.
  class workspace {
    friend any_network;
    std::unique_ptr<any_memory> memory_;
  };

  template <comdml::Network N>
  explicit any_network(N network) : network_{std::make_shared<const model<N>>(std::move(network))} {}

  [[nodiscard]] image_shape input() const { return network_->input(); }
  [[nodiscard]] std::size_t classes() const { return network_->classes(); }
  [[nodiscard]] std::size_t units() const { return network_->units(); }
  [[nodiscard]] image_shape output_shape(std::size_t unit) const { return network_->output_shape(unit); }
  [[nodiscard]] std::vector<std::size_t> stage_ends() const { return network_->stage_ends(); }
  [[nodiscard]] const std::vector<comdml::nn::tensor_info>& tensors() const { return network_->tensors(); }
  [[nodiscard]] index_range parameters(index_range run) const { return network_->parameters(run); }
  [[nodiscard]] index_range statistics(index_range run) const { return network_->statistics(run); }
  [[nodiscard]] double multiply_adds(std::size_t unit) const { return network_->multiply_adds(unit); }
  void initialize(comdml::nn::model_state<float>& state, comdml::random_stream rng) const {
    network_->initialize(state, rng);
  }
  std::span<const float> forward(index_range run, std::span<const float> parameters, std::span<float> statistics,
                                 std::span<const float> input, std::size_t images, comdml::nn::mode how,
                                 workspace& memory, execution exec) const {
    return network_->forward(run, parameters, statistics, input, images, how, memory.memory_, exec);
  }
  void backward(index_range run, std::span<const float> parameters, std::span<const float> output_gradient,
                std::span<float> parameter_gradient, std::span<float> input_gradient, workspace& memory,
                execution exec) const {
    network_->backward(run, parameters, output_gradient, parameter_gradient, input_gradient, memory.memory_, exec);
  }

 private:
  using memory_slot = std::unique_ptr<any_memory>;

  struct front {
    virtual ~front() = default;
    virtual image_shape input() const = 0;
    virtual std::size_t classes() const = 0;
    virtual std::size_t units() const = 0;
    virtual image_shape output_shape(std::size_t unit) const = 0;
    virtual std::vector<std::size_t> stage_ends() const = 0;
    virtual const std::vector<comdml::nn::tensor_info>& tensors() const = 0;
    virtual index_range parameters(index_range run) const = 0;
    virtual index_range statistics(index_range run) const = 0;
    virtual double multiply_adds(std::size_t unit) const = 0;
    virtual void initialize(comdml::nn::model_state<float>& state, comdml::random_stream rng) const = 0;
    virtual std::span<const float> forward(index_range run, std::span<const float> parameters,
                                           std::span<float> statistics, std::span<const float> input,
                                           std::size_t images, comdml::nn::mode how, memory_slot& memory,
                                           execution exec) const = 0;
    virtual void backward(index_range run, std::span<const float> parameters, std::span<const float> output_gradient,
                          std::span<float> parameter_gradient, std::span<float> input_gradient, memory_slot& memory,
                          execution exec) const = 0;
  };

  template <class N>
  struct model final : front {
    explicit model(N bound) : network{std::move(bound)} {}

    image_shape input() const override { return network.input(); }
    std::size_t classes() const override { return network.classes(); }
    std::size_t units() const override { return network.units(); }
    image_shape output_shape(std::size_t unit) const override { return network.output_shape(unit); }
    std::vector<std::size_t> stage_ends() const override { return network.stage_ends(); }
    const std::vector<comdml::nn::tensor_info>& tensors() const override { return network.tensors(); }
    index_range parameters(index_range run) const override { return network.parameters(run); }
    index_range statistics(index_range run) const override { return network.statistics(run); }
    double multiply_adds(std::size_t unit) const override { return network.multiply_adds(unit); }
    void initialize(comdml::nn::model_state<float>& state, comdml::random_stream rng) const override {
      network.initialize(state, rng);
    }
    std::span<const float> forward(index_range run, std::span<const float> parameters, std::span<float> statistics,
                                   std::span<const float> input, std::size_t images, comdml::nn::mode how,
                                   memory_slot& memory, execution exec) const override {
      return network.forward(run, parameters, statistics, input, images, how, own(memory), exec);
    }
    void backward(index_range run, std::span<const float> parameters, std::span<const float> output_gradient,
                  std::span<float> parameter_gradient, std::span<float> input_gradient, memory_slot& memory,
                  execution exec) const override {
      network.backward(run, parameters, output_gradient, parameter_gradient, input_gradient, own(memory), exec);
    }

    struct memory_of final : any_memory {
      typename N::workspace workspace;
    };
    static typename N::workspace& own(memory_slot& memory) {
      if (auto* const made = dynamic_cast<memory_of*>(memory.get())) return made->workspace;
      auto fresh = std::make_unique<memory_of>();
      auto& workspace = fresh->workspace;
      memory = std::move(fresh);
      return workspace;
    }

    N network;
  };

  std::shared_ptr<const front> network_;
};

static_assert(comdml::Network<any_network>);

}  // namespace program
