// SPDX-License-Identifier: BSL-1.0
/// \file
/// Bad input ends with exit code 2 and a message that names the place and the remedy, and costs no earlier results.
#include "support.hpp"

using namespace support;

namespace {

/// Runs training that must be refused; returns the message.
std::string refused(const std::vector<std::string>& options) {
  const ending end = run(quick(options));
  CAPTURE(options.front());
  CAPTURE(end.error);
  CHECK(end.code == 2);
  CHECK(end.out.empty());
  CHECK_FALSE(contains(end.error, "round 1/"));  // found before training
  return end.error;
}

/// One CIFAR-10 record of this label.
std::string record(char label) {
  std::string bytes(3073, '\x40');
  bytes.front() = label;
  return bytes;
}

}  // namespace

TEST_CASE("values of options") {
  struct fault {
    std::string option, value, told;
  };
  for (const fault& one : {
           fault{"--agents", "0", "1 to 512"},
           fault{"--agents", "-3", "1 to 512"},
           fault{"--agents", "ten", "1 to 512"},
           fault{"--agents", "150", "150 agents cannot get 2 images each out of 200"},
           fault{"--agents", "99999999999999999999", "1 to 512"},
           fault{"--rounds", "0", "from 1"},
           fault{"--batch", "1", "from 2"},
           fault{"--batch", "2.5", "from 2"},
           fault{"--dataset", "imagenet", "cifar10"},
           fault{"--model", "resnet9", "resnet8"},
           fault{"--shortcut", "none", "projection"},
           fault{"--cuts", "all", "stages"},
           fault{"--auxiliary-head", "none", "pool_linear"},
           fault{"--algorithm", "fedsgd", "braintorrent"},
           fault{"--pairing", "best", "greedy"},
           fault{"--collective", "star", "ring"},
           fault{"--optimizer", "lbfgs", "adam"},
           fault{"--optimizer-state", "keep", "averaged"},
           fault{"--schedule", "cosine", "plateau"},
           fault{"--clock", "fast", "virtual"},
           fault{"--augment", "rotate", "crop-flip"},
           fault{"--partition", "dirichlet", "dirichlet:0.5"},
           fault{"--partition", "dirichlet:0", "dirichlet:0.5"},
           fault{"--partition", "dirichlet:nan", "dirichlet:0.5"},
           fault{"--partition", "shards:x", "shards:2"},
           fault{"--fleet", "paper:-1", "paper:RATE"},
           fault{"--fleet", "fast", "uniform"},
           fault{"--learning-rate", "0", "above 0"},
           fault{"--learning-rate", "-0.1", "above 0"},
           fault{"--learning-rate", "nan", "above 0"},
           fault{"--learning-rate", "inf", "above 0"},
           fault{"--momentum", "1.5", "from 0 to 1"},
           fault{"--weight-decay", "-1", "from 0"},
           fault{"--target-accuracy", "95", "from 0 to 1"},
           fault{"--seed", "-1", "whole number"},
           fault{"--threads", "100000", "1024"},
           fault{"--out", "", "remedy"},
           fault{"--init", "/", "not a regular file"},
           fault{"--data-dir", "/no/such/directory", "/no/such/directory"},
           fault{"--init", "/no/such/file", "/no/such/file"},
           fault{"--profile", "/no/such/file", "/no/such/file"},
           fault{"--config", "/no/such/file", "/no/such/file"},
       }) {
    const std::string message = refused({one.option, one.value});
    CAPTURE(one.option);
    CAPTURE(one.value);
    CAPTURE(message);
    CHECK(contains(message, one.told));
    CHECK(contains(message, "remedy"));
    CHECK((contains(message, one.option) || one.value == "150" || contains(message, one.value)));
  }
}

TEST_CASE("usage") {
  struct fault {
    std::vector<std::string> line;
    std::string told;
  };
  for (const fault& one : {
           fault{{"trian"}, "one of train, simulate, compare"},
           fault{{"trian"}, "\"trian\""},
           fault{{"trian", "--help"}, "\"trian\""},
           fault{{"--bogus"}, "\"--bogus\""},
           fault{{}, "no command"},
           fault{{"train", "--no-such-option"}, "--no-such-option"},
           fault{{"train", "--agents"}, "--agents"},
           fault{{"train", "extra"}, "extra"},
           fault{{"evaluate"}, "--weights"},
           fault{{"evaluate", "--weights", "."}, "not a regular file"},
           fault{{"predict", "--weights", COMDML_PROGRAM}, "images"},
       }) {
    const ending end = run(one.line);
    CAPTURE(end.error);
    CHECK(end.code == 2);
    CHECK(contains(end.error, one.told));
    CHECK(contains(end.error, "remedy: "));
  }
  for (const std::vector<std::string>& asked : std::vector<std::vector<std::string>>{
           {"--help"}, {"train", "--help"}, {"evaluate", "--help"}, {"predict", "--help"}}) {
    const ending help = run(asked);
    CHECK(help.code == 0);
    CHECK(contains(help.out, "130 interrupted"));
  }
  const std::string train = run({"train", "--help"}).out;
  for (const char* const value :
       {"fashion-mnist", "bottleneck56", "identity_padded", "stages", "convolution_pool_linear", "crop-flip-cutout",
        "bottleneck", "halving-doubling", "plateau"}) {
    CAPTURE(value);
    CHECK(contains(train, value));
  }
  CHECK(contains(run({"--version"}).out, "comdml "));
}

