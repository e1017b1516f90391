#!/bin/sh
# git-undo PATH ORIGIN HEAD : back to the branch or commit that was checked out.
set -eu
git() { command git -c "safe.directory=$1" -c advice.detachedHead=false -C "$@"; }
folder=$(git "$1" rev-parse --absolute-git-dir)
if [ -e "$folder/lab-unfinished" ]; then
  # The checkout was killed: git's locks are nobody's, and what differs from a commit is nobody's work.
  find "$folder" -name '*.lock' -type f -exec rm -f {} +
  git "$1" checkout --quiet --force "$3" --
else
  git "$1" checkout --quiet "$3" --
fi
[ -z "$2" ] || git "$1" remote set-url origin "$2"
rm -f "$folder/lab-unfinished"
