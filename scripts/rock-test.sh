#!/bin/sh
# The rock as a user meets it: linted, built, packed, and installed without a network, each into
# a throw-away tree from which the smoke script is then run. LUA and LUA_VERSION may be set.
set -eu
: "${LUA_VERSION:=5.4}" "${LUA:=lua$LUA_VERSION}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# No configuration of the user's, and nowhere to fetch from.
HOME=$work/home http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9
export HOME http_proxy https_proxy
unset LUA_PATH LUA_CPATH LUA_PATH_5_4 LUA_CPATH_5_4 LUA_INIT || true
mkdir -p "$HOME" "$work/elsewhere"

rocks() { luarocks --lua-version="$LUA_VERSION" "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }; }
smoke() { # tree
  (
    cd "$work/elsewhere"
    cp "$work/src/scripts/smoke.lua" .
    LUA_PATH="$1/share/lua/$LUA_VERSION/?.lua;$1/share/lua/$LUA_VERSION/?/init.lua" \
      LUA_CPATH="$1/lib/lua/$LUA_VERSION/?.so" "$LUA" smoke.lua
    "$1/bin/lwt" smoke.lua
    "$1/bin/lwt" -v
  )
}

scripts/tree.sh "$work/src"
cd "$work/src"
for spec in rockspec/*.rockspec; do
  echo "luarocks lint $spec"
  rocks lint "$spec"
done
echo "luarocks make"
rocks make --tree="$work/made" rockspec/lwt-scm-1.rockspec
smoke "$work/made"
# The rocks beside it, those whose library is there, into the same tree.
for mk in src/*/rock.mk; do
  rock=$(basename "$(dirname "$mk")")
  header=$(sed -n "s/^${rock}_HEADER := //p" "$mk")
  flags=$(pkg-config --cflags "$(sed -n "s/^${rock}_PKG := //p" "$mk")" 2>/dev/null || true)
  # shellcheck disable=SC2086 # flags
  if [ -n "$header" ] && ! printf '#include <%s>\n' "$header" | ${CC:-cc} $flags -E -x c - >/dev/null 2>&1; then
    echo "lwt-$rock is left out: there is no $header"
    continue
  fi
  echo "luarocks make lwt-$rock"
  rocks make --tree="$work/made" "rockspec/lwt-$rock-scm-1.rockspec"
  for name in $(sed -n "s/^${rock}_LUA := //p" "$mk"); do
    (cd "$work/elsewhere" && LUA_PATH="$work/made/share/lua/$LUA_VERSION/?.lua;$work/made/share/lua/$LUA_VERSION/?/init.lua" \
      LUA_CPATH="$work/made/lib/lua/$LUA_VERSION/?.so" "$LUA" -e "require 'lwt.$name'")
  done
done
echo "luarocks make --pack-binary-rock"
rocks make --pack-binary-rock rockspec/lwt-scm-1.rockspec
rock=$(ls "$work/src"/lwt-scm-1.*.rock)
echo "luarocks install $(basename "$rock")"
rocks install --tree="$work/installed" "$rock"
smoke "$work/installed"
find "$work/installed" -name lwt.h | grep -q include/lwt.h || { echo "lwt.h is not in the rock" >&2; exit 1; }
echo "the rock is built, packed and installed"
