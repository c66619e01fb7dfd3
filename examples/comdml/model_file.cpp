// SPDX-License-Identifier: BSL-1.0
/// \file
/// Model files. Metadata: model, shortcut, classes, input (CxHxW), mean, std (per channel, comma-separated, for pixels
/// of 0 to 1).
#include "model_file.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "comdml/core/errors.hpp"
#include "comdml/nn/weights_file.hpp"
#include "models.hpp"
#include "texts.hpp"

namespace program {

// Of an image: the models halve it twice, and a file must not ask for more memory than pictures need.
constexpr std::size_t smallest_extent = 8;
constexpr std::size_t largest_extent = 512;

using comdml::input_error;
using comdml::text;

namespace {

std::string joined(const std::vector<double>& values) {
  std::string list;
  for (const double value : values) {
    if (!list.empty()) list += ',';
    list += to_text(value);
  }
  return list;
}

std::vector<std::string_view> parts(std::string_view list, char separator) {
  std::vector<std::string_view> found;
  while (true) {
    const std::size_t end = list.find(separator);
    found.push_back(list.substr(0, end));
    if (end == std::string_view::npos) return found;
    list.remove_prefix(end + 1);
  }
}

/// The metadata of a file, read with suspicion.
class metadata_reader {
 public:
  metadata_reader(const std::filesystem::path& file, const std::map<std::string, std::string>& metadata)
      : where_{file.string() + ", metadata"}, metadata_{metadata} {}

  [[nodiscard]] const std::string& value(const std::string& key) const {
    const auto found = metadata_.find(key);
    if (found == metadata_.end()) refuse(text("\"", key, "\" is missing"));
    return found->second;
  }

  [[nodiscard]] const std::string& one_of(const std::string& key, const std::vector<std::string>& known) const {
    if (std::ranges::find(known, value(key)) == known.end()) refuse_value(key);
    return value(key);
  }

  /// `count` whole numbers, each from 1 to `most`.
  [[nodiscard]] std::vector<std::size_t> counts(const std::string& key, char separator, std::size_t count,
                                                std::size_t most) const {
    std::vector<std::size_t> numbers;
    for (const std::string_view part : parts(value(key), separator)) {
      const auto number = to_count(part);
      if (!number || *number < 1 || *number > most) refuse_value(key);
      numbers.push_back(*number);
    }
    if (numbers.size() != count) refuse_value(key);
    return numbers;
  }

  /// `count` numbers of a size that pixels have to do with; positive ones are not next to nothing, either.
  [[nodiscard]] std::vector<double> numbers(const std::string& key, std::size_t count, bool positive) const {
    std::vector<double> numbers;
    for (const std::string_view part : parts(value(key), ',')) {
      const auto number = to_number(part);
      if (!number || std::abs(*number) > 1e6 || (positive && *number < 1e-6)) refuse_value(key);
      numbers.push_back(*number);
    }
    if (numbers.size() != count) refuse_value(key);
    return numbers;
  }

  [[noreturn]] void refuse_value(const std::string& key) const {
    refuse(text('"', key, "\" cannot be ", comdml::nn::printable(value(key))));
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw input_error{where_, what, "give a model.safetensors that comdml train wrote"};
  }

  std::string where_;
  const std::map<std::string, std::string>& metadata_;
};

}  // namespace

void save_model(const std::filesystem::path& file, const trained_model& model) {
  const image_shape input = model.network.input();
  comdml::nn::write_weights(file, model.network, model.state,
                            {{"model", model.name},
                             {"shortcut", model.shortcut},
                             {"classes", std::to_string(model.network.classes())},
                             {"input", text(input)},
                             {"mean", joined(model.normalization.mean)},
                             {"std", joined(model.normalization.deviation)}});
}

trained_model load_model(const std::filesystem::path& file) {
  const comdml::nn::stored_tensors content = comdml::nn::read_safetensors(file);
  const metadata_reader metadata{file, content.metadata};
  const std::string model = metadata.one_of("model", model_names());
  const std::string shortcut = metadata.one_of("shortcut", shortcut_names());
  const std::size_t classes = metadata.counts("classes", ',', 1, 100'000).front();
  const std::vector<std::size_t> extents = metadata.counts("input", 'x', 3, largest_extent);
  if (extents[1] < smallest_extent || extents[2] < smallest_extent) metadata.refuse_value("input");
  const image_shape input{.height = extents[1], .width = extents[2], .channels = extents[0]};
  comdml::data::normalization normalization{metadata.numbers("mean", input.channels, false),
                                            metadata.numbers("std", input.channels, true)};
  any_network network = make_model(model, shortcut, input, classes);
  comdml::nn::model_state<float> state = comdml::nn::to_state(network, content, file.string());
  return {model, shortcut, std::move(network), std::move(state), std::move(normalization)};
}

comdml::nn::model_state<float> load_weights(const std::filesystem::path& file, const any_network& network) {
  return comdml::nn::to_state(network, comdml::nn::read_safetensors(file), file.string());
}

std::string digest_of(const any_network& network, const comdml::nn::model_state<float>& state) {
  return comdml::nn::weights_sha256(network, state);
}

}  // namespace program
