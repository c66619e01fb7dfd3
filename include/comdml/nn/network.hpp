// SPDX-License-Identifier: BSL-1.0
/// \file
/// A body of layers bound to an input shape: the reference model of Network.
///
/// In float, the first units of a run that are made of convolution, batch normalization and rectifier are computed by
/// the engine (detail/engine.hpp), which fuses them; all others, and everything in double, layer by layer. A layer of
/// one's own is a type parameter of the body (`resnet<20, identity_padded, my_convolution>`). Callers hold runs of
/// units, flat vectors and plain spans, and nothing else: any other model of Network will do as well.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/nn/detail/chain.hpp"
#include "comdml/nn/detail/engine.hpp"
#include "comdml/nn/detail/fused_graph.hpp"
#include "comdml/nn/layer.hpp"
#include "comdml/nn/repeat.hpp"
#include "comdml/nn/sequential.hpp"
#include "comdml/tensor/blas_threads.hpp"

namespace comdml::nn {

namespace detail {

template <class L>
struct is_repeat : std::false_type {};
template <class Element>
struct is_repeat<repeat<Element>> : std::true_type {};

/// Where a unit lies in a body: a child, and for a repeat which of its layers.
struct unit_place {
  std::size_t child = 0;
  std::size_t element = 0;
};

template <class L>
inline constexpr bool has_fusible_units = is_fusible<L>;
template <class Element>
inline constexpr bool has_fusible_units<repeat<Element>> = is_fusible<Element>;

/// Whether a body's fusible units come before all others: then what the engine leaves of a run has none.
template <class Body>
inline constexpr bool has_fusible_units_first = false;
template <class... Children>
inline constexpr bool has_fusible_units_first<sequential<Children...>> = [] {
  bool other = false, first = true;
  ((has_fusible_units<Children> ? (first = first && !other) : (other = true)), ...);
  return first;
}();

/// A run of a body's units, itself a layer.
/// \tparam Left  the run is what the engine leaves, and has no fusible units: their layer by layer twins, half of what
/// a
///               ResNet would have to compile, are left out
template <class Body, bool Left = false>
class unit_run : public chain<unit_run<Body, Left>> {
 public:
  unit_run(const Body& body, std::span<const unit_place> places) : body_{&body}, places_{places} {}

  [[nodiscard]] std::size_t size() const noexcept { return places_.size(); }

  [[nodiscard]] std::string name(std::size_t i) const {
    const std::string& outer = body_->name(places_[i].child);
    std::string full = outer;
    body_->visit(places_[i].child, [&]<class Child>(const Child& child) {
      if constexpr (is_repeat<Child>::value) full = join_names(outer, child.name(places_[i].element));
    });
    return full;
  }

  template <class Function>
  void visit(std::size_t i, Function&& f) const {
    body_->visit(places_[i].child, [&]<class Child>(const Child& child) {
      if constexpr (Left && has_fusible_units<Child>)
        COMDML_REQUIRE(false, "unit ", i, " is the engine's");
      else if constexpr (is_repeat<Child>::value)
        child.visit(places_[i].element, f);
      else
        f(child);
    });
  }

 private:
  const Body* body_;
  std::span<const unit_place> places_;
};

}  // namespace detail

/// `Body` is a sequential: each of its children is one unit, but a repeat is a stage whose layers are one unit each.
/// The last child is the head.
///
///     struct my_model : nn::network<nn::sequential<nn::linear, nn::relu, nn::linear>> {
///       my_model(image_shape input, std::size_t classes)
///           : network{sequential{nn::linear{32}, nn::relu{}, nn::linear{classes}}, input} {}
///     };
///
/// A network that is to be a job's model is constructible from (image_shape input, std::size_t classes), as this one.
template <class Body, Scalar T = float>
class network {
 public:
  using scalar = T;
  using body_type = Body;

  /// Memory for one computation at a time; grows to what the largest asks for.
  class workspace {
   public:
    /// Bytes held from the system.
    [[nodiscard]] std::size_t capacity() const noexcept { return memory_arena_.capacity(); }

   private:
    friend network;
    arena memory_arena_;
    detail::engine engine_;
    std::span<const T> input_;
    std::span<const T> inner_;  ///< between the fused units and the others
    std::span<T> output_;
    std::span<T> memory_;
    index_range run_;
    std::size_t images_ = 0;
    bool trained_ = false;
  };

