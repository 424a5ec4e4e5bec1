#!/bin/sh
# tidy.sh FLAG... -- FILE...: clang-tidy over the files, with the compiler's flags; what it says is
# shown only where it finds something.
set -u
flags=
while [ "$1" != -- ]; do
  flags="$flags $1"
  shift
done
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # a list of flags
clang-tidy --quiet --warnings-as-errors='*' "$@" -- $flags >"$log" 2>&1 && exit 0
cat "$log" >&2
exit 1
