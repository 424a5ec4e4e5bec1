#!/bin/sh
# mounted.sh COMMAND...: runs it with /proc and with terminals. Every machine has them; a bare
# chroot has not, and the specs look at their own processes, open terminals, and use sanitizers
# that read /proc. What is mounted here is unmounted at the end.
[ "$(uname -s)" = Linux ] || exec "$@"
missing=
[ -e /proc/self/stat ] || missing=proc
[ -e /dev/pts/ptmx ] || missing="$missing devpts"
[ -n "$missing" ] || exec "$@"
if [ "$(id -u)" -ne 0 ]; then
  case $missing in
    *proc*) echo "there is no /proc here: as root, mount -t proc proc /proc" >&2 ;;
    *) echo "there are no terminals here: as root, mount -t devpts devpts /dev/pts" >&2 ;;
  esac
  exit 1
fi
mounts=
give_back() {
  for at in $mounts; do umount "$at"; done
  mounts=
}
trap give_back EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
put() { # type, where
  mount -t "$1" "$1" "$2" || exit 1
  mounts="$2 $mounts"
  echo "mounting $2 for the time being" >&2
}
case $missing in *proc*) put proc /proc ;; esac
case $missing in *devpts*) mkdir -p /dev/pts && put devpts /dev/pts ;; esac
"$@"
