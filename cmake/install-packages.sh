#!/bin/sh
# sh cmake/install-packages.sh SECTION...
# Installs what is missing of these sections of debian-packages.txt (build, test, milp, mpi, bench, peers, ci, cross), by
# apt-get, as root or through sudo. Says what it does; with nothing missing it does and says nothing.
set -eu

list=$(dirname "$0")/debian-packages.txt
[ $# -gt 0 ] || { echo "usage: sh $0 SECTION...   (build, test, milp, mpi, bench, peers, ci, cross)" >&2; exit 2; }

wanted=
for section in "$@"; do
  names=$(sed -n "s/^$section //p" "$list")
  [ -n "$names" ] || { echo "$0: no section '$section' in $list" >&2; exit 2; }
  wanted="$wanted $(echo "$names" | tr '\n' ' ')"
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "$0: this is not Debian (no dpkg-query and apt-get): install by hand what these Debian packages hold," >&2
  echo "  then configure, build and test with cmake itself (docs/quick-start.md): $wanted" >&2
  exit 3
fi

missing=
for name in $wanted; do
  case $(dpkg-query -W -f '${Status}' "$name" 2>/dev/null || true) in
    *" installed") ;;
    *) missing="$missing $name" ;;
  esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
  as_root=
elif command -v sudo >/dev/null; then
  as_root=sudo
else
  echo "$0: packages are missing, and this is neither root nor is there sudo. As root:" >&2
  echo "  apt-get install$missing" >&2
  exit 3
fi

# apt-get as root, asking no questions.
apt() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q "$@"; }

echo "Installing Debian packages:$missing"
# A fresh system has no package lists: fetch them if a name is unknown. A system's old lists name files that are gone:
# fetch new ones and try again.
# shellcheck disable=SC2086  # the names are split on purpose
install_missing() { apt install -y --no-install-recommends $missing; }
for name in $missing; do
  if ! apt-cache show "$name" >/dev/null 2>&1; then
    apt update
    install_missing
    exit
  fi
done
install_missing || { apt update && install_missing; }
