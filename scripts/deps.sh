#!/bin/sh
# What a make target needs beyond a shell: looks, installs what is missing, or says what it is.
#
#   scripts/deps.sh [--look] GROUP      GROUP: build run test whole docs bench check asan tsan valgrind lint format rock site site-check lgi gtk-check
#
# With everything there it prints nothing. As root on a Debian-like system it installs the missing
# packages with apt-get and asks nothing; otherwise (or with --look) it names them and exits 1.
# The Makefile passes CC LUA LUA_VERSION LUA_INCDIR LIBUV_INCDIR LIBUV_LIBDIR BUSTED, so that what
# was given from outside is looked at rather than Debian's places.
set -u

look=0
if [ "${1-}" = --look ]; then look=1; shift; fi
group=${1:?usage: scripts/deps.sh [--look] GROUP}
: "${CC:=cc}" "${LUA_VERSION:=5.4}" "${LUA:=lua$LUA_VERSION}" "${BUSTED:=busted}"
: "${LUA_INCDIR:=/usr/include/lua$LUA_VERSION}" "${LIBUV_INCDIR:=}" "${LIBUV_LIBDIR:=}"

missing='' # packages
what=''    # the same in words, for systems that call them otherwise
need() { # package, words
  case " $missing " in *" $1 "*) ;; *) missing="$missing${missing:+ }$1"; what="$what${what:+, }$2" ;; esac
}
have() { command -v "$1" >/dev/null 2>&1; }
header() { # header, include folder: does it preprocess?
  printf '#include <%s>\n' "$1" | $CC ${2:+-I"$2"} -E -x c - >/dev/null 2>&1
}
links() { # library, folder
  printf 'int main(void) { return 0; }\n' | $CC -x c - ${2:+-L"$2"} -l"$1" -o /dev/null >/dev/null 2>&1
}

