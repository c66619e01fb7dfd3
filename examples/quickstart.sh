#!/bin/sh
# sh examples/quickstart.sh [OPTIONS OF comdml train]
# Installs what is missing, builds the program comdml in build/quickstart, and trains ten unlike agents without a server
# on the embedded digits: real images, nothing to download. Works from any folder.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build/quickstart
results=$build/results

sh "$root/cmake/install-packages.sh" build
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCOMDML_BUILD_TESTS=OFF -Wno-dev --log-level=WARNING
cmake --build "$build" --target comdml_program

"$build/examples/comdml" train --dataset digits --agents 10 --fleet paper --algorithm comdml --pairing greedy \
  --out "$results" "$@"
echo
echo "The results:"
echo "  metrics.jsonl      one line per round: accuracy, pairs, simulated time with and without offloading"
echo "  timeline.json      what each agent did when, for Perfetto (ui.perfetto.dev)"
echo "  model.safetensors  the trained weights, with PyTorch's names"
echo "  config.toml        every option of this run; comdml train --config takes it"
echo "A page to look at: $build/examples/comdml report $results"
echo "The program: $build/examples/comdml --help"
