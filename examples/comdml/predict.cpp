// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml predict.
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "comdml/data/normalization.hpp"
#include "comdml/learn/evaluate.hpp"
#include "model_file.hpp"
#include "pictures.hpp"

namespace program {

namespace {

struct predict_options {
  std::string weights{};
  std::vector<std::string> images{};
  bool json = false;
};

int predict(const predict_options& options) {
  trained_model model = load_model(options.weights);
  any_network::workspace memory;
  for (const std::string& file : options.images) {
    std::vector<float> pixels = read_picture(file, model.network.input());
    comdml::data::normalize(pixels, model.normalization);
    const std::vector<double> probabilities = comdml::learn::predict(model.network, model.state, pixels, memory);
    if (!std::ranges::all_of(probabilities, [](double p) { return std::isfinite(p); }))
      throw comdml::input_error{options.weights, "gives no finite answer for " + file,
                                "use the weights of a training run that went well"};
    const auto best = std::ranges::max_element(probabilities) - probabilities.begin();
    if (options.json) {
      const nlohmann::ordered_json result{
          {"schema", 1}, {"file", file}, {"class", best}, {"probabilities", probabilities}};
      std::cout << result.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << std::endl;
      continue;
    }
    std::cout << file << ": class " << best << '\n' << std::fixed << std::setprecision(4);
    for (std::size_t i = 0; i < probabilities.size(); ++i) std::cout << "  " << i << "  " << probabilities[i] << '\n';
  }
  return exit_code::done;
}

}  // namespace

action add_predict(command options) {
  const auto given = std::make_shared<predict_options>();
  options.text("weights", given->weights, "FILE", existing_file, "model.safetensors of a training run");
  options.require("weights");
  options.flag("json", given->json, "print one JSON object on one line for each picture");
  options.words("images", given->images, "IMAGE",
                "binary PGM (P5, for gray models) or PPM (P6, for colored ones) files");
  options.footer(
      "A picture must have the size of the model's input (8x8 for digits, 28x28 for MNIST, 32x32 for CIFAR);\n"
      "other formats are converted by: convert IN -resize 32x32! OUT.ppm\n\nExample:\n"
      "  comdml predict --weights digits/model.safetensors seven.pgm");
  return [given] { return predict(*given); };
}

}  // namespace program
