#!/bin/sh
# sh run_mpi.sh MPIRUN RANKS PROGRAM...   Ends with 77 where there is no mpirun.
set -eu
mpirun=$1 ranks=$2
shift 2
if ! command -v "$mpirun" >/dev/null; then
  echo "skipped: there is no mpirun (on Debian: apt-get install openmpi-bin)"
  exit 77
fi
# For Open MPI: also as root, more ranks than processors, and ranks that wait let others run.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
if "$mpirun" --version 2>&1 | grep -qE "Open MPI|OpenRTE"; then
  exec "$mpirun" -n "$ranks" --oversubscribe --mca mpi_yield_when_idle 1 "$@"
fi
exec "$mpirun" -n "$ranks" "$@"
