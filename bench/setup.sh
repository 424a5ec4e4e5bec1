#!/bin/sh
# Gets the peers of the benchmark ready: looks which are here, installs what Debian has of the others,
# builds the programs in C and OCaml into build/bench. A peer that cannot be had is left out, and this
# says so. The Makefile passes CC LUA_INCDIR LIBUV_INCDIR LIBUV_LIBDIR BUILD.
#
#   bench/setup.sh [--count|--own]      --count: only what `make bench-count` needs; --own: what lwt's own
#                                       programs need; both install nothing
#
# What is here is written to build/bench/peers, a line each: name, version.
set -u
cd "$(dirname "$0")/.." || exit 1
: "${CC:=cc}" "${LUA:=lua5.4}" "${LUA_INCDIR:=/usr/include/lua5.4}" "${LIBUV_INCDIR:=}" "${LIBUV_LIBDIR:=}"
: "${BUILD:=build}"
out=$BUILD/bench
mkdir -p "$out/ocaml"

newer() { # target, sources: must it be built?
  target=$1; shift
  for source; do [ "$source" -nt "$target" ] && return 0; done
  [ ! -e "$target" ]
}
CWARN='-std=gnu11 -O2 -Wall -Wextra -Wshadow'
# shellcheck disable=SC2086 # flags
module() { # a Lua module in C, libraries
  newer "$out/$1.so" "bench/c/$1.c" src/lwt.h || return 0
  case $(uname -s) in Darwin) flags='-bundle -undefined dynamic_lookup' ;; *) flags=-shared ;; esac
  $CC $CWARN -fPIC $flags -I"$LUA_INCDIR" -Isrc "bench/c/$1.c" -o "$out/$1.so.new" ${2-} && mv "$out/$1.so.new" "$out/$1.so"
}
# shellcheck disable=SC2086
program() { # name, libraries
  newer "$out/$1" "bench/c/$1.c" bench/c/report.h || return 0
  $CC $CWARN ${LIBUV_INCDIR:+-I"$LIBUV_INCDIR"} "bench/c/$1.c" -o "$out/$1" ${LIBUV_LIBDIR:+-L"$LIBUV_LIBDIR"} ${2-}
}

module probe || exit 1
module job || exit 1
if [ "${1-}" = --count ]; then
  module limit || exit 1
  module still || exit 1
  exit 0
fi
module limit || exit 1
program hold || exit 1
program again || exit 1
program load || exit 1
[ "${1-}" = --own ] && exit 0
program uv -luv || exit 1
program serve -luv || exit 1
program system -luv || exit 1
# What speaks TLS needs OpenSSL, and is left out where that is missing.
certificate() { # name, how its key is made
  [ -e "$out/tls/$1.pem" ] && return 0
  # shellcheck disable=SC2086
  openssl req -x509 -newkey $2 -nodes -keyout "$out/tls/key" -out "$out/tls/cert" -days 3650 -subj /CN=bench 2>/dev/null &&
    cat "$out/tls/cert" "$out/tls/key" >"$out/tls/$1.pem"
}
mkdir -p "$out/tls"
program tls_load '-lssl -lcrypto' 2>/dev/null && program tls_serve '-luv -lssl -lcrypto' 2>/dev/null &&
  certificate ecdsa 'ec -pkeyopt ec_paramgen_curve:P-256' && certificate rsa rsa:2048 ||
  rm -f "$out/tls_load"
pkg-config --exists glib-2.0 2>/dev/null && module glib "$(pkg-config --cflags --libs glib-2.0)"
program typist || exit 1

# ---- The peers: is it here, its packages, its version -------------------------------------------

