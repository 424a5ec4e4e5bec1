#!/bin/sh
# Makes FOLDER/lwt-VERSION.tar.gz of the files in the tree, the same bytes each time:
#   scripts/dist.sh VERSION FOLDER
set -eu
version=$1 out=$2
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
scripts/tree.sh "$work/lwt-$version"
when=$(git log -1 --format=%ct 2>/dev/null || echo 0)
tar -C "$work" --sort=name --mtime="@$when" --owner=0 --group=0 --numeric-owner \
  -cf "$work/dist.tar" "lwt-$version"
gzip -9n <"$work/dist.tar" >"$out/lwt-$version.tar.gz"
echo "$out/lwt-$version.tar.gz"
