#!/bin/sh
# sh tests/run.sh [CTEST OPTIONS]
# Installs what is missing, builds everything in build/default, and runs every test but the slow ones (`ctest --preset
# long` in the project's folder runs those). Works from any folder.
set -eu
cd "$(dirname "$0")/.."

sh cmake/install-packages.sh build test
cmake --preset default
cmake --build --preset default
ctest --preset default -j "$(nproc)" "$@"
