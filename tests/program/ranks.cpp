// SPDX-License-Identifier: BSL-1.0
/// \file
/// comdml train --transport mpi, under mpirun. Skipped where there is none, or the program was built without MPI.
#include <cmath>

#include "support.hpp"

using namespace support;

namespace {

bool has_mpi() {
  const ending end = run({"train", "--transport", "mpi"});
  CHECK(end.code == 2);
  CHECK(contains(end.error, "remedy: "));
  const bool built = !contains(end.error, "built without MPI");
  const bool found = shell("command -v mpirun").code == 0;
  if (!built || !found) MESSAGE("skipped: no mpirun, or a program without MPI");
  return built && found;
}

/// A script that goes on with the arguments of the program.
const std::string four_ranks =
    "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1\n"
    "if mpirun --version 2>&1 | grep -qE 'Open MPI|OpenRTE'; then more='--oversubscribe --mca mpi_yield_when_idle 1'; "
    "fi\n"
    "exec mpirun -n 4 $more \"$0\" train --transport mpi ";

}  // namespace

TEST_CASE("four ranks end with the bits of four agents in one process, by the same plan") {
  if (!has_mpi()) return;
  const scratch files;
  const ending here = run({"train", "--agents", "4", "--rounds", "3", "--json", "--out", (files / "here").string()});
  const ending there =
      shell(four_ranks + "--rounds 3 --profile analytic --json --out '" + (files / "there").string() + "'");
  INFO(there.error);
  REQUIRE(there.code == 0);
  CHECK(lines(there.out).size() == 1);
  CHECK(there.result()["weights_sha256"] == here.result()["weights_sha256"]);
  CHECK(there.result()["rounds"] == 3);
  const auto rounds = lines(content(files / "there" / "metrics.jsonl"));
  const auto expected = lines(content(files / "here" / "metrics.jsonl"));
  REQUIRE(rounds.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(json::parse(rounds[i])["pairs"] == json::parse(expected[i])["pairs"]);
    CHECK(json::parse(rounds[i])["test_accuracy"] == json::parse(expected[i])["test_accuracy"]);
  }
  CHECK(run({"evaluate", "--weights", (files / "there" / "model.safetensors").string()}).code == 0);
}

TEST_CASE("ranks average by MPI's own all-reduce when asked, and learn as well") {
  if (!has_mpi()) return;
  const ending library = shell(four_ranks + "--rounds 3 --json");
  const ending native = shell(four_ranks + "--rounds 3 --json --collective native");
  INFO(native.error);
  REQUIRE(native.code == 0);
  CHECK(native.result()["rounds"] == 3);
  // Each hands its values to MPI once; halving and doubling sends more.
  CHECK(native.result()["bytes_weights"] != library.result()["bytes_weights"]);
  const double gap = double(native.result()["test_accuracy"]) - double(library.result()["test_accuracy"]);
  CHECK(std::abs(gap) < .05);
}

TEST_CASE("what is wrong with the input of ranks is told once, and ends all") {
  if (!has_mpi()) return;
  for (const std::string options :
       {"--agents 3", "--rounds 0", "--profile measured", "--come-and-go 0.1:0.5", "--algorithm gossip",
        "--out /dev/null/x", "--collective native --weight-wire fp16"}) {
    CAPTURE(options);
    const ending end = shell(four_ranks + options);
    INFO(end.error);
    CHECK(end.code == 2);
    CHECK(contains(end.error, "remedy: "));
  }
}

TEST_CASE("ranks that are told different things find out before they train") {
  if (!has_mpi()) return;
  const ending end =
      shell(four_ranks.substr(0, four_ranks.find("\"$0\"")) +
            "sh -c '\"$0\" train --transport mpi --learning-rate 0.0$((1 + OMPI_COMM_WORLD_RANK / 3))' \"$0\"");
  INFO(end.error);
  CHECK(end.code == 2);
  CHECK(contains(end.error, "different options"));
}

TEST_CASE("one rank alone is told to stop while all sum by MPI: all end") {
  if (!has_mpi()) return;
  const scratch files;
  const std::string marked = (files / "marked").string();  // tells this test's ranks from others
  process training{{"-c",
                    four_ranks.substr(0, four_ranks.find("\"$0\"")) + "sh -c 'echo $$ >> " + marked +
                        "; exec \"$0\" train --transport mpi --collective native --rounds 100000 --train-limit 600' "
                        "\"$0\"",
                    COMDML_PROGRAM},
                   "/bin/sh"};
  REQUIRE(training.wait_for_lines(marked, 4));
  REQUIRE(training.wait_until_told("2/100000"));
  REQUIRE(shell("kill -TERM $(tail -n 1 " + marked + ")").code == 0);
  const ending end = training.wait();
  INFO(end.error);
  CHECK(end.code != 0);
}

TEST_CASE("Ctrl-C ends all ranks, and what rank 0 has written is whole") {
  if (!has_mpi()) return;
  const scratch files;
  const fs::path out = files / "run";
  process training{
      {"-c", four_ranks + "--rounds 100000 --train-limit 600 --out '" + out.string() + "'", COMDML_PROGRAM}, "/bin/sh"};
  REQUIRE(training.wait_for_lines(out / "metrics.jsonl", 2));
  training.signal(SIGINT);
  const ending end = training.wait();
  INFO(end.error);
  CHECK(end.code != 0);
  for (const std::string& line : lines(content(out / "metrics.jsonl"))) CHECK(json::parse(line)["schema"] == 1);
}
