// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml evaluate.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <thread>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/learn/evaluate.hpp"
#include "comdml/nn/loss.hpp"
#include "data_sets.hpp"
#include "model_file.hpp"

namespace program {

namespace {

struct evaluate_options {
  std::string weights{};
  std::string dataset = "digits";
  std::string data_dir{};
  std::uint64_t test_limit = 0;
  std::uint64_t threads = 0;
  bool json = false;
};

/// Images as the model was trained to see them. Models Dataset.
struct as_trained {
  const comdml::data::image_set& images;
  const comdml::data::normalization& how;

  [[nodiscard]] std::size_t size() const { return images.size(); }
  [[nodiscard]] image_shape shape() const { return images.shape(); }
  [[nodiscard]] std::size_t classes() const { return images.classes(); }
  [[nodiscard]] comdml::label label(std::size_t image) const { return images.label(image); }
  void read(std::size_t image, std::span<float> out) const { images.read(image, out); }
  [[nodiscard]] const comdml::data::normalization& normalization() const { return how; }
};

static_assert(comdml::Dataset<as_trained>);

int evaluate(const evaluate_options& options) {
  trained_model model = load_model(options.weights);
  const comdml::data::image_set images = load_data_set(options.dataset, options.data_dir, 0, options.test_limit).test;
  if (images.shape() != model.network.input() || images.classes() != model.network.classes())
    throw comdml::input_error{options.weights,
                              comdml::text("the model takes images of ", model.network.input(),
                                           " (channels x height x width) in ", model.network.classes(), " classes, ",
                                           options.dataset, " has ", images.shape(), " in ", images.classes()),
                              "give the --dataset that the model was trained for"};
  const std::uint64_t threads =
      options.threads > 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  any_network::workspace memory;
  const comdml::learn::evaluation sum = comdml::learn::evaluate(
      model.network, model.state, as_trained{images, model.normalization}, comdml::nn::softmax_cross_entropy{}, memory,
      comdml::execution{static_cast<int>(threads)}, [] {});
  if (options.json) {
    const nlohmann::ordered_json result{{"schema", 1},
                                        {"images", sum.seen},
                                        {"test_accuracy", sum.accuracy()},
                                        {"test_loss", sum.mean_loss()},
                                        {"weights_sha256", digest_of(model.network, model.state)}};
    std::cout << result.dump() << std::endl;
  } else {
    std::cout << model.name << " on the " << sum.seen << " test images of " << options.dataset << ": accuracy "
              << 100 * sum.accuracy() << " %, loss " << sum.mean_loss() << '\n';
  }
  return exit_code::done;
}

}  // namespace

action add_evaluate(command options) {
  const auto given = std::make_shared<evaluate_options>();
  options.text("weights", given->weights, "FILE", existing_file, "model.safetensors of a training run");
  options.require("weights");
  options.text("dataset", given->dataset, "NAME", one_of(data_set_names()), "images to test on");
  options.text("data-dir", given->data_dir, "DIR", existing_directory,
               "directory with the data set's files, as for train");
  options.count("test-limit", given->test_limit, {}, "use the first N test images; 0 = all");
  options.count("threads", given->threads, {0, 1024}, "cores to use, no matter for the result; 0 = all");
  options.flag("json", given->json, "print one JSON object on one line");
  options.footer(
      "Pixels are normalized as the file says that they were in training.\n\nExample:\n"
      "  comdml evaluate --weights digits/model.safetensors --dataset digits");
  return [given] { return evaluate(*given); };
}

}  // namespace program
