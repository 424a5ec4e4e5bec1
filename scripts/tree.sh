#!/bin/sh
# Copies what belongs to the project (tracked, or new and not ignored) from here into a folder:
#   scripts/tree.sh FOLDER
# A checkout that is no git repository (an unpacked release) is copied without its build folder.
set -eu
mkdir -p "$1"
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
  git ls-files -z --cached --others --exclude-standard
else
  find . -name build -prune -o \( -type f -o -type l \) -print0
fi | tar --null --hard-dereference --ignore-failed-read --warning=no-failed-read -hcf - -T - | tar -xf - -C "$1"