look_build() {
  # ${CC%% *}: CC may carry flags or a launcher.
  have "${CC%% *}" || need gcc "a C compiler ($CC)"
  if have "${CC%% *}"; then
    header stdio.h '' || need libc6-dev 'the C library headers'
    header lua.h "$LUA_INCDIR" || need "liblua$LUA_VERSION-dev" "the headers of Lua $LUA_VERSION (lua.h)"
    { header uv.h "$LIBUV_INCDIR" && links uv "$LIBUV_LIBDIR"; } || need libuv1-dev 'libuv with its headers (uv.h)'
  else
    need libc6-dev 'the C library headers'
    [ -f "$LUA_INCDIR/lua.h" ] || need "liblua$LUA_VERSION-dev" "the headers of Lua $LUA_VERSION (lua.h)"
    [ -f "${LIBUV_INCDIR:-/usr/include}/uv.h" ] || need libuv1-dev 'libuv with its headers (uv.h)'
  fi
}
look_run() {
  look_build
  "${LUA%% *}" -e "assert(_VERSION == 'Lua $LUA_VERSION')" >/dev/null 2>&1 || need "lua$LUA_VERSION" "Lua $LUA_VERSION ($LUA)"
}
# The libraries of the rocks beside lwt (src/*/rock.mk), which are optional for who builds only.
look_rocks() {
  for mk in src/*/rock.mk; do
    [ -f "$mk" ] || continue
    rock=${mk#src/} rock=${rock%/rock.mk}
    value() { sed -n "s/^${rock}_$1 := //p" "$mk"; }
    [ -n "$(value HEADER)" ] || continue
    # shellcheck disable=SC2046 # flags
    printf '#include <%s>\n' "$(value HEADER)" \
      | $CC $(pkg-config --cflags "$(value PKG)" 2>/dev/null) -E -x c - >/dev/null 2>&1 && continue
    for package in $(value DEBIAN); do need "$package" "$(value NEEDS)"; done
  done
}
look_test() {
  look_run
  look_rocks
  have "$BUSTED" || need lua-busted 'busted'
  # What specs talk to: another program's sockets, and the names of services.
  have nc || need netcat-openbsd 'nc (netcat)'
  have tmux || need tmux 'tmux'
  # Certificates for the specs of TLS: those that they make, and the system's.
  have openssl || need openssl 'the openssl command'
  [ -n "$(ls /etc/ssl/certs /etc/pki/tls/certs /etc/ssl/cert.pem 2>/dev/null | grep -v :)" ] \
    || need ca-certificates "the system's certificates"
  # Other libraries that the specs of TLS talk to. (And node, where it is there.)
  have curl || need curl curl
  have gnutls-cli || need gnutls-bin 'gnutls-cli and gnutls-serv'
  have python3 || need python3 Python
  "${LUA%% *}" -e 'require "ssl"' >/dev/null 2>&1 || need lua-sec LuaSec
  [ -e /etc/services ] || need netbase 'the names of services (/etc/services)'
  # What lwt.log works with: a log daemon, who moves log files (root's programs), who compresses
  # them, and another library's logs (for Lua 5.2: there is nothing of 5.4 that it needs).
  [ -x /usr/sbin/rsyslogd ] || have rsyslogd || need rsyslog 'rsyslogd'
  [ -x /usr/sbin/logrotate ] || have logrotate || need logrotate 'logrotate'
  have gzip || need gzip gzip
  have apt-get && [ ! -e /usr/share/lua/5.2/logging.lua ] && need lua-logging LuaLogging
  # Another terminal, with which the specs of the terminal compare screens.
  have apt-get && { header vterm.h '' || need libvterm-dev libvterm; }
  look_unicode
}
# With these no spec is left out (but what the system or the user cannot do).
look_whole() {
  look_test
  have valgrind || need valgrind valgrind
  have "lua5.1" || need lua5.1 'Lua 5.1'
  have script || need bsdutils script
  have man || need man-db man
  have pkg-config || need pkg-config pkg-config
  "${LUA%% *}" -e 'require "luv"' >/dev/null 2>&1 || need lua-luv luv
}
# Unicode's own tests, which are left out elsewhere: only Debian has them as a package.
look_unicode() {
  { have apt-get && [ "$(id -u)" = 0 ]; } || return 0
  [ -e /usr/share/unicode/UnicodeData.txt ] || need unicode-data "Unicode's tests"
  have bzip2 || need bzip2 bzip2
}
look_sanitizer() { # name
  case $($CC -print-file-name="lib$1.so" 2>/dev/null) in
    /*) ;;
    *) need gcc "gcc's lib$1" ;;
  esac
}
look_lint() {
  look_run
  look_rocks
  have luacheck || need lua-check luacheck
  have clang-tidy || need clang-tidy clang-tidy
}
# To build lgi, and what GIO talks with in the specs.
look_lgi() {
  pkg-config --exists gobject-introspection-1.0 2>/dev/null || need libgirepository1.0-dev 'gobject-introspection-1.0'
  have dbus-daemon || need dbus-daemon dbus-daemon
  have make || need make make
}
# A GTK program on a display that nobody sees, and who clicks on it and photographs it.
look_gtk() {
  have Xvfb || need xvfb Xvfb
  have xdotool || need xdotool xdotool
  ls /usr/lib/*/girepository-1.0/Gtk-3.0.typelib >/dev/null 2>&1 || need gir1.2-gtk-3.0 'GTK 3 (its typelib)'
  fc-list 2>/dev/null | grep -q . || need fonts-dejavu-core 'a font'
}
look_site() {
  look_run
  have sphinx-build || need python3-sphinx Sphinx
  # The Python that runs Sphinx need not be the first one on the path.
  python=$(sed -n '1s/^#! *//p' "$(command -v sphinx-build || echo /dev/null)")
  ${python:-false} -c 'import myst_parser' 2>/dev/null || need python3-myst-parser 'myst-parser for Sphinx'
  ${python:-false} -c 'import sphinx_rtd_theme' 2>/dev/null || need python3-sphinx-rtd-theme 'the theme sphinx_rtd_theme'
}
look() {
  case $1 in
    build) look_build ;;
    run) look_run ;;
    test) look_test ;;
    whole) look_whole ;;
    docs|bench) look_run; look_rocks ;;
    asan) look_test; look_sanitizer asan ;;
    tsan) look_test; look_sanitizer tsan ;;
    valgrind) look_test; have valgrind || need valgrind valgrind ;;
    lint) look_lint ;;
    format) have clang-format || need clang-format clang-format ;;
    lgi) look_lgi ;;
    gtk-check) look_test; look_lgi; look_gtk ;;
    site) look_site ;;
    site-check) look_test; look_site; have chromium || need chromium Chromium ;;
    rock) look_run; have luarocks || need luarocks LuaRocks ;;
    check) look_test; look_lint; look_sanitizer asan; look_sanitizer tsan
      have valgrind || need valgrind valgrind
      have clang-format || need clang-format clang-format ;;
    *) echo "scripts/deps.sh: no such group: $1" >&2; exit 2 ;;
  esac
}

give_up() { # why
  {
    echo "make${target:+ $target}: missing: $what"
    if have apt-get; then echo "  $1; install them with:  apt-get install $missing   (as root)"
    elif have brew; then echo "  install them, for example with:  brew install lua libuv luarocks"
    else echo "  install them with your system's package manager (on Debian: $missing)"
    fi
    echo "  or say where they are: CC LUA LUA_INCDIR LIBUV_INCDIR LIBUV_LIBDIR BUSTED"
  } >&2
  exit 1
}

target=$group
case $group in build | whole) target='' ;; esac
look "$group"
[ -z "$missing" ] && exit 0
[ "$look" = 1 ] && give_up 'this target installs nothing by itself'
have apt-get || give_up ''
[ "$(id -u)" = 0 ] || give_up 'you are not root, so nothing was installed'

echo "make $target: installing $missing (apt-get)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
apt-get -q update >"$log" 2>&1
# shellcheck disable=SC2086 # a list of packages
if ! apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 install $missing \
    >>"$log" 2>&1 </dev/null; then
  grep '^E:' "$log" | tail -n 3 >&2
  give_up 'apt-get could not install them (is there a network?)'
fi
asked=$missing
missing='' what=''
look "$group"
[ -z "$missing" ] || give_up "apt-get installed $asked, and something is still not found"
