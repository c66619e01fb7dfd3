#!/bin/sh
# Fails when a public header has become dearer to include: more than 5 % more preprocessed lines than on record; and when
# the record names a header that is gone.
#   preprocessed_lines.sh COMPILER check|record      check: compare; record: write the record anew (after a look at why)
# The record is g++ 12's on Debian 12; other compilers are skipped by the caller.
set -eu
compiler=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
record=$root/tests/house/preprocessed_lines.txt
cd "$root/include"

# Where MPI's header is.
flags="-DOMPI_SKIP_MPICXX $(pkg-config --cflags-only-I ompi-c 2>/dev/null || true)"
export flags

count() {
  find comdml -name '*.hpp' | LC_ALL=C sort |
    xargs -P "$(nproc)" -I{} sh -c 'printf "%s %s\n" "{}" "$("$0" -std=c++20 -fopenmp -I. $flags -E -P -include "{}" -x c++ /dev/null | wc -l)"' "$compiler" |
    LC_ALL=C sort
}

case $2 in
  record) count >"$record" ;;
  check)
    count | awk -v record="$record" '
      BEGIN { while ((getline line < record) > 0) { split(line, field, " "); known[field[1]] = field[2] } }
      { seen[$1] = 1 }
      $2 == 0 { print $1 ": the compiler could not read it"; failed = 1; next }
      !($1 in known) { print $1 ": not on record, " $2 " lines"; failed = 1; next }
      $2 > 1.05 * known[$1] { print $1 ": " $2 " lines, on record " known[$1]; failed = 1 }
      END {
        for (header in known) if (!(header in seen)) { print header ": on record, but gone"; failed = 1 }
        if (failed) print "remedy: include less, or sh tests/house/preprocessed_lines.sh c++ record, and say why"
        exit failed
      }' ;;
esac