  /// Throws contract_error if a layer does not fit the shape it is given.
  network(Body body, image_shape input) : body_{std::move(body)}, shapes_{input} {
    COMDML_REQUIRE(input.size() > 0, "input ", input);
    for (std::size_t child = 0; child < body_.size(); ++child) {
      body_.visit(child, [&]<class Child>(const Child& layer) {
        std::size_t count = 1;
        if constexpr (detail::is_repeat<Child>::value) count = layer.size();
        for (std::size_t element = 0; element < count; ++element) places_.push_back({child, element});
      });
      if (child + 1 < body_.size()) stage_ends_.push_back(places_.size());
    }
    value_counts end;
    for (std::size_t unit = 0; unit < places_.size(); ++unit) {
      ends_.push_back(end);
      const auto only = row({unit, unit + 1});
      description list;
      only.describe(shapes_.back(), list);
      for (auto& tensor : list.tensors) {
        const std::size_t size = tensor.size();
        std::size_t& offset = tensor.kind == tensor_kind::parameter ? end.parameters : end.statistics;
        tensors_.push_back(
            {std::move(tensor.name), std::move(tensor.shape), tensor.kind, unit, offset, size, tensor.initial});
        offset += size;
      }
      shapes_.push_back(only.output_shape(shapes_.back()));
    }
    ends_.push_back(end);
  }

  [[nodiscard]] image_shape input() const noexcept { return shapes_.front(); }
  [[nodiscard]] std::size_t classes() const noexcept { return shapes_.back().size(); }
  [[nodiscard]] std::size_t units() const noexcept { return places_.size(); }

  [[nodiscard]] image_shape output_shape(std::size_t unit) const {
    COMDML_REQUIRE(unit < units(), "unit ", unit, " of ", units());
    return shapes_[unit + 1];
  }

  /// Units kept by a cut after the stem and after every stage (each child of the body but the head), ascending.
  [[nodiscard]] const std::vector<std::size_t>& stage_ends() const noexcept { return stage_ends_; }

  /// All tensors in unit order, inside a unit in the order of PyTorch's state_dict.
  [[nodiscard]] const std::vector<tensor_info>& tensors() const noexcept { return tensors_; }

  [[nodiscard]] index_range parameters(index_range run) const {
    require_run(run);
    return {ends_[run.begin].parameters, ends_[run.end].parameters};
  }
  [[nodiscard]] index_range statistics(index_range run) const {
    require_run(run);
    return {ends_[run.begin].statistics, ends_[run.end].statistics};
  }

  [[nodiscard]] double multiply_adds(std::size_t unit) const {
    COMDML_REQUIRE(unit < units(), "unit ", unit, " of ", units());
    return row({unit, unit + 1}).multiply_adds(shapes_[unit]);
  }

  /// Sizes the state and draws it, tensor by tensor.
  void initialize(model_state<T>& state, random_stream rng) const {
    state.parameters.resize(ends_.back().parameters);
    state.statistics.resize(ends_.back().statistics);
    for (const auto& tensor : tensors_) {
      auto& values = tensor.kind == tensor_kind::parameter ? state.parameters : state.statistics;
      for (T& value : std::span{values}.subspan(tensor.offset, tensor.size))
        value = static_cast<T>(tensor.initial.draw(rng));
    }
  }

  /// Outputs of the run's last unit for `images` inputs of its first. In mode::train the workspace remembers what
  /// backward needs; `input` is not copied and must stay as it is until then.
  std::span<const T> forward(index_range run, std::span<const T> parameters, std::span<T> statistics,
                             std::span<const T> input, std::size_t images, mode how, workspace& work,
                             execution exec) const {
    require_sizes(run, parameters.size(), input.size(), images);
    COMDML_REQUIRE(statistics.size() == this->statistics(run).size(), statistics.size(), " statistics for ",
                   this->statistics(run).size());
    const blas_single_thread guard;
    arena& memory = work.memory_arena_;
    memory.reset();
    work.input_ = work.inner_ = input;
    work.run_ = run;
    work.images_ = images;
    work.trained_ = false;  // until it is done, should a layer throw
    work.output_ = memory.template take<T>(shapes_[run.end].size() * images);
    const index_range rest{fused_end(run), run.end};
    if constexpr (std::same_as<T, float>) {
      if (rest.begin > run.begin) {
        detail::fused_graph graph{shapes_[run.begin]};
        const auto fused = row({run.begin, rest.begin});
        for (std::size_t unit = 0; unit < fused.size(); ++unit)
          fused.visit(unit, [&](const auto& layer) { graph.add(layer); });
        work.engine_ = detail::engine{std::move(graph)};
        const std::span<T> out =
            rest.size() == 0 ? work.output_ : memory.template take<T>(shapes_[rest.begin].size() * images);
        work.engine_.forward(parameters, statistics, input, images, out, how == mode::train, memory, exec);
        work.inner_ = out;
      }
    }
    if (rest.size() > 0) {
      const auto units = left(rest);
      const image_shape in = shapes_[rest.begin];
      work.memory_ = how == mode::train ? memory.template take<T>(units.memory_size(in, images)) : std::span<T>{};
      units.template forward<T>(
          {in, images, work.inner_, work.output_, parameters.subspan(this->parameters({run.begin, rest.begin}).size()),
           statistics.subspan(this->statistics({run.begin, rest.begin}).size()), work.memory_, memory, how, exec});
    }
    work.trained_ = how == mode::train;
    return work.output_;
  }

