#!/bin/sh
# Lays out a rock of its own beside lwt, so that all of them look alike (see CONTRIBUTING):
#
#   scripts/new-rock.sh NAME HEADER LIBRARY DEBIAN-PACKAGE WORDS
#   scripts/new-rock.sh ssl openssl/ssl.h ssl libssl-dev OpenSSL
#
# src/NAME/rock.mk       what it needs and has, for make, for scripts/deps.sh and for the rockspec
# src/NAME/module.c      the module lwt.NAME.core, on lua.h, lwt.h and its library alone
# lua/lwt/NAME.lua       lwt.NAME, which users require
# spec/NAME/             its specs
# rockspec/lwt-NAME-scm-1.rockspec
set -eu
[ $# -eq 5 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '$d'; exit 2; }
name=$1 header=$2 library=$3 package=$4 words=$5
dep=$(echo "$name" | tr '[:lower:]' '[:upper:]')
[ ! -e "src/$name" ] || { echo "src/$name is there already" >&2; exit 1; }
mkdir -p "src/$name" "spec/$name"

cat >"src/$name/rock.mk" <<EOF
# The rock lwt-$name: what it needs and has. Read by the Makefile, by scripts/deps.sh, and by
# scripts/rockspec.lua; each line is read by itself.
${name}_HEADER := $header
${name}_LIBS := -l$library
${name}_PKG := $library
${name}_DEBIAN := $package
${name}_NEEDS := $words
${name}_DEP := $dep
${name}_LUA := $name
EOF

cat >"src/$name/module.c" <<EOF
/* module.c: the module lwt.$name.core. */
#include <lauxlib.h>
#include <lua.h>
#include <lwt.h>

#include <$header>

__attribute__((visibility("default"))) int luaopen_lwt_${name}_core(lua_State *L) {
  static const luaL_Reg functions[] = {{NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
EOF

cat >"lua/lwt/$name.lua" <<EOF
--- What lwt.$name is for, in one sentence; then how it is used.

local M = {}

return M
EOF

cat >"spec/$name/${name}_spec.lua" <<EOF
describe("lwt.$name", function()
  it("is there", function() require "lwt.$name.core" end)
end)
EOF

cat >"rockspec/lwt-$name-scm-1.rockspec" <<EOF
rockspec_format = "3.0"
package = "lwt-$name"
version = "scm-1"
source = {
  url = "git+https://lwt.invalid/lwt.git", -- set when the project has its public address
}
description = {
  summary = "$words for lwt",
  license = "MIT",
  labels = { "async", "lwt" },
}
dependencies = {
  "lua >= 5.4, < 5.5",
  "lwt",
}
external_dependencies = {
  $dep = { header = "$header", library = "$library" },
}
build = {
  type = "builtin",
  -- Written by scripts/rockspec.lua from the tree: run it after adding or removing a file.
  -- (begin)
  -- (end)
}
EOF
"${LUA:-lua5.4}" scripts/rockspec.lua
echo "src/$name, lua/lwt/$name.lua, spec/$name and rockspec/lwt-$name-scm-1.rockspec are made:"
echo "add what it is to lua/lwt/internal/rocks.lua, CHANGELOG.md and README.md."
