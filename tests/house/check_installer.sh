#!/bin/sh
# sh check_installer.sh SCRATCH: runs cmake/install-packages.sh with an apt-get and a dpkg-query of our own, and checks
# what it asks of them.
set -eu
installer=$(cd "$(dirname "$0")/../../cmake" && pwd)/install-packages.sh
scratch=$1
rm -rf "$scratch"
mkdir -p "$scratch/bin"
cd "$scratch"

# write NAME: makes the program NAME from standard input.
write() {
  { echo '#!/bin/sh'; cat; } >"bin/$1"
  chmod +x "bin/$1"
}
# Every package that is not named in `installed` is missing; apt-get install adds to it; apt-get update makes all known.
write dpkg-query <<'END'
for name; do :; done
grep -qx "$name" installed && printf 'install ok installed'
END
write apt-cache <<'END'
test -e known
END
write apt-get <<'END'
echo "$*" >>calls
case "$*" in
  *update) touch known ;;
  *) test -e stale && { rm stale; exit 100; }
     for name; do echo "$name" >>installed; done ;;
esac
END
write id <<'END'
cat user
END
for tool in sed tr grep cat touch rm env dirname sh; do ln -s "$(command -v $tool)" "bin/$tool"; done

fail() {
  echo "$*" >&2
  cat calls output >&2
  exit 1
}
# run SECTION...: calls the installer; its output goes to `output`, its exit code to $code.
run() {
  : >calls
  code=0
  PATH=$scratch/bin sh "$installer" "$@" >output 2>&1 || code=$?
}

: >installed
echo 0 >user
run build test
[ $code -eq 0 ] || fail "a fresh system: exit code $code"
[ "$(sed -n 1p calls)" = "-q update" ] || fail "a fresh system: the package lists were not fetched first"
grep -qx doctest-dev installed && grep -qx libopenblas-openmp-dev installed || fail "a fresh system: not all installed"
grep -qx libbenchmark-dev installed && fail "a section that was not asked for got installed"
grep -q "Installing Debian packages:.* doctest-dev" output || fail "it does not say what it installs"

run build test
[ $code -eq 0 ] && [ ! -s calls ] && [ ! -s output ] || fail "the second call is not silent"

grep -vx zlib1g-dev installed >fewer && cat fewer >installed
touch stale
run build
[ $code -eq 0 ] && [ "$(grep -c install calls)" -eq 2 ] && grep -q update calls || fail "old lists were not renewed"
grep -q doctest-dev calls && fail "it installs what is there already"

grep -vx zlib1g-dev installed >fewer && cat fewer >installed
echo 1000 >user
run build
[ $code -eq 3 ] && [ ! -s calls ] && grep -q "apt-get install zlib1g-dev" output || fail "neither root nor sudo"

write sudo <<'END'
echo sudo >>calls
exec "$@"
END
run build
[ $code -eq 0 ] && grep -qx sudo calls && grep -qx zlib1g-dev installed || fail "through sudo"

run no-such-section
[ $code -eq 2 ] || fail "an unknown section: exit code $code"

rm bin/dpkg-query
run build
[ $code -eq 3 ] && grep -q "not Debian" output || fail "off Debian"
echo "the installer does what it says"
