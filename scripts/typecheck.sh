#!/bin/sh
# lua-language-server over a folder of programs, with the definitions in types/:
#
#   scripts/typecheck.sh FOLDER
#
# Prints what it finds, and exits 1 then. Where there is no language server it says so and exits 0:
# no distribution of ours has it as a package. LUALS names another command for it.
set -u

folder=$(cd "${1:?usage: scripts/typecheck.sh FOLDER}" && pwd) || exit 2
types=$(cd "$(dirname "$0")/../types" && pwd) || exit 2
: "${LUALS:=lua-language-server}"
command -v "$LUALS" >/dev/null 2>&1 || {
  echo "not checked: there is no lua-language-server here ($LUALS)"
  exit 0
}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/config.json" <<END
{ "runtime.version": "Lua 5.4", "workspace.library": ["$types"], "workspace.checkThirdParty": false,
  "diagnostics.globals": ["describe", "it", "before_each", "after_each", "setup", "teardown", "pending"] }
END
"$LUALS" --check="$folder" --configpath="$dir/config.json" --checklevel=Warning \
  --logpath="$dir" --metapath="$dir/meta" --check_format=pretty >"$dir/out" 2>&1 && exit 0
tr '\r' '\n' <"$dir/out" | grep -v '^ *\(>\|Initializing\|$\)'
exit 1