old_paths='package.path = package.path .. ";/usr/share/lua/5.3/?.lua;/usr/share/lua/5.2/?.lua;/usr/share/lua/5.1/?.lua"'
peers='glib luv cqueues copas lwt_ocaml node go uvloop luasec lualogging python readline openssl'
version() {
  case $1 in
    glib) [ -f "$BUILD/lwt/glib/core.so" ] && [ -f "$out/glib.so" ] && pkg-config --modversion glib-2.0 ;;
    luv) "$LUA" -e 'print(require "luv".version_string())' ;;
    cqueues) "$LUA" -e "$old_paths" -e 'print(require "cqueues".VERSION)' ;;
    copas) "$LUA" -e "$old_paths" -e 'print((require "copas"._VERSION:gsub("Copas ", "")))' ;;
    lwt_ocaml) ocamlfind query -format '%v' lwt && ocamlfind query react >/dev/null && command -v ocamlopt >/dev/null ;;
    node) node --version ;;
    go) command -v go >/dev/null && go version | cut -d' ' -f3 ;;
    lualogging) "$LUA" -e "$old_paths" -e 'print((require "logging"._VERSION:gsub("LuaLogging ", "")))' ;;
    luasec) "$LUA" -e 'print((require "ssl"._VERSION))' ;;
    openssl) [ -x "$out/tls_load" ] && openssl version | cut -d' ' -f2 ;;
    python) python -c 'import sys, logging; print(sys.version.split()[0])' ;;
    readline)
      printf '#include <stdio.h>\n#include <readline/readline.h>\nv RL_VERSION_MAJOR RL_VERSION_MINOR\n' | $CC -E -P -x c - |
        sed -n 's/^v \([0-9]*\) \([0-9]*\)$/\1.\2/p' | grep .
      ;;
    uvloop) python -c 'import sys, uvloop; print(uvloop.__version__, "on Python", sys.version.split()[0])' ;;
  esac 2>/dev/null
}
# Debian's own Python: the packages are for that one.
python() { if [ -x /usr/bin/python3 ]; then /usr/bin/python3 "$@"; else python3 "$@"; fi; }
packages() {
  case $1 in
    glib) echo libglib2.0-dev ;;
    luv) echo lua-luv ;;
    cqueues) echo lua-cqueues ;;
    copas) echo lua-copas lua-socket lua-coxpcall ;;
    lwt_ocaml) echo ocaml-nox ocaml-findlib liblwt-ocaml-dev libreact-ocaml-dev libev-dev ;;
    node) echo nodejs ;;
    go) echo golang-go ;;
    lualogging) echo lua-logging ;;
    luasec) echo lua-sec lua-socket ;;
    openssl) echo libssl-dev openssl ;;
    python) echo python3 ;;
    readline) echo libreadline-dev ;;
    uvloop) echo python3 python3-uvloop ;;
  esac
}

missing='' wanted=''
for peer in $peers; do
  version "$peer" >/dev/null && continue
  missing="$missing $peer"
  wanted="$wanted $(packages "$peer")"
done
if [ -n "$missing" ]; then
  if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "make bench: not here:$missing (on Debian, as root: apt-get install$wanted)"
  else
    echo "make bench: installing$wanted (apt-get)"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q update >"$out/apt.log" 2>&1
    for peer in $missing; do # one by one: a package that cannot be had leaves the others
      # shellcheck disable=SC2046
      apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 install $(packages "$peer") >>"$out/apt.log" 2>&1 </dev/null ||
        echo "make bench: $peer could not be installed: $(grep '^E:' "$out/apt.log" | tail -n 1)"
    done
  fi
fi
: >"$out/peers.new"
for peer in $peers; do
  if found=$(version "$peer"); then
    if [ "$peer" = lwt_ocaml ]; then
      for p in bench serve; do
        if newer "$out/lwt_$p" "bench/ocaml/$p.ml"; then
          cp "bench/ocaml/$p.ml" "$out/ocaml/" && (cd "$out/ocaml" &&
            ocamlfind ocamlopt -thread -O3 -package lwt.unix,react,threads.posix -linkpkg -o "../lwt_$p" "$p.ml" >build.log 2>&1) ||
            { echo "make bench: OCaml's programs do not build, see $out/ocaml/build.log"; continue 2; }
        fi
      done
      found="$found, OCaml $(ocamlopt -version)"
    fi
    if [ "$peer" = go ] && newer "$out/serve_go" bench/go/serve.go; then
      GO111MODULE=off GOCACHE=$(cd "$out" && pwd)/go go build -o "$out/serve_go" bench/go/serve.go 2>"$out/go.log" ||
        { echo "make bench: Go's program does not build, see $out/go.log"; continue; }
    fi
    if [ "$peer" = readline ]; then
      program edit -lreadline || { echo "make bench: readline's program does not build"; continue; }
    fi
    echo "$peer $found" >>"$out/peers.new"
  else
    echo "make bench: $peer is left out"
  fi
done
mv "$out/peers.new" "$out/peers"
