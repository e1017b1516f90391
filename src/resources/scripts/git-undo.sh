#!/bin/sh
# git-undo PATH ORIGIN HEAD : back to the branch or commit that was checked out.
set -eu
git() { command git -c "safe.directory=$1" -c advice.detachedHead=false -C "$@"; }
git "$1" checkout --quiet "$3" --
[ -z "$2" ] || git "$1" remote set-url origin "$2"
