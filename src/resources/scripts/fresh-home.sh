#!/bin/sh
# fresh-home VERB PATH : a home directory that came with its account. undo removes it, unless somebody keeps files in it
# that did not come along; redo brings it back.
set -eu
verb=$1 path=$2
kept=$LAB_ACTION_DIR/home
case $verb in
  undo)
    [ -d "$path" ] || exit 0
    if diff -r /etc/skel "$path" >/dev/null 2>&1; then
      rm -rf "$kept"
      cp -a "$path" "$kept"
      rm -rf "$path"
    else
      echo "$path stays: somebody keeps files in it"
    fi
    ;;
  redo) if [ -d "$kept" ] && [ ! -e "$path" ]; then cp -a "$kept" "$path"; fi ;;
esac
