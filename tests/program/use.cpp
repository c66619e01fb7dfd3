// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml evaluate and comdml predict: what was trained is used as it was trained.
#include <cmath>
#include <cstdint>

#include "comdml/data/digits.hpp"
#include "support.hpp"

using namespace support;

namespace {

/// A model of the digits, and where it lies.
struct trained {
  scratch files;
  ending end = run({"train", "--rounds", "6", "--json", "--out", (files / "run").string()});
  std::string weights = (files / "run/model.safetensors").string();
};

const trained& model() {
  static const trained once;
  REQUIRE(once.end.code == 0);
  return once;
}

std::string pgm(const comdml::data::image_set& images, std::size_t number) {
  const auto pixels = images.pixels(number);
  return "P5\n# a digit\n8 8\n16\n" + std::string(pixels.begin(), pixels.end());
}

/// The file's header, with one piece of text replaced by another of the same length.
std::string changed(std::string bytes, const std::string& from, const std::string& to) {
  const auto at = bytes.find(from);
  REQUIRE(at != std::string::npos);
  REQUIRE(from.size() == to.size());
  return bytes.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("evaluate finds the accuracy that training reported") {
  const ending end = run({"evaluate", "--weights", model().weights, "--dataset", "digits", "--json"});
  INFO(end.error);
  REQUIRE(end.code == 0);
  const json trained = model().end.result();
  CHECK(end.result()["test_accuracy"] == trained["test_accuracy"]);
  CHECK(double{end.result()["test_loss"]} == doctest::Approx(double{trained["test_loss"]}).epsilon(1e-4));
  CHECK(end.result()["weights_sha256"] == trained["weights_sha256"]);
  CHECK(end.result()["images"] == 360);
  CHECK(run({"evaluate", "--weights", model().weights, "--threads", "1", "--json"}).out ==
        run({"evaluate", "--weights", model().weights, "--threads", "4", "--json"}).out);
  CHECK(contains(run({"evaluate", "--weights", model().weights}).out, "accuracy"));
}

TEST_CASE("evaluate normalizes as the file says") {
  const std::string bytes = content(model().weights);
  const std::string other = (model().files / "other.safetensors").string();
  write(other, changed(bytes, "0.30494", "9.30494"));
  const ending end = run({"evaluate", "--weights", other, "--json"});
  REQUIRE(end.code == 0);
  CHECK(end.result()["test_accuracy"] < 0.5);
}

TEST_CASE("predict names the classes of pictures") {
  const auto test = comdml::data::digits().test;
  std::vector<std::string> command{"predict", "--json", "--weights", model().weights};
  for (std::size_t i = 0; i < 40; ++i) {
    const fs::path file = model().files / ("digit" + std::to_string(i) + ".pgm");
    write(file, pgm(test, i));
    command.push_back(file.string());
  }
  const ending end = run(command);
  INFO(end.error);
  REQUIRE(end.code == 0);
  const auto answers = lines(end.out);
  REQUIRE(answers.size() == 40);
  std::size_t right = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const json answer = json::parse(answers[i]);
    double sum = 0;
    for (const double probability : answer["probabilities"]) sum += probability;
    CHECK(sum == doctest::Approx(1));
    CHECK(answer["probabilities"].size() == 10);
    if (answer["class"] == test.label(i)) ++right;
  }
  CHECK(right >= 36);
  CHECK(contains(run({"predict", "--weights", model().weights, command.back()}).out, "class "));
}

TEST_CASE("a picture is read the same in one byte and in two") {
  const auto test = comdml::data::digits().test;
  std::string wide = "P5 8 8 256\n";
  for (const std::uint8_t pixel : test.pixels(0)) {
    wide += static_cast<char>(pixel * 16 >> 8);
    wide += static_cast<char>(pixel * 16 & 0xff);
  }
  write(model().files / "wide.pgm", wide);
  write(model().files / "narrow.pgm", pgm(test, 0));
  const auto answer = [&](const std::string& name) {
    return run({"predict", "--json", "--weights", model().weights, (model().files / name).string()}).result();
  };
  CHECK(answer("wide.pgm")["probabilities"] == answer("narrow.pgm")["probabilities"]);
}

TEST_CASE("pictures that will not do") {
  const std::string good = pgm(comdml::data::digits().test, 0);
  struct fault {
    std::string bytes, told;
  };
  for (const fault& one : {
           fault{"", "byte 0"},
           fault{"\x89PNG\r\n\x1a\n", "P5"},
           fault{"P6\n8 8\n255\n" + std::string(192, 'x'), "takes 1x8x8"},
           fault{"P5\n9 8\n16\n" + std::string(72, '\1'), "takes 1x8x8"},
           fault{"P5\n99999999999 8\n16\n", "byte 3"},
           fault{"P5\n8 8\n0\n" + std::string(64, '\0'), "largest value"},
           fault{"P5\n8 8\nsixteen\n", "byte 7"},
           fault{"P5\n8 8\n16\n" + std::string(63, '\1'), "byte 73"},
           fault{"P5\n8 8\n16\n" + std::string(63, '\1') + "\x11", "byte 73"},
       }) {
    const std::string file = (model().files / "picture.pgm").string();
    write(file, one.bytes);
    const ending end = run({"predict", "--weights", model().weights, file});
    CAPTURE(end.error);
    CHECK(end.code == 2);
    CHECK(contains(end.error, file));
    CHECK(contains(end.error, one.told));
    CHECK(contains(end.error, "remedy"));
  }
  CHECK(run({"predict", "--weights", model().weights, "/no/such/picture"}).code == 2);
}

TEST_CASE("weights that will not do") {
  const std::string bytes = content(model().weights);
  const std::string file = (model().files / "bad.safetensors").string();
  const auto refuse = [&](const std::string& content, const std::string& told) {
    write(file, content);
    const ending end = run({"evaluate", "--weights", file});
    CAPTURE(end.error);
    CHECK(end.code == 2);
    CHECK(contains(end.error, file));
    CHECK(contains(end.error, told));
    CHECK(contains(end.error, "remedy"));
  };
  for (const std::size_t length : {std::size_t{0}, std::size_t{7}, std::size_t{100}, bytes.size() - 1})
    refuse(bytes.substr(0, length), "remedy");
  refuse(changed(bytes, "\"resnet8\"", "\"resnet9\""), "\"model\"");
  refuse(changed(bytes, "\"1x8x8\"", "\"1x8x0\""), "\"input\"");
  refuse(changed(bytes, "\"1x8x8\"", "\"3x8x8\""), "\"mean\"");
  refuse(changed(bytes, "0.37594", "0.00000"), "\"std\"");
  refuse(changed(bytes, "0.37594", "nan,nan"), "\"std\"");
  refuse(changed(bytes, "\"classes\":\"10\"", "\"classes\":\"11\""), "fc.weight");
  refuse(changed(bytes, "\"shortcut\":", "\"shortcat\":"), "\"shortcut\"");
  refuse(changed(bytes, "conv1.weight", "conv9.weight"), "conv1.weight");
  CHECK(contains(run({"evaluate", "--weights", model().weights, "--dataset", "cifar10", "--data-dir", "/tmp"}).error,
                 "remedy"));
}
