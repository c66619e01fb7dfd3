// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml profile.
#include <cstdint>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "comdml/core/atomic_file.hpp"
#include "comdml/core/errors.hpp"
#include "comdml/fleet/profile_file.hpp"
#include "data_sets.hpp"
#include "models.hpp"
#include "profiles.hpp"

namespace program {

namespace {

struct profile_options {
  std::string model = "resnet56";
  std::uint64_t batch = 100;
  std::string images = "cifar10";
  std::string cuts = "every_block";
  std::string auxiliary_head = "convolution_pool_linear";
  std::string wire = "fp32";
  std::uint64_t repetitions = 5;
  std::string out{};
  bool json = false;
};

int profile(const profile_options& options) {
  const std::filesystem::path out{options.out};
  const std::filesystem::path folder = out.has_parent_path() ? out.parent_path() : ".";
  if (std::error_code ignored;
      !std::filesystem::is_directory(folder, ignored) || std::filesystem::is_directory(out, ignored))
    throw comdml::input_error{"--out", options.out + " cannot be a file there",
                              "give a file in a directory that there is"};
  const image_kind images = images_of(options.images);
  const any_network network = make_model(options.model, usual_shortcut(options.model), images.shape, images.classes);
  const auto measured = measure_profile(network,
                                        {.model = options.model,
                                         .auxiliary_head = options.auxiliary_head,
                                         .cuts = options.cuts,
                                         .wire = options.wire,
                                         .batch = options.batch},
                                        options.repetitions);
  comdml::fleet::write_profile(out, measured);
  if (options.json) {
    std::cout << nlohmann::ordered_json::parse(comdml::fleet::to_json(measured)).dump() << std::endl;
    return exit_code::done;
  }
  std::cout << options.model << ", batches of " << options.batch << ": " << fixed(measured.speed.value(), 3)
            << " batches/s on one thread of this processor\n"
            << "units kept   slow side   fast side   MB a batch\n";
  for (const auto& split : measured.splits)
    std::cout << std::setw(10) << split.point.value << std::setw(11) << fixed(100 * split.slow_share, 1) << '%'
              << std::setw(11) << fixed(100 * split.fast_share, 1) << '%' << std::setw(13)
              << fixed(split.wire.value() / 1e6, 3) << " (" << split.codec << ")\n";
  std::cout << "written: " << options.out << '\n';
  return exit_code::done;
}

}  // namespace

action add_profile(command options) {
  const auto given = std::make_shared<profile_options>();
  options.text("model", given->model, "NAME", one_of(model_names()), "whose cuts are measured");
  options.count("batch", given->batch, {2, 1'000'000}, "images in a mini-batch");
  options.text("out", given->out, "FILE", no_check, "JSON file to write");
  options.require("out");
  options.text("images", given->images, "NAME", one_of(data_set_names()),
               "data set whose images have the right shape and number of classes; none is read");
  options.text("cuts", given->cuts, "SET", one_of({"every_block", "stages"}), "which cuts are measured");
  options.text("auxiliary-head", given->auxiliary_head, "KIND", one_of(auxiliary_head_names()),
               "small network that gives the slow side of a cut its own loss");
  options.text("wire", given->wire, "CODEC", one_of(wire_choices()),
               "how activations travel: fp32, fp16 or int8, or auto: entries for all three");
  options.count("repetitions", given->repetitions, {3, 1000}, "timed steps of each kind; their median counts");
  options.flag("json", given->json, "print the profile as one JSON object on one line");
  options.footer(
      "Trains on this processor, on one thread, and takes the time of the whole model and of both sides of every\n"
      "cut: forward, backward and update, with the auxiliary head on the slow side. What a cut costs relative to the\n"
      "whole model is much the same on other machines, so one profile serves a fleet: see comdml plan --profile.\n\n"
      "Example:\n"
      "  comdml profile --model resnet20 --batch 100 --cuts stages --out resnet20.json");
  return [given] { return profile(*given); };
}

}  // namespace program