  /// Gradients of the run that was last forwarded on this workspace in mode::train, with the same parameters.
  void backward(index_range run, std::span<const T> parameters, std::span<const T> output_gradient,
                std::span<T> parameter_gradient, std::span<T> input_gradient, workspace& work, execution exec) const {
    require_sizes(run, parameters.size(), work.input_.size(), work.images_);
    COMDML_REQUIRE(work.trained_ && work.run_ == run,
                   "the last forward on this workspace was not one in mode::train of units ", run.begin, " to ",
                   run.end);
    COMDML_REQUIRE(output_gradient.size() == work.output_.size(), output_gradient.size(), " gradients for ",
                   work.output_.size(), " outputs");
    COMDML_REQUIRE(parameter_gradient.size() == parameters.size(), parameter_gradient.size(), " gradients for ",
                   parameters.size(), " parameters");
    COMDML_REQUIRE(input_gradient.empty() || input_gradient.size() == work.input_.size(), input_gradient.size(),
                   " gradients for ", work.input_.size(), " inputs");
    const blas_single_thread guard;
    arena& memory = work.memory_arena_;
    const arena::scope release{memory};
    const index_range rest{fused_end(run), run.end};
    const std::size_t fused_values = this->parameters({run.begin, rest.begin}).size();
    const bool fused = rest.begin > run.begin;
    std::span<T> inner_gradient = input_gradient;
    if (rest.size() > 0) {
      if (fused) inner_gradient = memory.template take<T>(work.inner_.size());
      left(rest).template backward<T>({shapes_[rest.begin], work.images_, work.inner_, work.output_, output_gradient,
                                       parameters.subspan(fused_values), work.memory_, inner_gradient,
                                       parameter_gradient.subspan(fused_values), memory, exec});
    }
    if constexpr (std::same_as<T, float>)
      if (fused)
        work.engine_.backward(parameters, rest.size() > 0 ? inner_gradient : output_gradient, parameter_gradient,
                              input_gradient, memory, exec);
  }

 private:
  [[nodiscard]] detail::unit_run<Body> row(index_range run) const {
    return {body_, std::span{places_}.subspan(run.begin, run.size())};
  }

  /// The same of units that the engine leaves.
  [[nodiscard]] auto left(index_range run) const {
    constexpr bool apart = std::same_as<T, float> && detail::has_fusible_units_first<Body>;
    return detail::unit_run<Body, apart>{body_, std::span{places_}.subspan(run.begin, run.size())};
  }

  /// Units of the run that the engine computes: the first ones, up to one that it does not know.
  [[nodiscard]] std::size_t fused_end(index_range run) const {
    std::size_t end = run.begin;
    if constexpr (std::same_as<T, float>) {
      bool fusible = true;
      while (end < run.end && fusible) {
        row({end, end + 1}).visit(0, [&]<class L>(const L&) { fusible = detail::is_fusible<L>; });
        if (fusible) ++end;
      }
    }
    return end;
  }

  void require_run(index_range run) const {
    COMDML_REQUIRE(run.begin <= run.end && run.end <= units(), "units ", run.begin, " to ", run.end, " of ", units());
  }

  void require_sizes(index_range run, std::size_t parameter_values, std::size_t input_values,
                     std::size_t images) const {
    require_run(run);
    COMDML_REQUIRE(run.begin < run.end && images > 0, "units ", run.begin, " to ", run.end, ", ", images, " images");
    COMDML_REQUIRE(parameter_values == parameters(run).size(), parameter_values, " parameters for ",
                   parameters(run).size());
    COMDML_REQUIRE(input_values == images * shapes_[run.begin].size(), input_values, " inputs for ", images, " x ",
                   shapes_[run.begin]);
  }

  Body body_;
  std::vector<detail::unit_place> places_;
  /// The input's shape, then each unit's output shape.
  std::vector<image_shape> shapes_;
  /// Values before each unit, and at the end.
  std::vector<value_counts> ends_;
  std::vector<std::size_t> stage_ends_;
  std::vector<tensor_info> tensors_;
};

}  // namespace comdml::nn
