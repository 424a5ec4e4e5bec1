#!/bin/sh
# specs.sh COMMAND... -- [WORD...]: runs the spec files side by side, each with the command (busted) in
# a process of its own, which has a temporary folder of its own.
#
# A WORD is a file, a folder, or an option for busted (-…). Without files and folders it is all of spec/.
# A line tells each file as it ends, its whole output if it failed; at the end it says what was skipped
# and why, and the last line is the sum: "N passed, N failed". A process that dies or hangs counts as a
# failure.
#
# LWT_SPEC_JOBS   how many at once (twice as many as there are processors, for many wait for a clock; under a sanitizer
#                 or valgrind, where they compute more than they wait, half as many again)
# LWT_SPEC_LIMIT  seconds that one file may take before it counts as hung (1800)
# LWT_SPEC_DAILY  under a sanitizer, leaves out the specs of what is written in Lua alone
set -u

if [ "${1-}" = --one ]; then # the inner call, made by xargs: --one FOLDER COMMAND... FILE
  out=$2
  shift 2
  for file do :; done # the last argument
  name=$(echo "$file" | tr '/.' '__')
  log=$out/$name.log
  # Not below $out: the path of a Unix socket has little room.
  TMPDIR=$(mktemp -d /tmp/lwt.XXXXXX) || exit 1
  export TMPDIR
  limit=''
  command -v timeout >/dev/null 2>&1 && limit="timeout -k 10 ${LWT_SPEC_LIMIT:-1800}"
  # shellcheck disable=SC2086 # a command and its words
  $limit "$@" >"$log" 2>&1 </dev/null
  status=$?
  rm -rf "$TMPDIR"
  totals=$(sed -n 's/^\([0-9][0-9]*\) passed, \([0-9][0-9]*\) failed$/\1 \2/p' "$log" | tail -n 1)
  # shellcheck disable=SC2086 # two words
  set -- ${totals:-0 0}
  passed=$1 failed=$2
  if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
    failed=1
    case $status in
      124 | 137) echo "FAILED $file: stopped after ${LWT_SPEC_LIMIT:-1800} seconds" >>"$log" ;;
      *) echo "FAILED $file: its process ended with status $status" >>"$log" ;;
    esac
  elif [ -z "$totals" ]; then
    failed=1
    echo "FAILED $file: no specs were run" >>"$log"
  fi
  echo "$passed $failed" >"$out/$name.totals"
  grep '^[0-9][0-9]* skipped: ' "$log" >"$out/$name.skipped"
  # One writer at a time, so that the outputs of two files do not mix.
  until mkdir "$out/writing" 2>/dev/null; do sleep 0.1; done
  grep -v -e '^[0-9][0-9]* passed, [0-9][0-9]* failed$' -e '^[0-9][0-9]* skipped: ' "$log"
  rmdir "$out/writing"
  exit 0
fi

command=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  command="$command $1" # no word of it has a space in it
  shift
done
[ $# -gt 0 ] && shift
files=
for word do
  case $word in
    -*) command="$command $word" ;;
    *) if [ -d "$word" ]; then files="$files $(find "$word" -name '*_spec.lua' | sort)"; else files="$files $word"; fi ;;
  esac
done
# The files that take longest come first, so that none of them is what all wait for at the end.
long='spec/log/oom_spec.lua spec/uv/oom_spec.lua spec/core/oom_spec.lua spec/stream/oom_spec.lua spec/uv/finalizer_spec.lua
  spec/docs_spec.lua spec/uv/refused_calls_spec.lua spec/byte_sources_spec.lua spec/core/ended_spec.lua spec/fs_spec.lua
  spec/embedding_spec.lua spec/process/end_spec.lua spec/install_spec.lua spec/rocks_spec.lua spec/uv/engine_spec.lua
  spec/toplevel/command_spec.lua spec/toplevel/prompt_spec.lua spec/toplevel/more_spec.lua spec/uv/fs/slow_disk_spec.lua
  spec/io_spec.lua spec/ssl/context_spec.lua spec/ssl/hostile_spec.lua spec/uv/fs/path_spec.lua spec/uv/seldom_spec.lua
  spec/core/leaks_spec.lua spec/core/depth_spec.lua spec/core/model_spec.lua spec/uv/process/break_spec.lua
  spec/bin_spec.lua'
# These look at texts and at what make does: under a sanitizer or valgrind they would say the same.
plain='^$'
[ -n "${LWT_UNDER-}" ] && plain='/(readme|rocks|rock|layers|types|bench|site|pictures)_spec'
# And these are of parts in Lua alone, on C that others run, or watch the heap: with LWT_SPEC_DAILY set, they are
# left out, too (but for the memory refused to lwt.log and to streams).
small='barrier|bin|clock|condition|docs|gc|install|leaks|list|lwt_for_ocaml|mutex|options|pool|retry|semaphore|seq|switch|throttle|timer'
[ -n "${LWT_UNDER-}" ] && [ -n "${LWT_SPEC_DAILY-}" ] &&
  plain="$plain|^spec/(toplevel|examples|react|growth|log|stream)/[^o]|^spec/term/(read_line|ask)|/($small)_spec"
if [ -z "$files" ]; then
  # shellcheck disable=SC2086 # a list of files
  for file in $({ printf '%s\n' $long; find spec -name '*_spec.lua' | sort; } | grep -v -E "$plain"); do
    [ -f "$file" ] || continue
    case " $files " in *" $file "*) ;; *) files="$files $file" ;; esac
  done
fi

# shellcheck disable=SC2086 # a list of files
set -- $files
if [ $# -eq 1 ]; then # its output is seen as it comes
  # shellcheck disable=SC2086 # a command and its words
  exec $command "$1"
fi
halves=4
[ -n "${LWT_UNDER-}" ] && halves=3
jobs=${LWT_SPEC_JOBS:-$(($(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) * halves / 2))}
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# shellcheck disable=SC2086 # a command and its words
printf '%s\n' "$@" | xargs -n 1 -P "$jobs" sh "$0" --one "$out" $command
cat "$out"/*.skipped | awk '
  { n = $1; sub(/^[0-9]* skipped: /, ""); count[$0] += n }
  END { for (why in count) print count[why] " skipped: " why }' | LC_ALL=C sort -k 3
cat "$out"/*.totals | awk -v files=$# '
  { passed += $1; failed += $2 }
  END {
    if (NR < files) { print files - NR " files were not run"; failed += files - NR }
    print passed + 0 " passed, " failed + 0 " failed"
    exit failed > 0
  }'
