// SPDX-License-Identifier: BSL-1.0
/// \file
/// The kernels of one instruction set as a table of functions, and the choice of a table.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "comdml/kernels/tasks.hpp"

namespace comdml::kernels {

/// Widest window that the kernels take.
inline constexpr std::size_t most_kernel = 11;

/// Every function is described where it stands, in text/convolution.inc and text/passes.inc.
struct kernel_set {
  void (*pack_weights)(const convolution_shape&, const float*, bool, float*, float*);
  void (*unpack_gradient)(const convolution_shape&, const float*, std::size_t, std::size_t, std::size_t, std::size_t,
                          float*);
  void (*forward_images)(const forward_task&, std::size_t, std::size_t, moments*, float*);
  void (*backward_images)(const backward_task&, std::size_t, std::size_t, float*, double*, float*);
  void (*make_image)(const source&, std::size_t, std::size_t, std::size_t, std::size_t, float*, std::size_t, float*);
  void (*sink_image)(const gradient_sink&, std::size_t, float*, double*);
};

/// A table by its name, as COMDML_ISA names it.
struct named_set {
  std::string_view name;
  const kernel_set* set = nullptr;
};

/// The tables that this processor can run, the fastest first; the last is the baseline, which every one can.
[[nodiscard]] const std::vector<named_set>& supported_sets();

/// The supported table of that name, or the first if the name is null or empty. Throws input_error if there is none.
[[nodiscard]] const named_set& choose_set(const char* wanted);

/// The table in use: what choose_set makes of the environment variable COMDML_ISA when it is first asked.
[[nodiscard]] const named_set& active_set();

}  // namespace comdml::kernels