TEST_CASE("data files") {
  const scratch files;
  const fs::path good = files / "good";
  write_mnist(good, 40);
  const std::vector<std::string> mnist{"--dataset", "mnist",    "--agents", "2",         "--batch",
                                       "5",         "--rounds", "1",        "--data-dir"};
  const auto with = [&](const fs::path& directory) {
    std::vector<std::string> options = mnist;
    options.push_back(directory.string());
    return options;
  };
  CHECK(run(quick(with(good))).code == 0);  // so that what follows fails for its own reason

  CHECK(contains(refused({"--dataset", "mnist"}), "--data-dir"));
  CHECK(contains(refused(with(files / "missing")), "no such directory"));

  const auto damaged = [&](const std::string& name, const std::string& bytes) {
    const fs::path directory = files / "damaged";
    fs::remove_all(directory);
    fs::copy(good, directory);
    fs::remove(directory / name.substr(0, name.find(".gz")));
    write(directory / name, bytes);
    const std::string message = refused(with(directory));
    CHECK(contains(message, (directory / name).string()));
    CHECK(contains(message, "byte "));
    CHECK(contains(message, "remedy"));
    return message;
  };
  CHECK(contains(damaged("train-images-idx3-ubyte", idx_images(2050, 40)), "byte 0: IDX magic number 2050"));
  CHECK(contains(damaged("train-images-idx3-ubyte", idx_images(2051, 40).substr(0, 1000)), "byte 1000"));
  CHECK(contains(damaged("train-labels-idx1-ubyte", idx_labels(40).replace(13, 1, "\x0b")), "byte 13: label 11"));
  damaged("train-images-idx3-ubyte.gz", "this is not gzip");
  damaged("t10k-labels-idx1-ubyte", "");

  const fs::path cifar = files / "cifar";
  fs::create_directories(cifar);
  write(cifar / "test_batch.bin", record('\1'));
  write(cifar / "data_batch_1.bin", record('\1') + record('\2').substr(0, 100));
  std::string message = refused({"--dataset", "cifar10", "--data-dir", cifar.string()});
  CHECK(contains(message, "data_batch_1.bin, byte 3173"));
  CHECK(contains(message, "remedy"));
  write(cifar / "data_batch_1.bin", record('\1') + record('\x0a'));
  message = refused({"--dataset", "cifar10", "--data-dir", cifar.string()});
  CHECK(contains(message, "data_batch_1.bin, byte 3073: label 10"));
}

TEST_CASE("a directory that cannot be written") {
  const scratch files;
  write(files / "file", "mine");
  const std::string message = refused({"--out", (files / "file/run").string()});
  CHECK(contains(message, (files / "file").string()));
  CHECK(contains(message, "remedy"));
  CHECK(contains(refused({"--out", (files / "file").string()}), "remedy"));
  CHECK(content(files / "file") == "mine");
  fs::create_directories(files / "run/model.safetensors");
  CHECK(contains(refused({"--out", (files / "run").string()}), "model.safetensors"));
}

TEST_CASE("configuration files") {
  const scratch files;
  const std::string config = (files / "config.toml").string();
  struct fault {
    std::string toml, place, told;
  };
  for (const fault& one : {
           fault{"rounds = 2\nround = 3\n", "line 2, column 1", "round"},
           fault{"rounds = \"2\"\n", "line 1, column 10", "whole number"},
           fault{"rounds = 0\n", "line 1, column 10", "from 1"},
           fault{"momentum = nan\n", "line 1, column 12", "from 0"},
           fault{"momentum = \"0.9\"\n", "line 1, column 12", "number"},
           fault{"json = 1\n", "line 1, column 8", "true"},
           fault{"dataset = 5\n", "line 1, column 11", "string"},
           fault{"\n  dataset = \"imagenet\"\n", "line 2, column 13", "cifar10"},
           fault{"rounds = = 2\n", "line 1, column 10", "TOML"},
           fault{"[train]\nrounds = 2\n", "line 1, column", "train"},
       }) {
    write(config, one.toml);
    const std::string message = refused({"--config", config});
    CAPTURE(one.toml);
    CAPTURE(message);
    CHECK(contains(message, config + ", " + one.place));
    CHECK(contains(message, one.told));
    CHECK(contains(message, "remedy"));
  }
  write(config, "rounds = 1\nmomentum = 0\nseed = 3\n");  // a whole number will do for a number
  CHECK(run({"train", "--train-limit", "60", "--agents", "2", "--config", config}).code == 0);
}

TEST_CASE("weights to begin with") {
  const scratch files;
  const std::string weights = (files / "weights").string();
  for (const std::string& bytes : {std::string{}, std::string{"PK\3\4 this is a zip file"}, std::string(100, '\xff')}) {
    write(weights, bytes);
    const std::string message = refused({"--init", weights});
    CHECK(contains(message, weights));
    CHECK(contains(message, "remedy"));
  }
}

TEST_CASE("earlier results survive bad input") {
  const scratch files;
  const fs::path run_directory = files / "run";
  REQUIRE(run(quick({"--out", run_directory.string()})).code == 0);
  std::vector<std::string> before;
  const std::vector<std::string> names{"config.toml", "metrics.jsonl", "model.safetensors"};
  for (const std::string& name : names) before.push_back(content(run_directory / name));
  refused({"--out", run_directory.string(), "--agents", "150"});
  refused({"--out", run_directory.string(), "--init", (run_directory / "config.toml").string()});
  refused({"--out", run_directory.string(), "--batch", "1"});
  for (std::size_t i = 0; i < names.size(); ++i) CHECK(content(run_directory / names[i]) == before[i]);
  CHECK_FALSE(fs::exists(run_directory / "model.safetensors.previous"));
}
