// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml train --checkpoint-every and --resume: runs that are killed and gone on with end as if nothing had happened.
#include <map>
#include <random>

#include "support.hpp"

using namespace support;

namespace {

/// A run of a second or so.
std::vector<std::string> resumable(const fs::path& out, const std::vector<std::string>& more = {}) {
  std::vector<std::string> all{
      "train",  "--train-limit", "400",        "--test-limit",       "80", "--agents", "5", "--rounds", "12",
      "--json", "--out",         out.string(), "--checkpoint-every", "1"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::vector<std::string> resuming(const fs::path& out, const std::vector<std::string>& more = {}) {
  std::vector<std::string> all{"train", "--resume", out.string(), "--json"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

/// What does not depend on the clock on the wall.
json timeless(json row) {
  row.erase("wall_seconds");
  return row;
}

std::vector<json> rows_of(const fs::path& out) {
  std::vector<json> rows;
  for (const std::string& line : lines(content(out / "metrics.jsonl"))) rows.push_back(timeless(json::parse(line)));
  return rows;
}

/// Both runs are over and have come to the same.
void check_same(const ending& end, const fs::path& out, const ending& whole, const fs::path& reference) {
  INFO(end.error);
  REQUIRE(end.code == 0);
  CHECK(timeless(end.result()) == timeless(whole.result()));
  CHECK(rows_of(out) == rows_of(reference));
  CHECK(content(out / "model.safetensors") == content(reference / "model.safetensors"));
  CHECK(content(out / "config.toml") == content(reference / "config.toml"));
  double before = 0;
  for (const std::string& line : lines(content(out / "metrics.jsonl"))) {
    const double wall = json::parse(line)["wall_seconds"];
    CHECK(wall > before);
    before = wall;
  }
  const json timeline = json::parse(content(out / "timeline.json"), nullptr, false);
  if (fs::exists(out / "timeline.json")) CHECK(timeline.is_object());
  CHECK(run({"report", out.string(), "--out", out.string() + ".html"}).code == 0);
}

/// Kills a run at so many moments, and goes on each time.
void kill_and_resume(int kills, const std::vector<std::string>& more) {
  const scratch files;
  const auto before = std::chrono::steady_clock::now();
  const ending whole = run(resumable(files / "whole", more));
  const auto duration = std::chrono::steady_clock::now() - before;
  INFO(whole.error);
  REQUIRE(whole.code == 0);
  std::mt19937 random{std::random_device{}()};
  std::uniform_real_distribution<double> share{0, 1.1};
  int runs = 0;
  int moments = 0;
  while (moments < kills) {
    const fs::path out = files / ("run-" + std::to_string(runs++));
    std::vector<std::string> next = resumable(out, more);
    for (bool over = false; !over;) {
      process training{next};
      if (moments < kills) {
        std::this_thread::sleep_for(share(random) * duration);
        training.signal(SIGKILL);
      }
      const ending end = training.wait();
      if (end.code == 128 + SIGKILL) {
        ++moments;
        next = fs::exists(out / "checkpoints") ? resuming(out) : resumable(out, more);
        continue;
      }
      INFO(end.error);
      if (end.code == 2) {
        // Killed before the first checkpoint was there, or after everything was.
        const bool finished = contains(end.error, "the run is over");
        CHECK((finished || contains(end.error, "there is no checkpoint of")));
        next = resumable(out, more);
        if (!finished) continue;
        CHECK(rows_of(out) == rows_of(files / "whole"));
        CHECK(content(out / "model.safetensors") == content(files / "whole" / "model.safetensors"));
      } else {
        check_same(end, out, whole, files / "whole");
      }
      over = true;
    }
  }
}

std::map<std::string, std::string> tree(const fs::path& folder) {
  std::map<std::string, std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator{folder})
    if (entry.is_regular_file()) found[entry.path()] = content(entry.path());
  return found;
}

fs::path checkpoint(const fs::path& out, const std::string& round) {
  return out / "checkpoints" / ("round-" + std::string(6 - round.size(), '0') + round + ".checkpoint");
}

}  // namespace

TEST_CASE("killed at random moments and gone on with, a run ends as if nothing had happened") {
  kill_and_resume(3, {});
  kill_and_resume(2, {"--replan", "measured", "--come-and-go", "0.3:0.5", "--checkpoint-every", "2"});
}

TEST_SUITE("long") {
  TEST_CASE("killed at fifty moments") {
    kill_and_resume(20, {});
    kill_and_resume(15, {"--replan", "measured", "--pairing", "bottleneck", "--optimizer-state", "averaged"});
    kill_and_resume(15,
                    {"--come-and-go", "0.3:0.5", "--sample", "0.7", "--change", "0.3:2", "--checkpoint-every", "3"});
  }
}

TEST_CASE("after Ctrl-C a run goes on from its last round, whenever the next checkpoint was due") {
  const scratch files;
  const fs::path out = files / "run";
  const std::vector<std::string> slow{"--rounds", "40", "--model", "resnet14", "--checkpoint-every", "1000"};
  const ending whole = run(resumable(files / "whole", slow));
  REQUIRE(whole.code == 0);
  process training{resumable(out, slow)};
  REQUIRE(training.wait_for_lines(out / "metrics.jsonl", 3));
  training.signal(SIGINT);
  const ending stopped = training.wait();
  INFO(stopped.error);
  REQUIRE(stopped.code == 130);
  CHECK(contains(stopped.error, "--resume " + out.string()));
  const std::size_t reached = lines(content(out / "metrics.jsonl")).size();
  CHECK(fs::exists(checkpoint(out, std::to_string(reached))));

  // Stopped once more.
  process further{resuming(out)};
  REQUIRE(further.wait_for_lines(out / "metrics.jsonl", reached + 2));
  further.signal(SIGTERM);
  const ending again = further.wait();
  CHECK(again.code == 130);
  CHECK(again.result()["rounds"] == lines(content(out / "metrics.jsonl")).size());
  const ending end = run(resuming(out, {"--threads", "1"}));
  INFO(end.error);
  REQUIRE(end.code == 0);
  CHECK(contains(end.error, "going on after round"));
  CHECK(timeless(end.result()) == timeless(whole.result()));
  CHECK(rows_of(out) == rows_of(files / "whole"));
  CHECK(content(out / "model.safetensors") == content(files / "whole" / "model.safetensors"));
}

TEST_CASE("what was told after the checkpoint is told once, and a run that lacks only its model gets it") {
  const scratch files;
  const fs::path whole = files / "whole";
  const fs::path out = files / "run";
  const ending once = run(resumable(whole, {"--rounds", "6", "--checkpoint-every", "4"}));
  REQUIRE(once.code == 0);
  fs::copy(whole, out, fs::copy_options::recursive);
  CHECK(fs::exists(checkpoint(out, "4")));
  CHECK(fs::exists(checkpoint(out, "6")));  // the end of the run
  fs::remove(out / "model.safetensors");
  check_same(run(resuming(out)), out, once, whole);

  fs::remove(out / "model.safetensors");
  fs::remove(checkpoint(out, "6"));
  write(out / "metrics.jsonl", content(out / "metrics.jsonl") + "{\"round\": 7, \"te");
  check_same(run(resuming(out)), out, once, whole);

  // Fewer rounds are known than the last checkpoint has: an earlier one is taken.
  const auto rows = lines(content(out / "metrics.jsonl"));
  fs::remove(out / "model.safetensors");
  std::string five;
  for (std::size_t i = 0; i < 5; ++i) five += rows[i] + '\n';
  write(out / "metrics.jsonl", five);
  check_same(run(resuming(out)), out, once, whole);
}

TEST_CASE("a run that is over can be given more rounds") {
  const scratch files;
  REQUIRE(run(resumable(files / "run", {"--rounds", "3"})).code == 0);
  const ending whole = run(resumable(files / "whole", {"--rounds", "6"}));
  check_same(run(resuming(files / "run", {"--rounds", "6"})), files / "run", whole, files / "whole");
}

TEST_CASE("all algorithms with one model go on, and under the wall clock, too") {
  for (const std::vector<std::string>& options : std::vector<std::vector<std::string>>{
           {"--algorithm", "fedavg"}, {"--algorithm", "splitlearning"}, {"--clock", "wall"}}) {
    CAPTURE(options);
    const scratch files;
    std::vector<std::string> two = options;
    two.insert(two.end(), {"--rounds", "2", "--train-limit", "100"});
    std::vector<std::string> four = two;
    four[3] = "4";
    REQUIRE(run(resumable(files / "run", two)).code == 0);
    const ending whole = run(resumable(files / "whole", four));
    REQUIRE(whole.code == 0);
    const ending end = run(resuming(files / "run", {"--rounds", "4"}));
    INFO(end.error);
    REQUIRE(end.code == 0);
    CHECK(end.result()["weights_sha256"] == whole.result()["weights_sha256"]);
    CHECK(rows_of(files / "run") == rows_of(files / "whole"));
  }
}

TEST_CASE("a measured profile and given weights are part of the run") {
  const scratch files;
  const fs::path out = files / "run";
  REQUIRE(run(quick({"--out", (files / "first").string()})).code == 0);
  const std::string init = (files / "first" / "model.safetensors").string();
  REQUIRE(run(resumable(out, {"--rounds", "2", "--profile", "measured", "--init", init})).code == 0);
  const ending end = run(resuming(out, {"--rounds", "3"}));
  INFO(end.error);
  CHECK(end.code == 0);
  // Other weights under the same name are another run.
  REQUIRE(run(quick({"--seed", "5", "--out", (files / "first").string()})).code == 0);
  const ending other = run(resuming(out, {"--rounds", "4"}));
  CHECK(other.code == 2);
  CHECK(contains(other.error, "other settings or data"));
}

TEST_CASE("a damaged checkpoint is told of, and the one before it is used") {
  const scratch files;
  const fs::path whole = files / "whole";
  const fs::path out = files / "run";
  const ending once = run(resumable(whole, {"--rounds", "4"}));
  REQUIRE(once.code == 0);
  fs::copy(whole, out, fs::copy_options::recursive);
  fs::remove(out / "model.safetensors");
  const std::string good = content(checkpoint(out, "4"));
  write(checkpoint(out, "4"), good.substr(0, good.size() / 2));
  const ending end = run(resuming(out));
  check_same(end, out, once, whole);
  CHECK(contains(end.error, "warning: " + checkpoint(out, "4").string()));

  fs::remove(out / "model.safetensors");
  for (const char* const round : {"3", "4"}) write(checkpoint(out, round), "nonsense");
  const auto before = tree(out);
  const ending refused = run(resuming(out));
  CHECK(refused.code == 2);
  CHECK(contains(refused.error, "remedy"));
  CHECK(tree(out) == before);
}

TEST_CASE("what cannot be gone on with is refused, and stays as it was") {
  const scratch files;
  const fs::path out = files / "run";
  REQUIRE(run(resumable(out, {"--rounds", "3", "--schedule", "step"})).code == 0);
  const auto before = tree(out);
  const auto refused = [&](const std::vector<std::string>& arguments, const std::string& why) {
    const ending end = run(arguments);
    INFO(end.error);
    CHECK(end.code == 2);
    CHECK(contains(end.error, why));
    CHECK(contains(end.error, "remedy"));
    CHECK(tree(out) == before);
  };
  refused(resuming(out), "the run is over");
  refused(resuming(out, {"--rounds", "2"}), "--rounds");
  refused(resuming(out, {"--rounds", "9"}), "--schedule step");
  refused(resuming(out, {"--seed", "9"}), "--seed");
  refused(resuming(out, {"--target-accuracy", "0.5"}), "--target-accuracy");
  refused(resuming(out, {"--out", (files / "other").string()}), "--out");
  refused(resuming(out, {"--config", (out / "config.toml").string()}), "--config");
  refused(resuming(files / "nowhere"), "nowhere");

  fs::create_directory(files / "empty");
  refused(resuming(files / "empty"), "holds no run");
  REQUIRE(run(quick({"--out", (files / "without").string()})).code == 0);
  refused(resuming(files / "without"), "holds no checkpoints");
  REQUIRE(run({"simulate", "--rounds", "2", "--agents", "4", "--out", (files / "simulated").string()}).code == 0);
  fs::create_directory(files / "simulated" / "checkpoints");
  refused(resuming(files / "simulated"), "config.toml");
  // Another run's checkpoints.
  REQUIRE(run(resumable(files / "another", {"--rounds", "3", "--seed", "2"})).code == 0);
  fs::remove_all(files / "another" / "checkpoints");
  fs::copy(out / "checkpoints", files / "another" / "checkpoints");
  refused(resuming(files / "another", {"--rounds", "5"}), "other settings or data");

  refused({"train", "--checkpoint-every", "2"}, "--out");
  for (const char* const algorithm : {"dpsgd", "gossip", "braintorrent"})
    refused({"train", "--algorithm", algorithm, "--checkpoint-every", "2", "--out", (files / "new").string()},
            "--checkpoint-every");
}

TEST_CASE("a new run in a folder leaves no checkpoint of the one before") {
  const scratch files;
  const fs::path out = files / "run";
  REQUIRE(run(resumable(out, {"--rounds", "3"})).code == 0);
  REQUIRE(run(resumable(out, {"--rounds", "2", "--seed", "2"})).code == 0);
  CHECK_FALSE(fs::exists(checkpoint(out, "3")));
  CHECK(fs::exists(checkpoint(out, "2")));
  REQUIRE(run(quick({"--out", out.string()})).code == 0);
  CHECK_FALSE(fs::exists(out / "checkpoints"));
}
