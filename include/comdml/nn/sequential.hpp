// SPDX-License-Identifier: BSL-1.0
/// \file
/// Layers of any types one after another, fixed at compile time. Models Layer.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <tuple>
#include <utility>

#include "comdml/nn/detail/chain.hpp"

namespace comdml::nn {

/// Children are named "0", "1", ... as PyTorch's Sequential does, or by the names given; tensors of a child with an
/// empty name keep their own names.
template <Layer... Children>
class sequential : public detail::chain<sequential<Children...>> {
 public:
  static_assert(sizeof...(Children) > 0);
  static constexpr bool backward_reads_input = reads_input<std::tuple_element_t<0, std::tuple<Children...>>>;
  static constexpr bool backward_reads_output =
      reads_output<std::tuple_element_t<sizeof...(Children) - 1, std::tuple<Children...>>>;

  using names = std::array<std::string, sizeof...(Children)>;

  explicit sequential(Children... children) : sequential{numbered(), std::move(children)...} {}
  sequential(names child_names, Children... children)
      : names_{std::move(child_names)}, children_{std::move(children)...} {}

  [[nodiscard]] static constexpr std::size_t size() noexcept { return sizeof...(Children); }
  [[nodiscard]] const std::string& name(std::size_t i) const { return names_[i]; }

  /// Calls f with child i.
  template <class Function>
  void visit(std::size_t i, Function&& f) const {
    [&]<std::size_t... I>(std::index_sequence<I...>) { (void)((I == i && (f(std::get<I>(children_)), true)) || ...); }
    (std::index_sequence_for<Children...>{});
  }

 private:
  [[nodiscard]] static names numbered() {
    names list;
    for (std::size_t i = 0; i < list.size(); ++i) list[i] = std::to_string(i);
    return list;
  }

  names names_;
  std::tuple<Children...> children_;
};

}  // namespace comdml::nn
