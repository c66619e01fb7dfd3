// SPDX-License-Identifier: BSL-1.0
/// \file
/// A network's weights and running statistics in a safetensors file, with PyTorch's names and shapes, so that
/// load_state_dict takes it; and the digest that names them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "comdml/concepts.hpp"
#include "comdml/core/atomic_file.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/core/sha256.hpp"
#include "comdml/nn/layer.hpp"
#include "comdml/nn/safetensors.hpp"
#include "comdml/tensor/shape.hpp"

namespace comdml::nn {

namespace detail {

[[nodiscard]] inline std::string to_text(const std::vector<std::size_t>& shape) {
  std::string joined = "[";
  for (const std::size_t extent : shape) joined += (joined.size() > 1 ? ", " : "") + std::to_string(extent);
  return joined + "]";
}

/// Faults of one kind, counted and named; a file may hold so many that not all are named.
class fault_list {
 public:
  explicit fault_list(std::string_view kind) : kind_{kind} {}

  void add(const std::string& fault) {
    if (++count_ <= most_named) names_ += (names_.empty() ? "" : ", ") + fault;
  }
  [[nodiscard]] std::string describe() const {
    if (count_ == 0) return {};
    return text("\n  ", count_, " ", kind_, ": ", names_, count_ > most_named ? ", ..." : "");
  }

 private:
  static constexpr std::size_t most_named = 1000;
  std::string_view kind_;
  std::string names_;
  std::size_t count_ = 0;
};

}  // namespace detail

/// A model's tensors by name, statistics included. Requires a state of the network's size.
template <Network N>
[[nodiscard]] std::map<std::string, stored_tensor> tensors_by_name(const N& net, const model_state<float>& state) {
  const index_range all{0, net.units()};
  COMDML_REQUIRE(
      state.parameters.size() == net.parameters(all).size() && state.statistics.size() == net.statistics(all).size(),
      "a state of ", state.parameters.size(), " + ", state.statistics.size(), " values for a network of ",
      net.parameters(all).size(), " + ", net.statistics(all).size());
  std::map<std::string, stored_tensor> named;
  for (const tensor_info& tensor : net.tensors()) {
    const std::span<const float> all_values =
        tensor.kind == tensor_kind::parameter ? state.parameters : state.statistics;
    const auto values = all_values.subspan(tensor.offset, tensor.size);
    const bool fresh =
        named.try_emplace(tensor.name, stored_tensor{.shape = tensor.shape, .values = {values.begin(), values.end()}})
            .second;
    COMDML_REQUIRE(fresh, "two tensors are named ", tensor.name);
  }
  return named;
}

/// SHA-256, in hexadecimal digits, over the fp32 little-endian values of all tensors in the order of their names,
/// statistics included: that of the values in the model's file.
template <Network N>
[[nodiscard]] std::string weights_sha256(const N& net, const model_state<float>& state) {
  sha256 digest;
  for (const auto& [name, tensor] : tensors_by_name(net, state)) {
    std::string bytes;
    for (const float value : tensor.values) append_little_endian(bytes, value);
    digest.update(std::as_bytes(std::span{bytes}));
  }
  return digest.hex();
}

/// Writes the file, or throws input_error and leaves what was there.
template <Network N>
void write_weights(const std::filesystem::path& file, const N& net, const model_state<float>& state,
                   const std::map<std::string, std::string>& metadata = {}) {
  replace_file(file, to_safetensors({metadata, tensors_by_name(net, state)}));
}

/// The values of a network from a file's content; `where` names the file in errors. PyTorch's counts of batches
/// (`num_batches_tracked`) are passed over.
/// \throws input_error that names every tensor that is missing, unknown, of another shape or type than the network's,
/// or holds a value that is not finite
template <Network N>
[[nodiscard]] model_state<float> to_state(const N& net, const stored_tensors& content, const std::string& where) {
  detail::fault_list missing{"missing"}, misshaped{"of another shape or type"},
      broken{"with values that are not finite"}, unknown{"unknown"};
  const index_range all{0, net.units()};
  model_state<float> state;
  state.parameters.resize(net.parameters(all).size());
  state.statistics.resize(net.statistics(all).size());
  std::size_t found_count = 0;
  for (const tensor_info& tensor : net.tensors()) {
    const auto found = content.tensors.find(tensor.name);
    if (found == content.tensors.end()) {
      missing.add(tensor.name);
      continue;
    }
    ++found_count;
    const stored_tensor& stored = found->second;
    if (stored.type != "F32" || stored.shape != tensor.shape || stored.values.size() != tensor.size) {
      misshaped.add(text(tensor.name, " (", stored.type, " ", detail::to_text(stored.shape), " in the file, F32 ",
                         detail::to_text(tensor.shape), " in the model)"));
      continue;
    }
    if (!std::ranges::all_of(stored.values, [](float value) { return std::isfinite(value); })) broken.add(tensor.name);
    auto& values = tensor.kind == tensor_kind::parameter ? state.parameters : state.statistics;
    std::ranges::copy(stored.values, values.begin() + static_cast<std::ptrdiff_t>(tensor.offset));
  }
  if (found_count < content.tensors.size()) {
    std::set<std::string_view> known;
    for (const tensor_info& tensor : net.tensors()) known.insert(tensor.name);
    for (const auto& [name, tensor] : content.tensors)
      if (!known.contains(name) && !name.ends_with("num_batches_tracked")) unknown.add(printable(name));
  }
  const std::string faults = missing.describe() + misshaped.describe() + broken.describe() + unknown.describe();
  if (!faults.empty())
    throw input_error{where, "does not hold the weights of this model; tensors" + faults,
                      "name the file of a model of the same depth, shortcut, input and classes"};
  return state;
}

}  // namespace comdml::nn
