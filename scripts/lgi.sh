#!/bin/sh
# Builds lgi (GLib, GIO and GTK for Lua) for Lua 5.4 into a folder: Debian has it for 5.1 to 5.3 only.
#
#   scripts/lgi.sh FOLDER [TARBALL]     LUA_PATH is then FOLDER/?.lua, LUA_CPATH FOLDER/?.so
#
# The source is Debian's, fetched with a list of sources, an index and a cache of its own below FOLDER:
# nothing of the system's is touched, and nobody need be root. TARBALL: one that is there already.
# Says in a line what is missing, and leaves with 1.
set -eu
folder=$1 tarball=${2-}
: "${CC:=cc}" "${LUA_INCDIR:=/usr/include/lua5.4}"
[ ! -f "$folder/lgi/corelgilua51.so" ] || exit 0

missing() {
  echo "lgi for Lua 5.4 cannot be built: $1" >&2
  exit 1
}
pkg-config --exists gobject-introspection-1.0 gmodule-2.0 libffi 2>/dev/null \
  || missing 'no gobject-introspection-1.0 (on Debian: libgirepository1.0-dev)'

mkdir -p "$folder"
work=$(cd "$folder" && pwd)/source
rm -rf "$work"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
if [ -z "$tarball" ]; then
  command -v apt-get >/dev/null || missing 'no apt-get, to fetch its source'
  release=$(. /etc/os-release && echo "${VERSION_CODENAME-stable}")
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  [ -f "$keys" ] || missing "no $keys"
  echo "deb-src [signed-by=$keys] http://deb.debian.org/debian $release main" >"$work/sources.list"
  apt() {
    apt-get -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
      -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root "$@"
  }
  { apt update && (cd "$work" && apt source --download-only --tar-only lua-lgi); } >"$work/log" 2>&1 \
    || missing "its source cannot be fetched ($(grep -m 1 "^[EW]:" "$work/log"))"
  tarball=$(ls "$work"/lua-lgi_*.orig.tar.*)
fi
tar -xf "$tarball" -C "$work"
top=$(ls -d "$work"/lgi-*)

# Its last release is older than Lua 5.4, whose lua_resume has one argument more.
cat >"$top/lua54.h" <<'EOF'
#include <lua.h>
static inline int lwt_lua54_resume(lua_State *L, lua_State *from, int nargs) {
  int nresults;
  return lua_resume(L, from, nargs, &nresults);
}
#define lua_resume lwt_lua54_resume
EOF
make -s -C "$top/lgi" CC="$CC" LUA_VERSION=5.4 VERSION=0.9.2 CFLAGS="-O2 -w -include $top/lua54.h" \
  LUA_CFLAGS="-I$LUA_INCDIR" >"$work/log" 2>&1 || missing "$(tail -n 1 "$work/log")"
# The folder becomes what `make install` of lgi's would lay out, and is there at once or not at all.
mkdir -p "$work/done/override"
cp "$top"/lgi/*.lua "$top/lgi/corelgilua51.so" "$work/done"
cp "$top"/lgi/override/*.lua "$work/done/override"
cp "$top/lgi.lua" "$folder/lgi.lua"
mv "$work/done" "$folder/lgi"
rm -rf "$work"
